package dev.lull.it.harness;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The private mount namespace that {@code dev/it-namespace} made for this run.
 *
 * @param scratch a directory for everything that tests make; nothing of it outlives the run
 */
public record TestNamespace(Path scratch) {
    /** What {@code dev/it-namespace} puts into the environment. */
    public static final String VARIABLE = "LULL_IT_SCRATCH";

    /** The namespace that this process runs in. @throws IllegalStateException if it runs in none */
    public static TestNamespace current() {
        return find().orElseThrow(() ->
                new IllegalStateException("not in a test namespace: run with dev/it-namespace"));
    }

    /** The namespace that this process runs in; empty unless it really is one, whatever the environment says. */
    public static Optional<TestNamespace> find() {
        String variable = System.getenv(VARIABLE);
        if (variable == null) {
            return Optional.empty();
        }
        Path scratch = Path.of(variable);
        String mark = " - tmpfs " + scratch.getFileName() + " ";
        return mountinfo().contains(mark)
                ? Optional.of(new TestNamespace(scratch))
                : Optional.empty();
    }

    /** One file for each scratch filesystem; the watchdog, another process, reads them. */
    public Path registry() {
        return scratch.resolve("registry");
    }

    /** A new empty directory on the machine's own filesystem. */
    public Path directory(String prefix) {
        try {
            return Files.createTempDirectory(scratch, prefix + "-");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The mounts of this namespace, as in proc(5). */
    public static String mountinfo() {
        try {
            return Files.readString(Path.of("/proc/self/mountinfo"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A shell script of the tests. */
    public static Path script(String name) {
        return sourceTree().resolve("it/src/test/sh").resolve(name);
    }

    /** The root of the source tree, where {@code ./lull} is. */
    public static Path sourceTree() {
        for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
            if (Files.exists(at.resolve("dev/it-namespace"))) {
                return at;
            }
        }
        throw new IllegalStateException("no source tree above " + Path.of("").toAbsolutePath());
    }
}
