package dev.lull.snapshot;

import java.nio.file.Path;

/** A snapshot that is mounted read-only. Closing unmounts it and detaches what was attached for it. Idempotent. */
public interface MountedSnapshot extends AutoCloseable {
    /** The top of the snapshot's files. */
    Path path();

    /**
     * Gives up the ownership: the mount stays when this process ends, and goes, with its loop device, by umount(8).
     *
     * @throws SnapshotException if a descriptor could not be closed
     */
    void leaveMounted() throws SnapshotException;

    /** @throws SnapshotException if something is left mounted or attached; the message says what */
    @Override
    void close() throws SnapshotException;
}
