package dev.lull.it.harness;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/** A client, through the library, that freezes the root that it lives on, step by step as the test wants. */
public final class Steered implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(50);

    private final Process process;
    private final Runnable beforeFreeze;
    private final BlockingQueue<Optional<String>> answers = new LinkedBlockingQueue<>();
    private final Thread reader;

    /**
     * The root is frozen.
     *
     * @param told nanoseconds of {@link System#nanoTime}, after the freeze
     * @param deadline the same
     */
    public record Frozen(long told, long deadline) {}

    Steered(Process process, Runnable beforeFreeze) {
        this.process = process;
        this.beforeFreeze = beforeFreeze;
        this.reader = Thread.ofVirtual().start(this::read);
    }

    private void read() {
        try (BufferedReader lines = process.inputReader()) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                // The thread dump of a kill -3 comes the same way.
                if (line.matches("(frozen|ended) .*")) {
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

    public Frozen freeze(Duration timeout) {
        beforeFreeze.run();
        return frozen("freeze " + timeout.toMillis());
    }

    public Frozen extend() {
        return frozen("extend");
    }

    private Frozen frozen(String word) {
        String[] fields = ask(word).split(" ", -1);
        if (!fields[0].equals("frozen")) {
            throw new AssertionError(word + ": " + String.join(" ", fields));
        }
        long told = Long.parseLong(fields[1]);
        return new Frozen(told, told + Long.parseLong(fields[2]));
    }

    /** Releases the lease. @return the word for its end */
    public String release() {
        return ended("release");
    }

    /** Waits for the lease's end. @return the word for it */
    public String awaitEnd() {
        return ended("await");
    }

    /** Closes the lease without a release, which is to give it up. */
    public void giveUp() {
        ended("close");
    }

    private String ended(String word) {
        String answer = ask(word);
        if (!answer.startsWith("ended ")) {
            throw new AssertionError(word + ": " + answer);
        }
        return answer.substring("ended ".length());
    }

    private String ask(String word) {
        try {
            process.outputWriter().write(word + "\n");
            process.outputWriter().flush();
            Optional<String> answer = answers.poll(PATIENCE.toSeconds(), TimeUnit.SECONDS);
            if (answer == null) {
                throw new AssertionError(word + ": no answer after " + PATIENCE.toSeconds() + " s");
            }
            return answer.orElseThrow(() -> new AssertionError(word + ": it has ended"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(word + ": interrupted", e);
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
