package dev.lull.linux;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Optional;

/** A filesystem's UUID read from its device, for kernels without FS_IOC_GETFSUUID. */
final class SuperblockUuid {
    private static final int LENGTH = 2048;

    // fs/ext4/ext4.h: the superblock begins at byte 1024
    private static final int EXT_MAGIC = 1024 + 0x38;
    private static final int EXT_UUID = 1024 + 0x68;

    // fs/xfs/libxfs/xfs_format.h
    private static final byte[] XFS_MAGIC = {'X', 'F', 'S', 'B'};
    private static final int XFS_UUID = 32;

    private SuperblockUuid() {}

    /** Empty where the device cannot be found or read, or holds neither ext nor XFS. */
    static Optional<String> of(Kernel kernel, Descriptor filesystem) throws KernelException {
        DeviceNumber device = kernel.status(filesystem).device();
        if (device.major() == 0) {
            return Optional.empty();
        }
        Optional<Path> node = BlockNode.path(kernel, device);
        if (node.isEmpty()) {
            return Optional.empty();
        }
        try (Descriptor block = kernel.openRead(node.get())) {
            FileStatus status = kernel.status(block);
            if (!status.isBlockDevice() || !status.specialDevice().equals(device)) {
                return Optional.empty();
            }
            return parse(kernel.read(block, 0, LENGTH));
        } catch (KernelException e) {
            if (e.errno().equals(Errno.ENOENT)
                    || e.errno().equals(Errno.EACCES)
                    || e.errno().equals(Errno.EPERM)) {
                return Optional.empty();
            }
            throw e;
        }
    }

    static Optional<String> parse(byte[] start) {
        if (start.length < LENGTH) {
            return Optional.empty();
        }
        if (Arrays.equals(start, 0, 4, XFS_MAGIC, 0, 4)) {
            return Optional.of(Btrfs.uuid(Arrays.copyOfRange(start, XFS_UUID, XFS_UUID + 16)));
        }
        int magic = (start[EXT_MAGIC] & 0xFF) | (start[EXT_MAGIC + 1] & 0xFF) << 8;
        if (magic == FilesystemSpace.EXT) {
            return Optional.of(Btrfs.uuid(Arrays.copyOfRange(start, EXT_UUID, EXT_UUID + 16)));
        }
        return Optional.empty();
    }
}
