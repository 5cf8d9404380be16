package dev.lull.snapshot.process;

import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A program run without a shell, in a session and process group of its own, with exactly the environment it is given.
 * Its output is kept up to a limit, and at a limit the whole group is killed. Its streams are read from the start by
 * two threads, so that nothing has to be made when an answer is awaited in a window.
 *
 * <p>Used by one thread at a time.
 */
public final class BoundedProcess implements AutoCloseable {
    private static final int KILL = 9;
    private static final int ERRORS_KEPT = 4096;
    private static final Duration DEATH = Duration.ofSeconds(5);

    private final Kernel kernel;
    private final Process process;
    private final Output output;
    private final Tail errors;
    private final Thread errorReader;

    /**
     * How a program ended.
     *
     * @param status its exit status, 128 + n if signal n killed it
     * @param output what it printed on stdout and was not taken by {@link #awaitLine}
     * @param errors the end of what it printed on stderr, at most 4 KiB
     */
    public record Ended(int status, byte[] output, String errors) {}

    private BoundedProcess(Kernel kernel, Process process, int outputLimit) {
        this.kernel = kernel;
        this.process = process;
        this.output = new Output(outputLimit);
        this.errors = new Tail(ERRORS_KEPT);
        String name = "process " + process.pid();
        Thread.ofPlatform()
                .daemon()
                .name(name + " output")
                .start(() -> output.readAll(process.getInputStream()));
        this.errorReader =
                Thread.ofPlatform()
                        .daemon()
                        .name(name + " errors")
                        .start(() -> errors.readAll(process.getErrorStream()));
    }

    /**
     * Starts a program.
     *
     * @param command absolute path and arguments
     * @param environment all of its environment
     * @param input whether it is sent something with {@link #send}; otherwise its stdin is empty
     * @param outputLimit how many bytes it may print on stdout
     * @throws IOException if it cannot be started
     */
    public static BoundedProcess start(
            Kernel kernel,
            List<String> command,
            Map<String, String> environment,
            boolean input,
            int outputLimit)
            throws IOException {
        Path setsid =
                Programs.find("setsid")
                        .orElseThrow(() ->
                                new IOException(
                                        "setsid(1) is not installed, it is in the package util-linux"));
        List<String> whole = new ArrayList<>();
        // A child of the JVM leads no process group, so setsid(1) does not fork and the pid stays
        // the same.
        whole.add(setsid.toString());
        whole.addAll(command);
        ProcessBuilder builder = new ProcessBuilder(whole).directory(new File("/"));
        builder.environment().clear();
        builder.environment().putAll(environment);
        if (!input) {
            builder.redirectInput(Redirect.from(new File("/dev/null")));
        }
        return new BoundedProcess(kernel, builder.start(), outputLimit);
    }

    /**
     * Writes to its stdin.
     *
     * @throws IOException if it has closed its stdin
     */
    public void send(byte[] bytes) throws IOException {
        OutputStream input = process.getOutputStream();
        input.write(bytes);
        input.flush();
    }

    /**
     * The next line of its stdout.
     *
     * @return the line without its end, or empty if stdout has ended; what came after the last line end is then a line
     * @throws ProcessLimitException if none came in time, or too much did; its processes are killed
     */
    public Optional<String> awaitLine(Duration limit) throws ProcessLimitException {
        long deadline = System.nanoTime() + limit.toNanos();
        Optional<String> line;
        try {
            if (!output.awaitLine(deadline)) {
                throw kill("did not answer within " + seconds(limit));
            }
            line = output.takeLine();
        } catch (InterruptedException e) {
            throw interrupted(e);
        }
        checkOverflow();
        return line;
    }

    /**
     * Waits for its end and the end of its output.
     *
     * @throws ProcessLimitException if it does not end in time, or printed too much; its processes are killed
     */
    public Ended awaitEnd(Duration limit) throws ProcessLimitException {
        long deadline = System.nanoTime() + limit.toNanos();
        try {
            // Output first: one that floods it need not be waited for.
            boolean ended = output.awaitEnd(deadline);
            checkOverflow();
            if (!ended || !process.waitFor(deadline - System.nanoTime(), TimeUnit.NANOSECONDS)) {
                throw kill("did not end within " + seconds(limit));
            }
            errorReader.join(Duration.ofSeconds(1));
        } catch (InterruptedException e) {
            throw interrupted(e);
        }
        return new Ended(process.exitValue(), output.takeRest(), errors.text());
    }

    /** Whether it still runs. */
    public boolean isAlive() {
        return process.isAlive();
    }

    /** The processes that it has started and that still run. */
    public Stream<ProcessHandle> children() {
        return process.children();
    }

    /** The end of what it has printed on stderr so far, at most 4 KiB. */
    public String errors() {
        return errors.text();
    }

    /** Closes its stdin, which tells a waiting program to go. */
    public void closeInput() {
        try {
            process.getOutputStream().close();
        } catch (IOException _) {
            // It is gone already, which is what closing was to bring about.
        }
    }

