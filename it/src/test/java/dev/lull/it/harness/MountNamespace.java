package dev.lull.it.harness;

import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** A further private mount namespace, made from that of the tests. It lives as long as it is not closed. */
public final class MountNamespace implements AutoCloseable {
    private final Process keeper;

    private MountNamespace(Process keeper) {
        this.keeper = keeper;
    }

    public static MountNamespace make() {
        return keptBy("sleep", "infinity");
    }

    /** @param command runs in the new namespace, for as long as that is wanted */
    static MountNamespace keptBy(String... command) {
        var words =
                new ArrayList<>(List.of("unshare", "--mount", "--propagation", "private", "--"));
        words.addAll(List.of(command));
        try {
            Path ours = Files.readSymbolicLink(Path.of("/proc/self/ns/mnt"));
            var made =
                    new MountNamespace(
                            new ProcessBuilder(words)
                                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                                    .start());
            await("the namespace is there")
                    .atMost(Duration.ofSeconds(5))
                    .pollInterval(Duration.ofMillis(5))
                    .until(() -> !Files.readSymbolicLink(made.file()).equals(ours));
            return made;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A process that lives in here. */
    public long pid() {
        return keeper.pid();
    }

    private Path file() {
        return Path.of("/proc", Long.toString(keeper.pid()), "ns", "mnt");
    }

    /** The command line that runs {@code command} in here. */
    public List<String> enter(List<String> command) {
        var all = new ArrayList<>(List.of("nsenter", "--mount=" + file(), "--"));
        all.addAll(command);
        return all;
    }

    /** Runs a program in here that must succeed. @return its output */
    public String run(String... command) {
        return Program.run(enter(List.of(command)).toArray(String[]::new));
    }

    /** Ends it; its mounts go when the last process in it does. */
    @Override
    public void close() {
        keeper.destroyForcibly();
    }
}
