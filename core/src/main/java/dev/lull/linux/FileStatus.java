package dev.lull.linux;

/**
 * What statx(2) says of an open file.
 *
 * @param mode type and permission bits
 * @param device {@code st_dev}; equal to the superblock's number except on btrfs
 * @param specialDevice what a device node stands for ({@code st_rdev}); 0:0 for other files
 * @param inode inode number
 * @param size bytes
 * @param mountId id of the mount the descriptor was opened through; the one that mountinfo shows
 * @param uniqueMountId the never reused id (STATX_MNT_ID_UNIQUE, Linux 6.8), or 0 where the kernel has none
 * @param mountRoot whether it is the root of a mount (STATX_ATTR_MOUNT_ROOT, Linux 5.8)
 */
public record FileStatus(
        int mode,
        DeviceNumber device,
        DeviceNumber specialDevice,
        long inode,
        long size,
        long mountId,
        long uniqueMountId,
        boolean mountRoot) {
    private static final int TYPE_MASK = 0170000;

    public boolean isDirectory() {
        return (mode & TYPE_MASK) == 0040000;
    }

    public boolean isRegularFile() {
        return (mode & TYPE_MASK) == 0100000;
    }

    public boolean isBlockDevice() {
        return (mode & TYPE_MASK) == 0060000;
    }
}
