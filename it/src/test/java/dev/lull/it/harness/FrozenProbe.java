package dev.lull.it.harness;

import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/**
 * Tells whether a filesystem is frozen. The kernel has no query for it, and a freeze to find out would be a freeze: so
 * a process removes a directory that is not there, which takes the write lock of the superblock first and changes
 * nothing.
 */
public final class FrozenProbe {
    // A read of a cold directory is in state D too, but not for as long.
    private static final Duration STUCK = Duration.ofMillis(200);

    private FrozenProbe() {}

    /** Whether the filesystem with this directory is frozen now. Its process ends with the freeze. */
    public static boolean isFrozen(Path directory) {
        try {
            Process rmdir =
                    new ProcessBuilder("rmdir", directory.resolve(".absent").toString())
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start();
            Long stuckSince = null;
            while (!rmdir.waitFor(5, TimeUnit.MILLISECONDS)) {
                long now = System.nanoTime();
                if (!Processes.isStuck(rmdir.pid())) {
                    stuckSince = null;
                } else if (stuckSince == null) {
                    stuckSince = now;
                } else if (now - stuckSince >= STUCK.toNanos()) {
                    return true;
                }
            }
            return false;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted while probing " + directory, e);
        }
    }

    public static boolean isFrozen(ScratchFilesystem filesystem) {
        return isFrozen(filesystem.mountPoint());
    }

    /** Waits for a thaw. @throws org.awaitility.core.ConditionTimeoutException if it does not come in time */
    public static void awaitThawed(ScratchFilesystem filesystem, Duration patience) {
        await(filesystem + " is thawed")
                .atMost(patience)
                .pollInterval(Duration.ofMillis(20))
                .until(() -> !isFrozen(filesystem));
    }
}
