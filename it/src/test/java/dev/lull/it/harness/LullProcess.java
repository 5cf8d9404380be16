package dev.lull.it.harness;

import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;

/** A run of the command line, through the launcher {@code ./lull} as a user starts it. */
public final class LullProcess implements AutoCloseable {
    /** On a machine that is busy with other things, the first command waits for a guard and its two companions. */
    private static final Duration PATIENCE = Duration.ofSeconds(80);

    private final List<String> command;
    private final Process process;
    private final Lines out = new Lines();
    private final Lines err = new Lines();
    private final List<Thread> readers = new ArrayList<>();

    private LullProcess(List<String> command, Process process, boolean readOut, boolean readErr) {
        this.command = command;
        this.process = process;
        if (readOut) {
            readers.add(Thread.ofVirtual().start(() -> out.read(process.inputReader())));
        }
        if (readErr) {
            readers.add(Thread.ofVirtual().start(() -> err.read(process.errorReader())));
        }
    }

    private static final class Lines {
        private final List<String> lines = new ArrayList<>();

        void read(BufferedReader reader) {
            try (reader) {
                for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                    synchronized (lines) {
                        lines.add(line);
                    }
                }
            } catch (IOException e) {
                synchronized (lines) {
                    lines.add("(" + e + ")");
                }
            }
        }

        List<String> copy() {
            synchronized (lines) {
                return List.copyOf(lines);
            }
        }
    }

    /**
     * What a run left.
     *
     * @param status the exit status; 128 + signal if it was killed
     */
    public record Result(List<String> command, int status, List<String> out, List<String> err) {
        public String outText() {
            return String.join("\n", out);
        }

        public String errText() {
            return String.join("\n", err);
        }

        /** The only line of stdout. */
        public String onlyLine() {
            if (out.size() != 1) {
                throw new AssertionError("not one line on stdout: " + this);
            }
            return out.getFirst();
        }

        /** @throws AssertionError with all that was printed if the status is another */
        public Result expect(int expected) {
            if (status != expected) {
                throw new AssertionError(
                        "exit status " + status + ", not " + expected + ": " + this);
            }
            return this;
        }

        @Override
        public String toString() {
            return String.join(" ", command)
                    + "\nexit status "
                    + status
                    + "\nstdout:\n"
                    + outText()
                    + "\nstderr:\n"
                    + errText();
        }
    }

    /** How lull is to be run. */
    public static final class Setting {
        private final Map<String, String> environment = new TreeMap<>();
        private List<String> prefix = List.of();
        private Path launcher = TestNamespace.sourceTree().resolve("lull");
        private UnaryOperator<List<String>> entrance = UnaryOperator.identity();
        private Optional<Path> directory = Optional.empty();
        private Optional<Path> out = Optional.empty();
        private Optional<Path> err = Optional.empty();

        private Setting() {}

        public Setting variable(String name, String value) {
            environment.put(name, value);
            return this;
        }

        public Setting in(MountNamespace other) {
            entrance = other::enter;
            return this;
        }

        /** On a root filesystem of the test's own. */
        public Setting on(RootNamespace root) {
            entrance = root::enter;
            return this;
        }

        /** A command that runs lull as its own last arguments, for example {@code setpriv …}. */
        public Setting through(String... words) {
            prefix = List.of(words);
            return this;
        }

        /** Another way to the launcher than where it lies. */
        public Setting launcher(Path file) {
            launcher = file;
            return this;
        }

        public Setting workingDirectory(Path path) {
            directory = Optional.of(path);
            return this;
        }

        /** Sends stdout to a file; it is not captured then. */
        public Setting stdout(Path file) {
            out = Optional.of(file);
            return this;
        }

        /** Sends stderr to a file; it is not captured then. */
        public Setting stderr(Path file) {
            err = Optional.of(file);
            return this;
        }

        public LullProcess start(String... arguments) {
            var words = new ArrayList<>(prefix);
            words.add(launcher.toString());
            words.addAll(List.of(arguments));
            List<String> command = entrance.apply(words);
            var builder = new ProcessBuilder(command);
            // The parent of the tests may be a Maven with options of its own.
            builder.environment().keySet().removeAll(List.of("MAVEN_OPTS", "JAVA_TOOL_OPTIONS"));
            builder.environment().putAll(environment);
            builder.redirectInput(Path.of("/dev/null").toFile());
            directory.ifPresent(path -> builder.directory(path.toFile()));
            out.ifPresent(file -> builder.redirectOutput(file.toFile()));
            err.ifPresent(file -> builder.redirectError(file.toFile()));
            try {
                return new LullProcess(command, builder.start(), out.isEmpty(), err.isEmpty());
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        public Result run(String... arguments) {
            try (LullProcess lull = start(arguments)) {
                return lull.finish();
            }
        }
    }

    /** Lull with something that is not usual. */
    public static Setting with() {
        return new Setting();
    }

    public static LullProcess start(String... arguments) {
        return with().start(arguments);
    }

    /** Runs it to its end. */
    public static Result run(String... arguments) {
        return with().run(arguments);
    }

    public long pid() {
        return process.pid();
    }

    public boolean isAlive() {
        return process.isAlive();
    }

    public List<String> out() {
        return out.copy();
    }

    public List<String> err() {
        return err.copy();
    }

    /** Waits for a line on stdout. @throws AssertionError if it ends without one */
    public String awaitOut(Predicate<String> wanted) {
        return awaitLine(out, wanted);
    }

    /** Waits for a line on stderr. @throws AssertionError if it ends without one */
    public String awaitErr(Predicate<String> wanted) {
        return awaitLine(err, wanted);
    }

    private String awaitLine(Lines lines, Predicate<String> wanted) {
        await("a line of " + String.join(" ", command))
                .atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(5))
                .until(() -> lines.copy().stream().anyMatch(wanted) || !process.isAlive());
        if (!process.isAlive()) {
            finish();
        }
        return lines.copy().stream()
                .filter(wanted)
                .findFirst()
                .orElseThrow(() -> new AssertionError("it ended without the line: " + finish()));
    }

    public Result finish() {
        return finish(PATIENCE);
    }

    /** Waits for its end. @throws AssertionError if it does not come in time */
    public Result finish(Duration patience) {
        try {
            if (!process.waitFor(patience.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new AssertionError(
                        String.join(" ", command)
                                + ": no end after "
                                + patience
                                + "\nstdout:\n"
                                + String.join("\n", out())
                                + "\nstderr:\n"
                                + String.join("\n", err()));
            }
            for (Thread reader : readers) {
                // A child of hold's that lives on keeps the pipe open.
                reader.join(Duration.ofSeconds(2));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(String.join(" ", command) + ": interrupted", e);
        }
        return new Result(command, process.exitValue(), out(), err());
    }

    public void kill9() {
        process.destroyForcibly();
    }

    public void terminate() {
        process.destroy();
    }

    public void stop() {
        Processes.signal(pid(), "STOP");
        await("lull " + pid() + " is stopped").until(() -> Processes.isStopped(pid()));
    }

    public void proceed() {
        Processes.signal(pid(), "CONT");
    }

    /** Kills it if it still runs. */
    @Override
    public void close() {
        process.destroyForcibly();
    }
}
