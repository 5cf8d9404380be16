package dev.lull.it.harness;

import java.time.Duration;
import java.util.regex.Pattern;

/** A client, through the library, that freezes the root that it lives on, step by step as the test wants. */
public final class Steered implements AutoCloseable {
    private static final Pattern ANSWER = Pattern.compile("(frozen|ended) .*");

    private final Dialogue process;
    private final Runnable beforeFreeze;

    /**
     * The root is frozen.
     *
     * @param told nanoseconds of {@link System#nanoTime}, after the freeze
     * @param deadline the same
     */
    public record Frozen(long told, long deadline) {}

    Steered(Process process, Runnable beforeFreeze) {
        this.process = new Dialogue(process, ANSWER);
        this.beforeFreeze = beforeFreeze;
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
        String[] fields = process.ask(word).split(" ", -1);
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
        String answer = process.ask(word);
        if (!answer.startsWith("ended ")) {
            throw new AssertionError(word + ": " + answer);
        }
        return answer.substring("ended ".length());
    }

    /** Waits until it has ended. @throws AssertionError if it does not */
    public void awaitGone() {
        process.awaitGone();
    }

    /** Kills it. It ends at once, or with the freeze. */
    @Override
    public void close() {
        process.close();
    }
}
