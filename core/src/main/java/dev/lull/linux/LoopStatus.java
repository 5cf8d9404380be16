package dev.lull.linux;

/**
 * What a loop device is attached to: loop_info64 of linux/loop.h.
 *
 * @param backingDevice {@code st_dev} of the backing file, as {@link FileStatus#device()} has it
 * @param backingInode its inode number
 * @param readOnly LO_FLAGS_READ_ONLY
 * @param autoclear whether it detaches itself after its last user
 * @param fileName the backing file's name as whoever attached it gave it; free text, may be cut
 */
public record LoopStatus(
        DeviceNumber backingDevice,
        long backingInode,
        boolean readOnly,
        boolean autoclear,
        String fileName) {

    /** Whether that is the very file that is attached; a path can lead elsewhere by now, or from here. */
    public boolean isBackedBy(FileStatus file) {
        return file.isRegularFile()
                && file.inode() == backingInode
                && file.device().equals(backingDevice);
    }
}
