package dev.lull.it.lab;

import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/** A process that writes to a file all the time. No JVM: in an emulated machine a second one takes the first one's time. */
final class Load implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final Path file;
    private final Process process;

    private Load(Path file, Process process) {
        this.file = file;
        this.process = process;
    }

    /** Starts one, and waits for its first writes. */
    static Load on(Path file) {
        // read(1) is what bash can wait with and start no other process.
        String script =
                "exec 3<> <(:); for ((i = 0; ; i++)); do echo $i >>\"$0\"; read -rt 0.02 -u 3; done";
        try {
            Process process =
                    new ProcessBuilder("bash", "-c", script, file.toString())
                            .redirectError(ProcessBuilder.Redirect.INHERIT)
                            .start();
            var load = new Load(file, process);
            load.awaitGoing();
            return load;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private long size() {
        try {
            return Files.exists(file) ? Files.size(file) : 0;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Waits until something more has been written. */
    void awaitGoing() {
        long before = size();
        await("writes to " + file).atMost(PATIENCE).until(() -> size() > before);
    }

    @Override
    public void close() {
        process.destroyForcibly();
        try {
            process.waitFor();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
