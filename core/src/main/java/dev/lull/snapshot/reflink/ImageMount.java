package dev.lull.snapshot.reflink;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.LoopDevice;
import dev.lull.snapshot.MountedSnapshot;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.Undo;
import dev.lull.snapshot.check.FilesystemKind;
import dev.lull.snapshot.mount.DeviceMount;
import dev.lull.snapshot.mount.SnapshotMount;
import java.io.IOException;
import java.nio.file.Path;

/** A mounted image. Its loop device detaches itself when it is unmounted, whoever does that. */
final class ImageMount implements MountedSnapshot {
    private final SnapshotMount mounted;
    private final LoopDevice loop;
    private final Undo undo;

    private ImageMount(SnapshotMount mounted, LoopDevice loop, Undo undo) {
        this.mounted = mounted;
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
            SnapshotMount mounted =
                    DeviceMount.mount(
                            kernel, loop.path(), name.toString(), kind, directory, root, writable);
            undo.add(mounted::close);
            return new ImageMount(mounted, loop, undo);
        } catch (IOException e) {
            undo.runAfter(e);
            throw e instanceof SnapshotException already
                    ? already
                    : new SnapshotException("mount snapshot", name.toString(), e);
        }
    }

    @Override
    public Path path() {
        return mounted.path();
    }

    @Override
    public void leaveMounted() throws SnapshotException {
        undo.forget();
        mounted.leaveMounted();
        try {
            loop.close();
        } catch (KernelException e) {
            throw new SnapshotException("leave mounted", path().toString(), e);
        }
    }

    @Override
    public void close() throws SnapshotException {
        new SnapshotMount(path(), undo).close();
    }
}
