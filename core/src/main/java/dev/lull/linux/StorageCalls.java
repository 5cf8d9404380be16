package dev.lull.linux;

import java.nio.file.Path;
import java.util.List;

/** Clones, btrfs subvolumes and loop devices. */
public interface StorageCalls {
    /**
     * FICLONE (ioctl_ficlone(2)): makes {@code target} share all of {@code source}'s blocks. Never copies data. Waits
     * while the filesystem they lie on is frozen.
     *
     * @throws KernelException EOPNOTSUPP or EXDEV where it cannot share, ENOSPC, …
     */
    void cloneFile(Descriptor source, Descriptor target) throws KernelException;

    /** Bytes that the file occupies: statx(2)'s stx_blocks. Less than its size if it is sparse. */
    long allocatedBytes(Descriptor file) throws KernelException;

    /**
     * Whether the file is written in place, without checksums: FS_NOCOW_FL of FS_IOC_GETFLAGS (ioctl_iflags(2)). Btrfs
     * clones only between files that are alike in this (fs/btrfs/reflink.c).
     */
    boolean isWrittenInPlace(Descriptor file) throws KernelException;

    /** Sets FS_NOCOW_FL; on btrfs only an empty file takes it. */
    void writeInPlace(Descriptor emptyFile) throws KernelException;

    /** Number of extents (FIEMAP with no buffer, linux/fiemap.h). */
    long extents(Descriptor file) throws KernelException;

    /** Bytes of the file's extents which other files share (FIEMAP_EXTENT_SHARED is set). */
    long sharedBytes(Descriptor file) throws KernelException;

    /**
     * BTRFS_IOC_SNAP_CREATE_V2: a snapshot of the subvolume that {@code subvolume} is open on, as {@code name} in
     * {@code directory}.
     *
     * @param name one path component, no slash
     */
    void createSubvolumeSnapshot(
            Descriptor subvolume, Descriptor directory, String name, boolean readOnly)
            throws KernelException;

    /** BTRFS_IOC_SNAP_DESTROY of {@code name} in {@code directory}. */
    void deleteSubvolume(Descriptor directory, String name) throws KernelException;

    /** Whether the descriptor is open on the top of a btrfs subvolume (inode 256 of a btrfs). */
    boolean isSubvolume(Descriptor directory) throws KernelException;

    /**
     * Paths, relative to the subvolume, of subvolumes nested directly or indirectly in it (BTRFS_IOC_GET_SUBVOL_ROOTREF
     * and BTRFS_IOC_INO_LOOKUP_USER, Linux 4.18; or the tree search).
     */
    List<Path> nestedSubvolumes(Descriptor subvolume) throws KernelException;

    /** Block devices of a btrfs (BTRFS_IOC_FS_INFO, BTRFS_IOC_DEV_INFO), as paths the kernel tells. */
    List<Path> btrfsDevices(Descriptor filesystem) throws KernelException;

    /**
     * Attaches a file to a free loop device (loop(4), LOOP_CONFIGURE). The device detaches itself after the last user
     * closed it (LO_FLAGS_AUTOCLEAR), so a process that dies leaves none behind once its mounts are gone; the returned
     * object's descriptor keeps it.
     */
    LoopDevice attachLoop(Descriptor backingFile, boolean readOnly) throws KernelException;

    /** LOOP_CLR_FD. The device goes when its last user has. */
    void detachLoop(Descriptor loopDevice) throws KernelException;

    /**
     * LOOP_GET_STATUS64: device and inode of the backing file and the name the kernel keeps of it (may be cut at 63
     * bytes, prefer {@code /sys/dev/block/M:N/loop/backing_file}).
     *
     * @throws KernelException ENXIO if nothing is attached
     */
    LoopStatus loopStatus(Descriptor loopDevice) throws KernelException;
}
