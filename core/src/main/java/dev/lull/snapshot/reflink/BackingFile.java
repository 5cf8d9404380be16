package dev.lull.snapshot.reflink;

import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.LoopStatus;
import dev.lull.snapshot.Origin;
import dev.lull.snapshot.SnapshotException;
import java.nio.file.Path;
import java.util.List;

/**
 * The file that a filesystem lives in, through a loop device.
 *
 * @param path where the kernel says it is
 * @param device the loop device's node
 * @param attached the file as the loop device knows it
 */
record BackingFile(Path path, Path device, LoopStatus attached) {
    private static final String DELETED = " (deleted)";

    /** Why there is none that could be cloned. */
    static final class None extends Exception {
        private static final long serialVersionUID = 1L;

        None(String reason) {
            super(reason);
        }

        String reason() {
            return String.valueOf(getMessage());
        }
    }

    /**
     * @throws None if the filesystem does not lie directly in a file
     * @throws SnapshotException if that could not be found out
     */
    static BackingFile of(Kernel kernel, Origin origin) throws None, SnapshotException {
        try {
            DeviceNumber device = blockDevice(kernel, origin);
            Path sysfs = Path.of("/sys/dev/block", device.toString());
            Path node = node(kernel, sysfs, device);
            String file =
                    knob(
                            kernel,
                            sysfs.resolve("loop/backing_file"),
                            node + " is not a loop device");
            // Where a part of the file is attached, a clone of all of it would need the same part.
            if (!knob(kernel, sysfs.resolve("loop/offset"), node + " is not a loop device")
                            .equals("0")
                    || !knob(
                                    kernel,
                                    sysfs.resolve("loop/sizelimit"),
                                    node + " is not a loop device")
                            .equals("0")) {
                throw new None(node + " shows a part of " + file + " only");
            }
            LoopStatus status;
            try (Descriptor loop = kernel.openRead(node)) {
                status = kernel.loopStatus(loop);
            }
            if (!file.startsWith("/")) {
                throw new None("the file behind " + node + " has no path");
            }
            return new BackingFile(Path.of(file), node, status);
        } catch (KernelException e) {
            throw new SnapshotException("look at", origin.mountPoint().toString(), e);
        }
    }

    private static DeviceNumber blockDevice(Kernel kernel, Origin origin)
            throws None, KernelException {
        if (!origin.type().equals("btrfs")) {
            return origin.device();
        }
        // A btrfs has an anonymous device number; its real devices are asked for.
        List<Path> devices = kernel.btrfsDevices(origin.directory());
        if (devices.size() != 1) {
            throw new None("it spans " + devices.size() + " devices");
        }
        try (Descriptor device = kernel.openRead(devices.getFirst())) {
            return kernel.status(device).specialDevice();
        }
    }

    private static Path node(Kernel kernel, Path sysfs, DeviceNumber device)
            throws None, KernelException {
        String uevent = knob(kernel, sysfs.resolve("uevent"), device + " is not a block device");
        for (String line : uevent.split("\n", -1)) {
            if (line.startsWith("DEVNAME=")) {
                return Path.of("/dev", line.substring("DEVNAME=".length()));
            }
        }
        throw new None(device + " has no node in /dev");
    }

    private static String knob(Kernel kernel, Path file, String absence)
            throws None, KernelException {
        try {
            String text = kernel.readKnob(file);
            return text.endsWith("\n") ? text.substring(0, text.length() - 1) : text;
        } catch (KernelException e) {
            if (e.errno().equals(Errno.ENOENT)) {
                throw new None(absence);
            }
            throw e;
        }
    }

    /**
     * Opens it and makes sure that it is the file that the loop device uses, not another one of the same name.
     *
     * @throws SnapshotException.Unsupported if it was deleted or replaced, or lies in another mount namespace
     */
    Descriptor open(Kernel kernel) throws SnapshotException {
        try {
            Descriptor file = kernel.openRead(path);
            boolean same = false;
            try {
                same = attached.isBackedBy(kernel.status(file));
            } finally {
                if (!same) {
                    file.close();
                }
            }
            if (same) {
                return file;
            }
        } catch (KernelException e) {
            if (!e.errno().equals(Errno.ENOENT)) {
                throw new SnapshotException("open", path.toString(), e);
            }
        }
        boolean deleted = path.toString().endsWith(DELETED);
        throw new SnapshotException.Unsupported(
                path.toString(),
                "it is not the file that "
                        + device
                        + " uses"
                        + (deleted
                                ? ": that one was deleted"
                                : ": deleted, replaced, or in another mount namespace"),
                deleted
                        ? "copy the filesystem to a new image while it is still mounted"
                        : "compare: losetup --list " + device);
    }
}
