package dev.lull.it.harness;

import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * {@code storm.c} on a scratch filesystem: workers that do what is hard to freeze, and a probe that passes through the
 * write lock of the superblock some hundred times a second.
 */
public final class Storm implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private final ScratchFilesystem filesystem;
    private final Process process;
    private final Thread reader;
    private final List<Pass> passes = new ArrayList<>();
    private final List<String> errors = new ArrayList<>();
    private List<Long> work = List.of();
    private boolean ended;

    /**
     * One pass of the probe.
     *
     * @param begun nanoseconds of {@link System#nanoTime}, whose clock all processes share
     * @param done the same
     */
    public record Pass(long begun, long done) {
        public Duration took() {
            return Duration.ofNanos(done - begun);
        }
    }

    private Storm(ScratchFilesystem filesystem, Process process) {
        this.filesystem = filesystem;
        this.process = process;
        this.reader =
                Thread.ofVirtual().name("storm on " + filesystem.mountPoint()).start(this::read);
    }

    /** Compiles the program. */
    public static Path compile() {
        Path program = TestNamespace.current().directory("storm").resolve("storm");
        Path source = TestNamespace.sourceTree().resolve("it/src/test/c/storm.c");
        Program.run(
                "gcc",
                "-O2",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-pthread",
                "-o",
                program.toString(),
                source.toString());
        return program;
    }

    /** Starts one, and waits until each worker has done something. */
    public static Storm start(Path program, ScratchFilesystem filesystem, long seed, int workers) {
        try {
            Process process =
                    new ProcessBuilder(
                                    program.toString(),
                                    filesystem.mountPoint().toString(),
                                    Long.toUnsignedString(seed),
                                    Integer.toString(workers))
                            .redirectError(ProcessBuilder.Redirect.INHERIT)
                            .start();
            var storm = new Storm(filesystem, process);
            await("the storm has begun")
                    .atMost(PATIENCE)
                    .pollInterval(Duration.ofMillis(20))
                    .until(() -> storm.work().stream().anyMatch(done -> done > 0));
            return storm;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void read() {
        try (BufferedReader lines = process.inputReader()) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                take(line);
            }
        } catch (IOException e) {
            // Its end, by kill, can come within a line.
            return;
        }
    }

    private synchronized void take(String line) {
        String[] words = line.split(" ", -1);
        switch (words[0]) {
            case "probe" ->
                    passes.add(new Pass(Long.parseLong(words[1]), Long.parseLong(words[2])));
            case "work" -> work = List.of(words).stream().skip(1).map(Long::parseLong).toList();
            case "end" -> ended = true;
            default -> errors.add(filesystem + ": " + line);
        }
    }

    public ScratchFilesystem filesystem() {
        return filesystem;
    }

    /** How many operations each worker has done. */
    public synchronized List<Long> work() {
        return work;
    }

    /** The passes so far, forgotten by this call. */
    public synchronized List<Pass> drain() {
        List<Pass> all = List.copyOf(passes);
        passes.clear();
        return all;
    }

    /** What no filesystem may answer, and did. */
    public synchronized List<String> errors() {
        return List.copyOf(errors);
    }

    /** Waits until the probe has begun a pass after that time, and each worker has done more than {@code before}. */
    public void awaitGoing(long since, List<Long> before) {
        await("the storm goes on, on " + filesystem)
                .atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(20))
                .until(() -> goesOn(since, before));
    }

    private synchronized boolean goesOn(long since, List<Long> before) {
        for (int i = 0; i < before.size(); i++) {
            if (work.get(i) <= before.get(i)) {
                return false;
            }
        }
        return !passes.isEmpty() && passes.getLast().begun() - since > 0;
    }

    /** Ends it, once every worker is done with what it does. @throws AssertionError if it does not end so */
    @Override
    public void close() throws IOException {
        process.outputWriter().close();
        try {
            if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new AssertionError("the storm on " + filesystem + " does not end");
            }
            reader.join(PATIENCE);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        synchronized (this) {
            if (!ended) {
                errors.add(filesystem + ": the storm ended with status " + process.exitValue());
            }
        }
    }
}
