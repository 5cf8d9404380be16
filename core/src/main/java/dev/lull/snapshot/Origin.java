package dev.lull.snapshot;

import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.FileStatus;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.Mount;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The filesystem that a snapshot is made of, as it was named.
 *
 * @param directory open on the top of {@code mount}; the caller's, who keeps it open until the snapshot is taken
 * @param mount the mount that the descriptor was opened through
 * @param uuid the filesystem's UUID, where the kernel tells
 */
public record Origin(Descriptor directory, Mount mount, Optional<String> uuid) {

    /**
     * Finds the mount that an open directory belongs to, by the mount's id and not by its path.
     *
     * @throws SnapshotException if the mount is not in this mount namespace, or the directory is not its top
     */
    public static Origin of(Kernel kernel, Descriptor directory) throws SnapshotException {
        try {
            FileStatus status = kernel.status(directory);
            for (Mount mount : kernel.mounts()) {
                if (mount.id() == status.mountId()) {
                    return new Origin(directory, mount, kernel.filesystemUuid(directory));
                }
            }
        } catch (KernelException e) {
            throw new SnapshotException("look at", directory.name(), e);
        }
        throw new SnapshotException(
                "look at",
                directory.name(),
                "its mount is not in this mount namespace",
                "run lull where the filesystem is mounted");
    }

    /** Where it is mounted. */
    public Path mountPoint() {
        return mount.mountPoint();
    }

    /** The superblock's identity. */
    public DeviceNumber device() {
        return mount.device();
    }

    /** The filesystem's type, for example {@code ext4}. */
    public String type() {
        return mount.type();
    }
}
