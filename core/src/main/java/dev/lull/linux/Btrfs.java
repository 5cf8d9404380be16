package dev.lull.linux;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** ioctls of btrfs (include/uapi/linux/btrfs.h, btrfs-ioctl(2)). */
final class Btrfs {
    /** Every structure used here is this long, btrfs_ioctl_fs_info_args apart. */
    private static final int ARGUMENTS = 4096;

    private static final int FS_INFO_ARGUMENTS = 1024;

    /** The inode of every subvolume's top: BTRFS_FIRST_FREE_OBJECTID. */
    static final long TOP_INODE = 256;

    private static final int VOL_ARGS_NAME = 8;
    private static final int VOL_ARGS_V2_FLAGS = 16;
    private static final int VOL_ARGS_V2_NAME = 56;
    private static final int LONGEST_NAME = 255;
    private static final long SUBVOL_RDONLY = 2;

    private static final int DEV_INFO_PATH = 3072;

    private static final int ROOTREF_ITEMS = 8;
    private static final int ROOTREF_COUNT = 4088;
    private static final int LOOKUP_NAME = 16;
    private static final int LOOKUP_PATH = 272;

    /** Deeper nesting of subvolumes than this is refused as ELOOP. */
    private static final int DEEPEST = 128;

    private Btrfs() {}

    static void createSnapshot(
            Descriptor subvolume, Descriptor directory, String name, boolean readOnly)
            throws KernelException {
        byte[] bytes = component(name);
        Scratch scratch = Scratch.of(ARGUMENTS);
        int arguments = scratch.reserve(ARGUMENTS);
        scratch.putLong(arguments, subvolume.number());
        scratch.putLong(arguments + VOL_ARGS_V2_FLAGS, readOnly ? SUBVOL_RDONLY : 0);
        scratch.memory().put(arguments + VOL_ARGS_V2_NAME, bytes, 0, bytes.length);
        ioctl(
                scratch,
                directory,
                Ioctl.BTRFS_IOC_SNAP_CREATE_V2,
                arguments,
                "BTRFS_IOC_SNAP_CREATE_V2",
                directory.name() + "/" + name);
    }

    static void deleteSubvolume(Descriptor directory, String name) throws KernelException {
        byte[] bytes = component(name);
        Scratch scratch = Scratch.of(ARGUMENTS);
        int arguments = scratch.reserve(ARGUMENTS);
        scratch.memory().put(arguments + VOL_ARGS_NAME, bytes, 0, bytes.length);
        ioctl(
                scratch,
                directory,
                Ioctl.BTRFS_IOC_SNAP_DESTROY,
                arguments,
                "BTRFS_IOC_SNAP_DESTROY",
                directory.name() + "/" + name);
    }

    private static byte[] component(String name) {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        if (name.isEmpty()
                || name.equals(".")
                || name.equals("..")
                || name.indexOf('/') >= 0
                || name.indexOf('\0') >= 0
                || bytes.length > LONGEST_NAME) {
            throw new IllegalArgumentException("not a name of a subvolume: " + name);
        }
        return bytes;
    }

    /** The UUID that BTRFS_IOC_FS_INFO tells, or empty text where the filesystem is no btrfs. */
    static String uuid(Descriptor filesystem) throws KernelException {
        Scratch scratch = Scratch.of(FS_INFO_ARGUMENTS);
        int info = scratch.reserve(FS_INFO_ARGUMENTS);
        long result =
                SystemCall.call(
                        scratch,
                        Abi.IOCTL,
                        filesystem.number(),
                        Ioctl.BTRFS_IOC_FS_INFO,
                        scratch.address(info));
        if (result == -Errno.ENOTTY.number() || result == -Errno.EOPNOTSUPP.number()) {
            return "";
        }
        SystemCall.check(result, "BTRFS_IOC_FS_INFO", filesystem.name());
        return uuid(scratch.bytes(info + 16, 16));
    }

    /** Sixteen bytes as a UUID's text. */
    static String uuid(byte[] bytes) {
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        return new UUID(buffer.getLong(), buffer.getLong()).toString();
    }

    static List<Path> devices(Descriptor filesystem) throws KernelException {
        Scratch scratch = Scratch.of(ARGUMENTS);
        int info = scratch.reserve(FS_INFO_ARGUMENTS);
        ioctl(
                scratch,
                filesystem,
                Ioctl.BTRFS_IOC_FS_INFO,
                info,
                "BTRFS_IOC_FS_INFO",
                filesystem.name());
        long highestId = scratch.getLong(info);
        long count = scratch.getLong(info + 8);
        List<Path> devices = new ArrayList<>();
        for (long id = 1; id <= highestId && devices.size() < count; id++) {
            scratch = Scratch.of(ARGUMENTS);
            int device = scratch.reserve(ARGUMENTS);
            scratch.putLong(device, id);
            long result =
                    SystemCall.call(
                            scratch,
                            Abi.IOCTL,
                            filesystem.number(),
                            Ioctl.BTRFS_IOC_DEV_INFO,
                            scratch.address(device));
            if (result == -Errno.ENODEV.number()) {
                // Ids of devices that were removed are not used again.
                continue;
            }
            SystemCall.check(result, "BTRFS_IOC_DEV_INFO", filesystem.name());
            byte[] path = scratch.stringAt(device + DEV_INFO_PATH, ARGUMENTS - DEV_INFO_PATH);
            // A missing device of a degraded filesystem has no path.
            if (path.length > 0) {
                devices.add(PathBytes.decode(path));
            }
        }
        return devices;
    }

