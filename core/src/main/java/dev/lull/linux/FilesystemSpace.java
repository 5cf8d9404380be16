package dev.lull.linux;

/**
 * fstatfs(2).
 *
 * @param type the filesystem's magic number, see linux/magic.h
 * @param totalBytes size
 * @param freeBytes free, for root
 */
public record FilesystemSpace(long type, long totalBytes, long freeBytes) {
    public static final long EXT = 0xEF53L;
    public static final long XFS = 0x58465342L;
    public static final long BTRFS = 0x9123683EL;
    public static final long TMPFS = 0x01021994L;
    public static final long RAMFS = 0x858458F6L;
}
