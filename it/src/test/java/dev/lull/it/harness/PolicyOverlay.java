package dev.lull.it.harness;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * A policy in {@code /etc/lull/policy} of the tests' namespace alone: {@code /etc} is an overlay for as long as this is open.
 */
public final class PolicyOverlay implements AutoCloseable {
    private static final Path POLICY = Path.of("/etc/lull/policy");

    private final Path layers = TestNamespace.current().directory("etc");

    /** With a policy of that text. */
    public PolicyOverlay(String text) {
        Program.run("mkdir", layers + "/upper", layers + "/work");
        Program.run(
                "mount",
                "-t",
                "overlay",
                "-o",
                "lowerdir=/etc,upperdir=" + layers + "/upper,workdir=" + layers + "/work",
                "it-etc",
                "/etc");
        Program.run("mkdir", "-p", "-m", "755", POLICY.getParent().toString());
        write(text);
    }

    /** Replaces it. */
    public void write(String text) {
        try {
            Path fresh = POLICY.resolveSibling("policy.new");
            Files.writeString(fresh, text);
            Files.move(fresh, POLICY, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        // A guard or a namespace may still look at it.
        Program.run("umount", "-l", "/etc");
        Program.run("rm", "-rf", layers.toString());
    }
}
