package dev.lull.snapshot;

import dev.lull.linux.BlockStack;
import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.Mount;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;

/**
 * The filesystem that a snapshot is made of, as it was named.
 *
 * @param directory open on the top of {@code mount}; the caller's, who keeps it open until the snapshot is taken
 * @param mount the mount that the descriptor was opened through
 * @param uuid the filesystem's UUID, where the kernel tells
 */
public record Origin(Descriptor directory, Mount mount, Optional<String> uuid) {

    /**
     * The origin that an open directory is the top of.
     *
     * @throws SnapshotException if its mount is not in this mount namespace
     */
    public static Origin of(Kernel kernel, Descriptor directory) throws SnapshotException {
        Mount mount = mountOf(kernel, directory);
        try {
            return new Origin(directory, mount, kernel.filesystemUuid(directory));
        } catch (KernelException e) {
            throw new SnapshotException("look at", directory.name(), e);
        }
    }

    /**
     * The mount that a file was opened through, found by the mount's id and not by a path.
     *
     * @throws SnapshotException if it is not in this mount namespace
     */
    public static Mount mountOf(Kernel kernel, Descriptor file) throws SnapshotException {
        try {
            long id = kernel.status(file).mountId();
            for (Mount mount : kernel.mounts()) {
                if (mount.id() == id) {
                    return mount;
                }
            }
        } catch (KernelException e) {
            throw new SnapshotException("look at", file.name(), e);
        }
        throw new SnapshotException(
                "look at",
                file.name(),
                "its mount is not in this mount namespace",
                "run lull where the filesystem is mounted");
    }

    /**
     * What a write to a file reaches: the filesystem that it lies on, and all those beneath it.
     *
     * @throws SnapshotException if it could not be found out
     */
    public static Set<DeviceNumber> written(Kernel kernel, Descriptor file)
            throws SnapshotException {
        Set<DeviceNumber> written = new LinkedHashSet<>();
        written.add(mountOf(kernel, file).device());
        try {
            written.addAll(BlockStack.under(kernel, file).lowerFilesystems());
        } catch (KernelException e) {
            throw new SnapshotException("look under", file.name(), e);
        }
        return Set.copyOf(written);
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
