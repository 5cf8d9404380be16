package dev.lull.it.harness;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/** With a process that is told what to do, a line each, and answers with lines. For one thread. */
public final class Dialogue implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(50);

    private final Process process;
    private final Pattern answer;
    private final BlockingQueue<Optional<String>> answers = new LinkedBlockingQueue<>();
    private final Thread reader;

    /** @param answer which lines are answers; the thread dump of a {@code kill -3} comes the same way */
    public Dialogue(Process process, Pattern answer) {
        this.process = process;
        this.answer = answer;
        this.reader = Thread.ofVirtual().start(this::read);
    }

    private void read() {
        try (BufferedReader lines = process.inputReader()) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                if (answer.matcher(line).matches()) {
                    answers.add(Optional.of(line));
                }
            }
        } catch (IOException e) {
            // Its end, by kill, can come within a line.
            return;
        } finally {
            answers.add(Optional.empty());
        }
    }

    public long pid() {
        return process.pid();
    }

    public void say(String line) {
        try {
            process.outputWriter().write(line + "\n");
            process.outputWriter().flush();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Whether {@link #hear} has not to wait. */
    public boolean hasSaid() {
        return !answers.isEmpty();
    }

    /** Waits for its next line; empty if it has ended instead. @throws AssertionError if nothing comes */
    public Optional<String> hear() {
        try {
            Optional<String> next = answers.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            if (next == null) {
                throw new AssertionError("no answer after " + PATIENCE.toSeconds() + " s");
            }
            return next;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", e);
        }
    }

    /** Says something, and waits for the answer. @throws AssertionError if there is none */
    public String ask(String line) {
        try {
            say(line);
            return hear().orElseThrow(() -> new AssertionError("it has ended"));
        } catch (AssertionError e) {
            throw new AssertionError(line + ": " + e.getMessage(), e);
        }
    }

    /** Waits until it has ended. @throws AssertionError if it does not */
    public void awaitGone() {
        try {
            if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                throw new AssertionError("client " + pid() + " does not end");
            }
            reader.join(PATIENCE);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    /** Kills it. It ends at once, or with the freeze. */
    @Override
    public void close() {
        process.destroyForcibly();
        awaitGone();
    }
}