    /**
     * Kills it and its group if it still runs.
     *
     * @throws IOException if it could not be killed
     */
    @Override
    public void close() throws IOException {
        closeInput();
        if (process.isAlive()) {
            ProcessLimitException result = kill("was ended");
            if (process.isAlive()) {
                throw result;
            }
        }
    }

    private void checkOverflow() throws ProcessLimitException {
        if (output.overflowed()) {
            throw kill("printed more than " + output.limit() + " bytes");
        }
    }

    private ProcessLimitException interrupted(InterruptedException cause) {
        ProcessLimitException result = kill("was interrupted");
        result.addSuppressed(cause);
        Thread.currentThread().interrupt();
        return result;
    }

    private ProcessLimitException kill(String reason) {
        KernelException failure = null;
        try {
            kernel.killGroup(Math.toIntExact(process.pid()), KILL);
        } catch (KernelException e) {
            // No such group: it has ended, or was not its leader yet; the next line gets it then.
            failure = e.errno().equals(Errno.ESRCH) ? null : e;
        }
        process.destroyForcibly();
        boolean interrupted = Thread.interrupted();
        boolean dead = false;
        try {
            dead = process.waitFor(DEATH.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException _) {
            interrupted = true;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        ProcessLimitException result =
                new ProcessLimitException(
                        dead
                                ? reason + " and was killed"
                                : reason
                                        + " and cannot be killed (process "
                                        + process.pid()
                                        + " is blocked in the kernel, perhaps on a frozen filesystem)");
        if (failure != null) {
            result.addSuppressed(failure);
        }
        return result;
    }

    private static String seconds(Duration limit) {
        return limit.toMillis() % 1000 == 0 ? limit.toSeconds() + "s" : limit.toMillis() + "ms";
    }

    /** What came from stdout, up to the limit. */
    private static final class Output {
        private final byte[] bytes;
        private int length;
        private int taken;
        private boolean ended;
        private boolean overflowed;

        Output(int limit) {
            // One more, to tell a full output from one that is too long.
            this.bytes = new byte[limit + 1];
        }

        int limit() {
            return bytes.length - 1;
        }

        void readAll(InputStream in) {
            byte[] chunk = new byte[8192];
            try (in) {
                for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) {
                    add(chunk, n);
                }
            } catch (IOException _) {
                // The stream was closed by the process's end: that is its end too.
            } finally {
                end();
            }
        }

        private synchronized void add(byte[] chunk, int n) {
            int fits = Math.min(n, bytes.length - length);
            System.arraycopy(chunk, 0, bytes, length, fits);
            length += fits;
            overflowed = length == bytes.length;
            notifyAll();
        }

        private synchronized void end() {
            ended = true;
            notifyAll();
        }

        synchronized boolean overflowed() {
            return overflowed;
        }

        /** @return false if the deadline came first */
        synchronized boolean awaitLine(long deadline) throws InterruptedException {
            while (lineEnd() < 0 && !ended && !overflowed) {
                if (!waitUntil(deadline)) {
                    return false;
                }
            }
            return true;
        }

        synchronized boolean awaitEnd(long deadline) throws InterruptedException {
            while (!ended && !overflowed) {
                if (!waitUntil(deadline)) {
                    return false;
                }
            }
            return true;
        }

        synchronized Optional<String> takeLine() {
            int end = lineEnd();
            if (end < 0) {
                byte[] rest = takeRest();
                return rest.length == 0
                        ? Optional.empty()
                        : Optional.of(new String(rest, StandardCharsets.UTF_8));
            }
            String line = new String(bytes, taken, end - taken, StandardCharsets.UTF_8);
            taken = end + 1;
            return Optional.of(line);
        }

        synchronized byte[] takeRest() {
            byte[] rest = Arrays.copyOfRange(bytes, taken, Math.min(length, limit()));
            taken = length;
            return rest;
        }

        private int lineEnd() {
            for (int i = taken; i < length; i++) {
                if (bytes[i] == '\n') {
                    return i;
                }
            }
            return -1;
        }

        private boolean waitUntil(long deadline) throws InterruptedException {
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                return false;
            }
            TimeUnit.NANOSECONDS.timedWait(this, left);
            return true;
        }
    }

    /** The end of what came from stderr. */
    private static final class Tail {
        private final byte[] bytes;
        private long length;

        Tail(int size) {
            this.bytes = new byte[size];
        }

        void readAll(InputStream in) {
            byte[] chunk = new byte[1024];
            try (in) {
                for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) {
                    add(chunk, n);
                }
            } catch (IOException _) {
                // Closed by the process's end.
            }
        }

        private synchronized void add(byte[] chunk, int n) {
            for (int i = 0; i < n; i++) {
                bytes[(int) (length++ % bytes.length)] = chunk[i];
            }
        }

        synchronized String text() {
            int kept = (int) Math.min(length, bytes.length);
            byte[] ordered = new byte[kept];
            for (int i = 0; i < kept; i++) {
                ordered[i] = bytes[(int) ((length - kept + i) % bytes.length)];
            }
            return new String(ordered, StandardCharsets.UTF_8);
        }
    }
}