    static List<Path> nestedSubvolumes(Descriptor subvolume) throws KernelException {
        List<Path> found = new ArrayList<>();
        collectNested(subvolume, Path.of(""), 0, found);
        return found;
    }

    private static void collectNested(
            Descriptor subvolume, Path prefix, int depth, List<Path> found) throws KernelException {
        if (depth > DEEPEST) {
            throw new KernelException(
                    "BTRFS_IOC_GET_SUBVOL_ROOTREF", subvolume.name(), Errno.ELOOP);
        }
        for (long[] reference : references(subvolume)) {
            byte[] name = pathOf(subvolume, reference[0], reference[1]);
            if (name.length == 0) {
                continue;
            }
            Path nested = PathBytes.decode(name);
            found.add(prefix.resolve(nested));
            try (Descriptor child = LinuxKernel.openAt(subvolume, nested)) {
                collectNested(child, prefix.resolve(nested), depth + 1, found);
            } catch (KernelException e) {
                // Deleted since; or something that is no btrfs is mounted over it, and hides what
                // it holds.
                if (!e.errno().equals(Errno.ENOENT) && !e.errno().equals(Errno.ENOTTY)) {
                    throw e;
                }
            }
        }
    }

    /** Pairs of tree id and directory inode of the subvolumes directly in this one. */
    private static List<long[]> references(Descriptor subvolume) throws KernelException {
        List<long[]> references = new ArrayList<>();
        long next = 0;
        while (true) {
            Scratch scratch = Scratch.of(ARGUMENTS);
            int arguments = scratch.reserve(ARGUMENTS);
            scratch.putLong(arguments, next);
            long result =
                    SystemCall.call(
                            scratch,
                            Abi.IOCTL,
                            subvolume.number(),
                            Ioctl.BTRFS_IOC_GET_SUBVOL_ROOTREF,
                            scratch.address(arguments));
            // EOVERFLOW: the array is full and there are more, from min_treeid on.
            boolean more = result == -Errno.EOVERFLOW.number();
            if (!more) {
                SystemCall.check(result, "BTRFS_IOC_GET_SUBVOL_ROOTREF", subvolume.name());
            }
            int count = scratch.getByte(arguments + ROOTREF_COUNT) & 0xFF;
            for (int i = 0; i < count; i++) {
                int item = arguments + ROOTREF_ITEMS + 16 * i;
                references.add(new long[] {scratch.getLong(item), scratch.getLong(item + 8)});
            }
            next = scratch.getLong(arguments);
            if (!more) {
                return references;
            }
        }
    }

    /** Where a subvolume hangs, relative to the top of its parent; empty if it is gone. */
    private static byte[] pathOf(Descriptor parent, long tree, long directory)
            throws KernelException {
        Scratch scratch = Scratch.of(ARGUMENTS);
        int arguments = scratch.reserve(ARGUMENTS);
        scratch.putLong(arguments, directory);
        scratch.putLong(arguments + 8, tree);
        long result =
                SystemCall.call(
                        scratch,
                        Abi.IOCTL,
                        parent.number(),
                        Ioctl.BTRFS_IOC_INO_LOOKUP_USER,
                        scratch.address(arguments));
        if (result == -Errno.ENOENT.number()) {
            return new byte[0];
        }
        SystemCall.check(result, "BTRFS_IOC_INO_LOOKUP_USER", parent.name());
        byte[] name = scratch.stringAt(arguments + LOOKUP_NAME, LOOKUP_PATH - LOOKUP_NAME);
        // The directory's path comes with a slash at its end.
        byte[] path = scratch.stringAt(arguments + LOOKUP_PATH, ARGUMENTS - LOOKUP_PATH);
        byte[] whole = new byte[path.length + name.length];
        System.arraycopy(path, 0, whole, 0, path.length);
        System.arraycopy(name, 0, whole, path.length, name.length);
        return whole;
    }

    private static void ioctl(
            Scratch scratch,
            Descriptor descriptor,
            long request,
            int arguments,
            String operation,
            String subject)
            throws KernelException {
        SystemCall.check(
                SystemCall.call(
                        scratch,
                        Abi.IOCTL,
                        descriptor.number(),
                        request,
                        scratch.address(arguments)),
                operation,
                subject);
    }
}
