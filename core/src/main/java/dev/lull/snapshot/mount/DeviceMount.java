package dev.lull.snapshot.mount;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.MountFlag;
import dev.lull.snapshot.Origin;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.Undo;
import dev.lull.snapshot.check.FilesystemKind;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Mounts the filesystem of a block device, nosuid and nodev. */
public final class DeviceMount {
    private DeviceMount() {}

    /**
     * Mounts a device, and makes sure that what is mounted is that device.
     *
     * @param device its node
     * @param name of what is mounted, for messages
     * @param directory an existing directory
     * @param root the part of the filesystem that the origin's mount showed, {@code /} for all of it
     * @throws SnapshotException if it cannot be mounted; nothing is left then
     */
    public static SnapshotMount mount(
            Kernel kernel,
            Path device,
            String name,
            FilesystemKind kind,
            Path directory,
            String root,
            boolean writable)
            throws SnapshotException {
        Undo undo = new Undo();
        try {
            long flags =
                    MountFlag.NO_SUID | MountFlag.NO_DEV | (writable ? 0 : MountFlag.READ_ONLY);
            String options = writable ? kind.writableOptions() : kind.readOnlyOptions();
            kernel.mount(device.toString(), directory, kind.type(), flags, options);
            undo.add(() -> SnapshotMount.unmount(kernel, directory));
            checkMounted(kernel, kind, directory, device);
            return new SnapshotMount(directory.resolve("." + root).normalize(), undo);
        } catch (IOException e) {
            undo.runAfter(e);
            throw e instanceof SnapshotException already
                    ? already
                    : new SnapshotException("mount snapshot", name, e, hint(kind, e));
        }
    }

    private static String hint(FilesystemKind kind, IOException failure) {
        if (failure instanceof KernelException kernel && kernel.errno().equals(Errno.ENODEV)) {
            return "this kernel has no " + kind.type() + ", try: modprobe " + kind.type();
        }
        return "the kernel's log says more: dmesg | tail; a snapshot that was not taken under a proven freeze has a log "
                + "to replay, and does not mount read-only";
    }

    /**
     * A kernel that tells two filesystems apart by UUID alone would mount the origin a second time (btrfs before
     * temp-fsid), and a backup of that would be no snapshot.
     */
    private static void checkMounted(
            Kernel kernel, FilesystemKind kind, Path directory, Path device) throws IOException {
        try (Descriptor opened = kernel.openDirectory(directory);
                Descriptor node = kernel.openRead(device)) {
            boolean right =
                    kind == FilesystemKind.BTRFS
                            ? kernel.btrfsDevices(opened).equals(List.of(device))
                            : Origin.mountOf(kernel, opened)
                                    .device()
                                    .equals(kernel.status(node).specialDevice());
            if (!right) {
                throw new SnapshotException(
                        "mount snapshot",
                        directory.toString(),
                        "the kernel mounted something other than " + device);
            }
        }
    }
}
