package dev.lull.it.harness;

import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** A process that writes to a scratch filesystem all the time and notes when each write was begun and done. */
public final class Writer implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(15);
    private static final Duration PAUSE = Duration.ofMillis(2);

    private final Process process;
    private final Thread reader;
    private final List<Write> writes = new ArrayList<>();

    /**
     * One write.
     *
     * @param begun nanoseconds of {@link System#nanoTime}, whose clock all processes share
     * @param done the same
     */
    public record Write(long number, long begun, long done) {
        public Duration took() {
            return Duration.ofNanos(done - begun);
        }
    }

    private Writer(Process process) {
        this.process = process;
        this.reader = Thread.ofVirtual().name("writer " + process.pid()).start(this::read);
    }

    /** Starts one that does not fsync, and waits for its first write. */
    public static Writer start(ScratchFilesystem filesystem) {
        return start(filesystem, "plain");
    }

    /** Starts one that fsyncs each write, and waits for its first. */
    public static Writer startDurable(ScratchFilesystem filesystem) {
        return start(filesystem, "fsync");
    }

    private static Writer start(ScratchFilesystem filesystem, String mode) {
        try {
            Process process =
                    JavaProgram.of(
                                    WriterProgram.class,
                                    filesystem.resolve("written").toString(),
                                    Long.toString(PAUSE.toNanos()),
                                    mode)
                            .redirectError(ProcessBuilder.Redirect.INHERIT)
                            .start();
            var writer = new Writer(process);
            writer.awaitGoing();
            return writer;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void read() {
        try (BufferedReader lines = process.inputReader()) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                String[] fields = line.split(" ", -1);
                if (fields.length == 3) {
                    var write =
                            new Write(
                                    Long.parseLong(fields[0]),
                                    Long.parseLong(fields[1]),
                                    Long.parseLong(fields[2]));
                    synchronized (writes) {
                        writes.add(write);
                    }
                }
            }
        } catch (IOException e) {
            // Its end, by kill, can come within a line.
            return;
        }
    }

    public long pid() {
        return process.pid();
    }

    public List<Write> writes() {
        synchronized (writes) {
            return List.copyOf(writes);
        }
    }

    public int count() {
        synchronized (writes) {
            return writes.size();
        }
    }

    /** The longest that one write has taken; what a user of the filesystem felt. */
    public Duration longestStall() {
        return writes().stream().map(Write::took).max(Duration::compareTo).orElse(Duration.ZERO);
    }

    /** Waits for the first write that was done after this time of {@link System#nanoTime}. */
    public Write awaitDone(long after) {
        return await("writer " + pid() + " goes on")
                .atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(5))
                .until(
                        () -> writes().stream().filter(write -> write.done() >= after).findFirst(),
                        Optional::isPresent)
                .orElseThrow();
    }

    /** Waits until a thread of the writer is in state D and nothing is written any more. */
    public void awaitBlocked() {
        await("writer " + pid() + " is blocked")
                .atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(10))
                .until(this::isBlocked);
    }

    private boolean isBlocked() throws InterruptedException {
        int before = count();
        // Long enough for several writes, so that a wait for the disk is not taken for a freeze.
        for (int look = 0; look < 10; look++) {
            if (!Processes.isStuck(pid())) {
                return false;
            }
            TimeUnit.MILLISECONDS.sleep(20);
        }
        return count() == before;
    }

    /** Waits until something more has been written. */
    public void awaitGoing() {
        awaitGoing(PATIENCE);
    }

    public void awaitGoing(Duration patience) {
        int before = count();
        await("writer " + pid() + " goes on")
                .atMost(patience)
                .pollInterval(Duration.ofMillis(5))
                .until(() -> count() > before);
    }

    /** Kills it. It ends at once, or with the freeze. */
    @Override
    public void close() {
        process.destroyForcibly();
        try {
            process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            reader.join(PATIENCE);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
