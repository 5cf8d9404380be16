package dev.lull.linux;

/**
 * ioctl numbers, the same on x86-64, arm64 and riscv64 (include/uapi/asm-generic/ioctl.h): {@code
 * direction << 30 | size << 16 | type << 8 | number}.
 */
final class Ioctl {
    // include/uapi/linux/fs.h. FIFREEZE is _IOWR('X', 119, int), FITHAW _IOWR('X', 120, int).
    static final long FIFREEZE = 0xC004_5877L;
    static final long FITHAW = 0xC004_5878L;

    /** _IO(0x00, 3), of no kernel: what 2008's patch was to have, next after FIBMAP and FIGETBSZ. */
    static final long FIFREEZE_RESET_TIMEOUT = 0x0003L;

    static final long FICLONE = 0x4004_9409L;
    static final long FS_IOC_FIEMAP = 0xC020_660BL;

    /** _IOR('f', 1, long) and _IOW('f', 2, long), but of an int (ioctl_iflags(2)). */
    static final long FS_IOC_GETFLAGS = 0x8008_6601L;

    static final long FS_IOC_SETFLAGS = 0x4008_6602L;

    /** _IOR(0x15, 0, struct fsuuid2), Linux 6.9. */
    static final long FS_IOC_GETFSUUID = 0x8011_1500L;

    /** _IOW('f', 43, __u32), fs/ext4/ext4.h, Linux 5.14. */
    static final long EXT4_IOC_CHECKPOINT = 0x4004_662BL;

    // include/uapi/linux/btrfs.h
    static final long BTRFS_IOC_SNAP_DESTROY = 0x5000_940FL;
    static final long BTRFS_IOC_SNAP_CREATE_V2 = 0x5000_9417L;
    static final long BTRFS_IOC_DEV_INFO = 0xD000_941EL;
    static final long BTRFS_IOC_FS_INFO = 0x8400_941FL;
    static final long BTRFS_IOC_GET_SUBVOL_ROOTREF = 0xD000_943DL;
    static final long BTRFS_IOC_INO_LOOKUP_USER = 0xD000_943EL;

    // include/uapi/linux/loop.h
    static final long LOOP_SET_FD = 0x4C00;
    static final long LOOP_CLR_FD = 0x4C01;
    static final long LOOP_SET_STATUS64 = 0x4C04;
    static final long LOOP_GET_STATUS64 = 0x4C05;
    static final long LOOP_CONFIGURE = 0x4C0A;
    static final long LOOP_CTL_GET_FREE = 0x4C82;

    /** include/uapi/linux/seccomp.h: _IOWR('!', 0, struct seccomp_notif), _IOWR('!', 1, struct seccomp_notif_resp). */
    static final long SECCOMP_IOCTL_NOTIF_RECV = 0xC050_2100L;

    static final long SECCOMP_IOCTL_NOTIF_SEND = 0xC018_2101L;

    /** _IOW('!', 2, __u64); Linux 5.17 corrected the direction, and takes the older number as well. */
    static final long SECCOMP_IOCTL_NOTIF_ID_VALID = 0x4008_2102L;

    /** include/uapi/linux/pidfd.h: _IOWR(0xFF, 11, struct pidfd_info), of the first 64 bytes; Linux 6.13. */
    static final long PIDFD_GET_INFO = 0xC040_FF0BL;

    private Ioctl() {}
}
