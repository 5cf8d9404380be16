package dev.lull.snapshot.reflink;

import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.LoopDevice;
import dev.lull.linux.MountFlag;
import dev.lull.snapshot.MountedSnapshot;
import dev.lull.snapshot.Origin;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.Undo;
import dev.lull.snapshot.check.FilesystemKind;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** A mounted image. Its loop device detaches itself when it is unmounted, whoever does that. */
final class ImageMount implements MountedSnapshot {
    private final Path top;
    private final Undo undo;
    private final LoopDevice loop;

    private ImageMount(Path top, LoopDevice loop, Undo undo) {
        this.top = top;
        this.loop = loop;
        this.undo = undo;
    }

    /**
     * Attaches and mounts an image, and makes sure that what is mounted is that image.
     *
     * @param name of the image, for messages
     * @param directory an existing directory
     * @param root the part of the filesystem that the origin's mount showed, {@code /} for all of it
     */
    static ImageMount mount(
            Kernel kernel,
            Descriptor image,
            Path name,
            FilesystemKind kind,
            Path directory,
            String root,
            boolean writable)
            throws SnapshotException {
        Undo undo = new Undo();
        try {
            LoopDevice loop = kernel.attachLoop(image, !writable);
            undo.add(loop::close);
            DeviceNumber device = kernel.status(loop.descriptor()).specialDevice();
            long flags =
                    MountFlag.NO_SUID | MountFlag.NO_DEV | (writable ? 0 : MountFlag.READ_ONLY);
            String options = writable ? kind.writableOptions() : kind.readOnlyOptions();
            kernel.mount(loop.path().toString(), directory, kind.type(), flags, options);
            undo.add(() -> unmount(kernel, directory));
            checkMounted(kernel, kind, directory, loop.path(), device);
            return new ImageMount(directory.resolve("." + root).normalize(), loop, undo);
        } catch (IOException e) {
            undo.runAfter(e);
            throw e instanceof SnapshotException already
                    ? already
                    : new SnapshotException("mount snapshot", name.toString(), e, hint(kind, e));
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
            Kernel kernel, FilesystemKind kind, Path directory, Path loop, DeviceNumber device)
            throws IOException {
        try (Descriptor opened = kernel.openDirectory(directory)) {
            boolean right =
                    kind == FilesystemKind.BTRFS
                            ? kernel.btrfsDevices(opened).equals(List.of(loop))
                            : Origin.mountOf(kernel, opened).device().equals(device);
            if (!right) {
                throw new SnapshotException(
                        "mount snapshot",
                        directory.toString(),
                        "the kernel mounted something other than " + loop);
            }
        }
    }

    private static void unmount(Kernel kernel, Path directory) throws SnapshotException {
        try {
            kernel.unmount(directory, false);
        } catch (KernelException e) {
            SnapshotException failure =
                    new SnapshotException(
                            "unmount",
                            directory.toString(),
                            e,
                            "it was taken out of the tree all the same, and goes when its last user does: fuser -vm "
                                    + directory);
            try {
                kernel.unmount(directory, true);
            } catch (KernelException left) {
                failure.addSuppressed(left);
            }
            throw failure;
        }
    }

    @Override
    public Path path() {
        return top;
    }

    @Override
    public void leaveMounted() throws SnapshotException {
        undo.forget();
        try {
            loop.close();
        } catch (KernelException e) {
            throw new SnapshotException("leave mounted", top.toString(), e);
        }
    }

    @Override
    public void close() throws SnapshotException {
        try {
            undo.run();
        } catch (SnapshotException e) {
            throw e;
        } catch (IOException e) {
            throw new SnapshotException("unmount", top.toString(), e);
        }
    }
}
