package dev.lull.snapshot.reflink;

import dev.lull.linux.Descriptor;
import dev.lull.linux.FilesystemSpace;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.Mount;
import dev.lull.snapshot.CheckReport;
import dev.lull.snapshot.MountedSnapshot;
import dev.lull.snapshot.Room;
import dev.lull.snapshot.Snapshot;
import dev.lull.snapshot.SnapshotDirectory;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotId;
import dev.lull.snapshot.SnapshotRecord;
import dev.lull.snapshot.Undo;
import dev.lull.snapshot.check.FilesystemChecker;
import dev.lull.snapshot.check.FilesystemKind;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/** A clone of an image file. */
final class ReflinkSnapshot implements Snapshot {
    private static final int OWNER_ONLY = 0600;

    private final Kernel kernel;
    private final SnapshotRecord snapshot;
    private final FilesystemKind kind;
    private final Path image;
    private final long reserve;

    ReflinkSnapshot(
            Kernel kernel, SnapshotRecord snapshot, FilesystemKind kind, Path image, long reserve) {
        this.kernel = kernel;
        this.snapshot = snapshot;
        this.kind = kind;
        this.image = image;
        this.reserve = reserve;
    }

    @Override
    public SnapshotRecord record() {
        return snapshot;
    }

    @Override
    public void makeDurable() throws SnapshotException {
        try (SnapshotDirectory directory = directory();
                Descriptor clone = kernel.openRead(directory.entry(fileName()))) {
            kernel.sync(clone);
            kernel.sync(directory.descriptor());
            // FICLONE never copies; a clone that shares nothing is not the one that was cut.
            if (kernel.extents(clone) > 0 && kernel.sharedBytes(clone) == 0) {
                throw new SnapshotException(
                        "make durable", image.toString(), "it shares no blocks with its origin");
            }
        } catch (IOException e) {
            throw failure("make durable", e);
        }
    }

    @Override
    public MountedSnapshot mount(Path target) throws SnapshotException {
        try (SnapshotDirectory directory = directory();
                Descriptor clone = kernel.openRead(directory.entry(fileName()))) {
            return ImageMount.mount(
                    kernel, clone, image, kind, target, snapshot.name(ReflinkProvider.ROOT), false);
        } catch (IOException e) {
            throw failure("mount snapshot", e);
        }
    }

    @Override
    public CheckReport check(Path scratch) throws SnapshotException {
        FilesystemChecker.find(kind, image.toString());
        String name = snapshot.id() + ".check-" + SnapshotId.random() + ReflinkProvider.SUFFIX;
        Undo undo = new Undo();
        try (SnapshotDirectory directory = directory();
                Descriptor pristine = kernel.openRead(directory.entry(fileName()))) {
            try {
                undo.add(() -> directory.deleteFile(name));
                Descriptor clone = kernel.createNew(directory.entry(name), OWNER_ONLY);
                undo.add(clone::close);
                if (kernel.space(pristine).type() == FilesystemSpace.BTRFS
                        && kernel.isWrittenInPlace(pristine)) {
                    kernel.writeInPlace(clone);
                }
                kernel.cloneFile(pristine, clone);
                try (ImageMount mounted =
                        ImageMount.mount(kernel, clone, image, kind, scratch, "/", true)) {
                    // Mounting replays the log and clears orphans; that is all that was wanted.
                    mounted.path();
                }
                return FilesystemChecker.check(kernel, kind, directory.path().resolve(name));
            } catch (IOException | RuntimeException | Error e) {
                undo.runAfter(e);
                throw e;
            } finally {
                undo.run();
            }
        } catch (IOException e) {
            throw failure("check", e);
        }
    }

    @Override
    public Optional<Room> room() throws SnapshotException {
        try (SnapshotDirectory directory = directory()) {
            long free = kernel.space(directory.descriptor()).freeBytes();
            return Optional.of(new Room(directory.path(), free, reserve));
        } catch (IOException e) {
            throw failure("look at", e);
        }
    }

    @Override
    public void delete() throws SnapshotException {
        checkHost();
        checkNotMounted();
        Optional<SnapshotDirectory> there = SnapshotDirectory.open(kernel, parent());
        if (there.isEmpty()) {
            return;
        }
        try (SnapshotDirectory directory = there.get()) {
            // What a prepare or a check that was killed may have left, too.
            for (String name : directory.namesThatBegin(snapshot.id() + ".")) {
                directory.deleteFile(name);
            }
            kernel.sync(directory.descriptor());
            directory.removeIfEmpty();
        } catch (IOException e) {
            throw failure("delete", e);
        }
    }

    /** An image that is not there because its filesystem is not mounted has not been deleted. */
    private void checkHost() throws SnapshotException {
        try (Descriptor parent = kernel.openDirectory(parent())) {
            Optional<String> now = kernel.filesystemUuid(parent);
            Optional<String> then = Optional.ofNullable(snapshot.names().get(ReflinkProvider.HOST));
            if (then.isPresent() && !now.equals(then)) {
                throw new SnapshotException(
                        "delete",
                        image.toString(),
                        "another filesystem is mounted there now (UUID "
                                + now.orElse("unknown")
                                + ")",
                        "mount the one with UUID " + then.get());
            }
        } catch (KernelException e) {
            throw new SnapshotException(
                    "delete", image.toString(), e, "mount the filesystem that it lies on");
        }
    }

    private void checkNotMounted() throws SnapshotException {
        try {
            Set<String> loops = loopsOf(image);
            for (Mount mount : kernel.mounts()) {
                if (loops.contains(mount.source())) {
                    throw new SnapshotException(
                            "delete",
                            image.toString(),
                            "it is mounted on " + mount.mountPoint(),
                            "umount " + mount.mountPoint());
                }
            }
        } catch (IOException e) {
            throw failure("delete", e);
        }
    }

    /** Nodes of the loop devices that a file is attached to. */
    private static Set<String> loopsOf(Path file) throws IOException {
        Set<String> loops = new HashSet<>();
        try (DirectoryStream<Path> devices =
                Files.newDirectoryStream(Path.of("/sys/block"), "loop*")) {
            for (Path device : devices) {
                try {
                    String backing =
                            Files.readString(device.resolve("loop/backing_file")).stripTrailing();
                    if (backing.equals(file.toString())) {
                        loops.add("/dev/" + device.getFileName());
                    }
                } catch (NoSuchFileException _) {
                    // Nothing is attached to it.
                }
            }
        }
        return loops;
    }

    private SnapshotDirectory directory() throws SnapshotException {
        return SnapshotDirectory.open(kernel, parent())
                .orElseThrow(() ->
                        new SnapshotException(
                                "open",
                                image.toString(),
                                "there is no such image",
                                "mount the filesystem that it lies on"));
    }

    private Path parent() {
        Path directory = image.getParent();
        Path parent = directory == null ? null : directory.getParent();
        return parent == null ? Path.of("/") : parent;
    }

    private String fileName() {
        return snapshot.id() + ReflinkProvider.SUFFIX;
    }

    private SnapshotException failure(String operation, IOException e) {
        return e instanceof SnapshotException already
                ? already
                : new SnapshotException(operation, image.toString(), e);
    }
}
