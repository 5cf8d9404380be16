package dev.lull.it.harness;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.locks.LockSupport;

/** The main program of a {@link Writer}: writes 4 KiB blocks for ever, and a line on stdout after each. */
final class WriterProgram {
    private static final int BLOCK = 4096;
    private static final int BLOCKS = 256;

    private WriterProgram() {}

    /**
     * Each line has the number of the write and when it was begun and done, in CLOCK_MONOTONIC's nanoseconds.
     *
     * @param arguments the file; nanoseconds to pause between writes; {@code fsync} or {@code plain}
     */
    public static void main(String[] arguments) throws IOException {
        long pause = Long.parseLong(arguments[1]);
        boolean durable = arguments[2].equals("fsync");
        PrintStream out = System.out;
        var block = ByteBuffer.allocateDirect(BLOCK);
        try (FileChannel file =
                FileChannel.open(
                        Path.of(arguments[0]),
                        StandardOpenOption.CREATE,
                        StandardOpenOption.WRITE)) {
            for (long number = 0; ; number++) {
                block.clear();
                block.putLong(0, number);
                long begun = System.nanoTime();
                file.write(block, number % BLOCKS * BLOCK);
                if (durable) {
                    file.force(false);
                }
                long done = System.nanoTime();
                out.println(number + " " + begun + " " + done);
                if (out.checkError()) {
                    return;
                }
                LockSupport.parkNanos(pause);
            }
        }
    }
}
