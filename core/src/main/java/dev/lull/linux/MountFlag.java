package dev.lull.linux;

/** MS_* of mount(2) (include/uapi/linux/mount.h), the ones Lull passes. */
public final class MountFlag {
    public static final long READ_ONLY = 1;
    public static final long NO_SUID = 2;
    public static final long NO_DEV = 4;
    public static final long NO_EXEC = 8;
    public static final long REMOUNT = 32;
    public static final long NO_ATIME = 1024;
    public static final long BIND = 4096;
    public static final long RECURSIVE = 16384;
    public static final long PRIVATE = 1 << 18;

    private MountFlag() {}
}
