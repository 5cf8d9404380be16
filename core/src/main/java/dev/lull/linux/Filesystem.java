package dev.lull.linux;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * One mounted superblock, as a descriptor reaches it.
 *
 * @param device its identity: the number that mountinfo shows. Where the descriptor's mount is in no
 *     table that was looked at, {@code st_dev}, which on btrfs is the subvolume's
 * @param type as mountinfo has it, for example {@code ext4}; a guess by its magic number if its mount
 *     is in no table
 * @param source what is mounted, for example {@code /dev/sda1}; free text, may be empty
 * @param readOnly whether the superblock is read-only
 * @param mountPoints where it, or a part of it, is mounted in that table; the mount that the descriptor
 *     was opened through comes first. Empty if there is none
 * @param mountId the reusable id of the mount that the descriptor was opened through
 * @param uniqueMountId its never reused id (Linux 6.8), or 0
 * @param uuid its UUID in lower case, where it has one and the kernel tells
 */
public record Filesystem(
        DeviceNumber device,
        String type,
        String source,
        boolean readOnly,
        List<Path> mountPoints,
        long mountId,
        long uniqueMountId,
        Optional<String> uuid) {

    /** Which those are, for a hint. */
    public static final String FREEZABLE = "btrfs, ext2, ext3, ext4, f2fs, jfs, nilfs2 and xfs can";

    /** Those that have freeze_fs or freeze_super in their super_operations. */
    private static final Set<String> FREEZABLE_TYPES =
            Set.of(
                    "btrfs",
                    "ext2",
                    "ext3",
                    "ext4",
                    "f2fs",
                    "gfs2",
                    "jfs",
                    "nilfs2",
                    "reiserfs",
                    "xfs");

    /**
     * Whether FIFREEZE is known to work on filesystems of that type; on others it answers EOPNOTSUPP.
     *
     * @param type as mountinfo has it
     */
    public static boolean canFreeze(String type) {
        return FREEZABLE_TYPES.contains(type);
    }

    /** The filesystem that a file or directory lies on, with the mounts of this mount namespace. */
    public static Filesystem of(Kernel kernel, Descriptor file) throws KernelException {
        return of(kernel, file, kernel.mounts());
    }

    /**
     * The filesystem that a file or directory lies on.
     *
     * @param table the mount table of the namespace that the descriptor was opened in; see {@link
     *     MountCalls#mountsOf}
     * @throws KernelException EINVAL if it is neither a file nor a directory, as a hostile client's
     *     socket or device might be
     */
    public static Filesystem of(Kernel kernel, Descriptor file, List<Mount> table)
            throws KernelException {
        FileStatus status = kernel.status(file);
        if (!status.isDirectory() && !status.isRegularFile()) {
            throw new KernelException("look at", file.name(), Errno.EINVAL);
        }
        Optional<String> uuid = kernel.filesystemUuid(file);
        for (Mount own : table) {
            if (own.id() == status.mountId()) {
                return new Filesystem(
                        own.device(),
                        own.type(),
                        own.source(),
                        own.superblockReadOnly(),
                        mountPoints(own, table),
                        status.mountId(),
                        status.uniqueMountId(),
                        uuid);
            }
        }
        return new Filesystem(
                status.device(),
                typeOf(kernel.space(file).type()),
                "",
                false,
                List.of(),
                status.mountId(),
                status.uniqueMountId(),
                uuid);
    }

    private static List<Path> mountPoints(Mount own, List<Mount> table) {
        List<Path> points = new ArrayList<>();
        points.add(own.mountPoint());
        for (Mount mount : table) {
            if (mount.device().equals(own.device()) && !points.contains(mount.mountPoint())) {
                points.add(mount.mountPoint());
            }
        }
        return List.copyOf(points);
    }

    private static String typeOf(long magic) {
        if (magic == FilesystemSpace.EXT) {
            return "ext4";
        }
        if (magic == FilesystemSpace.XFS) {
            return "xfs";
        }
        if (magic == FilesystemSpace.BTRFS) {
            return "btrfs";
        }
        if (magic == FilesystemSpace.TMPFS) {
            return "tmpfs";
        }
        return "0x" + Long.toHexString(magic);
    }
}
