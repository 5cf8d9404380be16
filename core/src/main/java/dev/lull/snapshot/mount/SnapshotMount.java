package dev.lull.snapshot.mount;

import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.snapshot.MountedSnapshot;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.Undo;
import java.io.IOException;
import java.nio.file.Path;

/**
 * A snapshot that is mounted. For one thread.
 *
 * @param path the top of the snapshot's files
 * @param undo unmounts it
 */
public record SnapshotMount(Path path, Undo undo) implements MountedSnapshot {
    /**
     * Unmounts, and takes out of the tree all the same what somebody still uses.
     *
     * @throws SnapshotException if somebody does
     */
    public static void unmount(Kernel kernel, Path directory) throws SnapshotException {
        try {
            kernel.unmount(directory, false);
        } catch (KernelException e) {
            SnapshotException failure =
                    new SnapshotException(
                            "unmount",
                            directory.toString(),
                            e,
                            "it was taken out of the tree all the same, and goes when its last user does: fuser -vm "
                                    + directory);
            try {
                kernel.unmount(directory, true);
            } catch (KernelException left) {
                failure.addSuppressed(left);
            }
            throw failure;
        }
    }

    @Override
    public void leaveMounted() {
        undo.forget();
    }

    @Override
    public void close() throws SnapshotException {
        try {
            undo.run();
        } catch (SnapshotException e) {
            throw e;
        } catch (IOException e) {
            throw new SnapshotException("unmount", path.toString(), e);
        }
    }
}
