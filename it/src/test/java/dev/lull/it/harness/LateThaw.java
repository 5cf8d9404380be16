package dev.lull.it.harness;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * A process that thaws a filesystem, with util-linux, when the test has been silent for too long or has died: sooner than
 * the watchdog, which has to suit every test.
 */
public final class LateThaw implements AutoCloseable {
    private final Process process;
    private final Writer words;

    private LateThaw(Process process) {
        this.process = process;
        this.words = process.outputWriter(StandardCharsets.US_ASCII);
    }

    public static LateThaw of(ScratchFilesystem filesystem, Duration silence) {
        try {
            return new LateThaw(
                    new ProcessBuilder(
                                    TestNamespace.script("late-thaw").toString(),
                                    Long.toString(silence.toSeconds()),
                                    filesystem.mountPoint().toString())
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The silence begins anew. @throws AssertionError if it has thawed already */
    public void renew() {
        say("on");
    }

    private void say(String word) {
        try {
            words.write(word + "\n");
            words.flush();
        } catch (IOException e) {
            throw new AssertionError("the test was silent for too long, and was thawed", e);
        }
    }

    @Override
    public void close() {
        try {
            say("over");
            if (!process.waitFor(10, TimeUnit.SECONDS) || process.exitValue() != 0) {
                throw new AssertionError("the late thaw has not ended as it should");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
