package dev.lull.it.harness;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The system's own programs, run to their end. */
public final class Program {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private Program() {}

    /**
     * What a program left.
     *
     * @param output stdout and stderr as they came
     */
    public record Result(List<String> command, int status, String output) {
        /** @throws AssertionError with the output if the status is not 0 */
        public Result orFail() {
            if (status != 0) {
                throw new AssertionError(
                        String.join(" ", command) + ": exit status " + status + "\n" + output);
            }
            return this;
        }
    }

    /** Runs a program that must succeed. @return its output, without the last line end */
    public static String run(String... command) {
        return attempt(command).orFail().output().stripTrailing();
    }

    /**
     * Runs a program that may fail.
     *
     * @throws AssertionError if it has not ended after a minute; it is left alone then, as it may be in state D
     */
    public static Result attempt(String... command) {
        try {
            Path output = Files.createTempFile(TestNamespace.current().scratch(), "output-", "");
            try {
                Process process =
                        new ProcessBuilder(command)
                                .redirectInput(
                                        ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                                .redirectErrorStream(true)
                                .redirectOutput(output.toFile())
                                .start();
                if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                    process.destroyForcibly();
                    throw new AssertionError(
                            String.join(" ", command)
                                    + ": no end after "
                                    + PATIENCE.toSeconds()
                                    + " s");
                }
                return new Result(List.of(command), process.exitValue(), Files.readString(output));
            } finally {
                Files.delete(output);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(String.join(" ", command) + ": interrupted", e);
        }
    }
}
