package dev.lull.linux;

import java.nio.file.Path;
import java.util.Optional;

/** Finds the node of a block device by its number, through sysfs. */
final class BlockNode {
    private static final String DEVNAME = "DEVNAME=";

    private BlockNode() {}

    /** Where sysfs describes a block device. */
    static Path sysfs(DeviceNumber device) {
        return Path.of("/sys/dev/block/" + device);
    }

    /**
     * The node's path as udev and devtmpfs name it. Whoever opens it has to check that it is that
     * device.
     */
    static Optional<Path> path(Kernel kernel, DeviceNumber device) throws KernelException {
        String uevent;
        try {
            uevent = kernel.readKnob(sysfs(device).resolve("uevent"));
        } catch (KernelException e) {
            if (e.errno().equals(Errno.ENOENT)) {
                return Optional.empty();
            }
            throw e;
        }
        for (int at = 0; at < uevent.length(); ) {
            int end = uevent.indexOf('\n', at);
            end = end < 0 ? uevent.length() : end;
            if (uevent.startsWith(DEVNAME, at)) {
                return Optional.of(Path.of("/dev", uevent.substring(at + DEVNAME.length(), end)));
            }
            at = end + 1;
        }
        return Optional.empty();
    }
}
