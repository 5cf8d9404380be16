package dev.lull.linux;

import java.util.Optional;

/** The calls around a freeze. Each takes a descriptor of any file or directory of the filesystem, not O_PATH. */
public interface FreezeCalls {
    /**
     * FIFREEZE (ioctl_fs(2const); fs/ioctl.c, fs/super.c). Blocks uninterruptibly until the filesystem is frozen; once
     * begun nothing can cancel it.
     *
     * @throws KernelException EPERM without CAP_SYS_ADMIN; EOPNOTSUPP if the filesystem cannot freeze; EBUSY if it is
     *     already frozen; errors of the sync
     */
    void freeze(Descriptor filesystem) throws KernelException;

    /**
     * FITHAW. Answers success whoever had frozen it. May block (s_umount), on some kernels for good.
     *
     * @throws KernelException EINVAL if it is not frozen, is still freezing, or another holder remains
     */
    void thaw(Descriptor filesystem) throws KernelException;

    /** syncfs(2): writes back everything dirty. */
    void syncFilesystem(Descriptor filesystem) throws KernelException;

    /**
     * EXT4_IOC_CHECKPOINT (Linux 5.14): empties the journal of ext3 and ext4, which syncfs does not.
     *
     * @return false where there is nothing to do it to (ENOTTY, ENODEV, EOPNOTSUPP)
     */
    boolean checkpointJournal(Descriptor filesystem) throws KernelException;

    /**
     * Takes and gives back the superblock's write lock and changes nothing: fremovexattr(2) of an attribute that is not
     * there. While the filesystem is frozen the calling thread sleeps here in state D, and nothing but a thaw wakes it.
     *
     * @throws KernelException anything but the expected "no such attribute" answers (ENODATA, EOPNOTSUPP, EROFS, EPERM
     *     and EACCES also count as having passed the lock)
     */
    void passWriteLock(Descriptor filesystem) throws KernelException;

    /**
     * The filesystem's UUID as lower-case text: FS_IOC_GETFSUUID (Linux 6.9), else BTRFS_IOC_FS_INFO, else the block
     * device's superblock where it can be read; empty if none of them tells.
     */
    Optional<String> filesystemUuid(Descriptor filesystem) throws KernelException;
}
