package dev.lull.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * A process that appends 4 KiB a thousand times a second, as an application would that lull backs up, and measures how
 * long each write took. Every line on its stdin is answered with {@code LONGEST_NANOS WRITES} since the last one; at the
 * end of its stdin it ends.
 */
final class DemoWriter {
    private static final int BLOCK = 4096;
    private static final long PAUSE_NANOS = 1_000_000;

    /** Starts again at the beginning there, so that it never fills the filesystem. */
    private static final long LARGEST = 32 << 20;

    private DemoWriter() {}

    static void run(Path file) throws IOException, InterruptedException {
        AtomicLong longest = new AtomicLong();
        AtomicLong writes = new AtomicLong();
        AtomicBoolean ended = new AtomicBoolean();
        try (FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            Thread writer =
                    Thread.ofPlatform()
                            .name("writer")
                            .start(() -> write(channel, longest, writes, ended));
            BufferedReader in =
                    new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            System.out.println("ready");
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                System.out.println(longest.getAndSet(0) + " " + writes.getAndSet(0));
            }
            ended.set(true);
            writer.join();
        }
    }

    private static void write(
            FileChannel file, AtomicLong longest, AtomicLong writes, AtomicBoolean ended) {
        ByteBuffer block = ByteBuffer.allocateDirect(BLOCK);
        long position = 0;
        try {
            while (!ended.get()) {
                block.clear();
                long begun = System.nanoTime();
                file.write(block, position);
                long took = System.nanoTime() - begun;
                longest.accumulateAndGet(took, Math::max);
                writes.incrementAndGet();
                position = (position + BLOCK) % LARGEST;
                LockSupport.parkNanos(PAUSE_NANOS);
            }
        } catch (IOException e) {
            System.err.println("lull: the demo's writer: " + e.getMessage());
        }
    }
}
