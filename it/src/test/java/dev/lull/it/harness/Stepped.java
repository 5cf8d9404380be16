package dev.lull.it.harness;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.regex.Pattern;

/** A client that takes snapshots, through the library, and waits in a step of the plan until the test lets it go on. */
public final class Stepped implements AutoCloseable {
    private static final Pattern ANSWER = Pattern.compile("at|(good|failed)( .*)?");

    private final Dialogue process;

    private Stepped(Process process) {
        this.process = new Dialogue(process, ANSWER);
    }

    /** @param state the directory of records and journals */
    public static Stepped start(Path state, Path origin) {
        try {
            return new Stepped(
                    JavaProgram.of(SteppedProgram.class, state.toString(), origin.toString())
                            .redirectError(ProcessBuilder.Redirect.INHERIT)
                            .start());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public long pid() {
        return process.pid();
    }

    /** Runs a plan until it begins that step. @throws AssertionError if it never does */
    public void goTo(String step) {
        String answer = process.ask(step);
        if (!answer.equals("at")) {
            throw new AssertionError("it has never been at " + step + ": " + answer);
        }
    }

    /** Goes on, so late. */
    public void goOn(Duration late) {
        process.say(Long.toString(late.toMillis()));
    }

    /** Whether {@link #awaitEnd} has not to wait. */
    public boolean hasEnded() {
        return process.hasSaid();
    }

    /** Waits for what it has to say of the snapshot: {@code good}, or why not; empty if it is killed. */
    public Optional<String> awaitEnd() {
        return process.hear();
    }

    @Override
    public void close() {
        process.close();
    }
}
