package dev.lull.snapshot.btrfs;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.FileStatus;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.Mount;
import dev.lull.linux.MountFlag;
import dev.lull.snapshot.CheckReport;
import dev.lull.snapshot.MountedSnapshot;
import dev.lull.snapshot.Origin;
import dev.lull.snapshot.Room;
import dev.lull.snapshot.Snapshot;
import dev.lull.snapshot.SnapshotDirectory;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotProvider;
import dev.lull.snapshot.SnapshotRecord;
import dev.lull.snapshot.Undo;
import dev.lull.snapshot.check.ReadEverything;
import dev.lull.snapshot.mount.SnapshotMount;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/** A read-only subvolume. */
final class SubvolumeSnapshot implements Snapshot {
    private final Kernel kernel;
    private final SnapshotRecord snapshot;
    private final long reserve;
    private final String name;
    private final Path path;

    SubvolumeSnapshot(Kernel kernel, SnapshotRecord snapshot, long reserve) {
        this.kernel = kernel;
        this.snapshot = snapshot;
        this.reserve = reserve;
        this.name = snapshot.id().text();
        this.path = snapshot.mountPoint().resolve(SnapshotProvider.DIRECTORY).resolve(name);
    }

    @Override
    public SnapshotRecord record() {
        return snapshot;
    }

    @Override
    public void makeDurable() throws SnapshotException {
        try (SnapshotDirectory directory = directory();
                Descriptor subvolume = kernel.openDirectory(directory.entry(name))) {
            if (!kernel.isSubvolume(subvolume)) {
                throw new SnapshotException(
                        "make durable", path.toString(), "it is not a subvolume");
            }
            // The snapshot's own transaction was committed by the call that made it; this is for
            // what came with it.
            kernel.syncFilesystem(subvolume);
        } catch (IOException e) {
            throw failure("make durable", e);
        }
    }

    @Override
    public MountedSnapshot mount(Path target) throws SnapshotException {
        Undo undo = new Undo();
        try (SnapshotDirectory directory = directory()) {
            kernel.mount(directory.entry(name).toString(), target, "", MountFlag.BIND, "");
            undo.add(() -> SnapshotMount.unmount(kernel, target));
            long flags =
                    MountFlag.BIND
                            | MountFlag.REMOUNT
                            | MountFlag.READ_ONLY
                            | MountFlag.NO_SUID
                            | MountFlag.NO_DEV;
            kernel.mount("none", target, "", flags, "");
            checkMounted(target);
            return new SnapshotMount(target, undo);
        } catch (IOException e) {
            undo.runAfter(e);
            throw failure("mount snapshot", e);
        }
    }

    private void checkMounted(Path target) throws IOException {
        try (Descriptor opened = kernel.openDirectory(target)) {
            if (!isThis(Origin.mountOf(kernel, opened)) || !kernel.isSubvolume(opened)) {
                throw new SnapshotException(
                        "mount snapshot", target.toString(), "something else is mounted there");
            }
        }
    }

    private boolean isThis(Mount mount) {
        return mount.type().equals("btrfs")
                && Path.of(mount.root()).endsWith(Path.of(SnapshotProvider.DIRECTORY, name));
    }

    @Override
    public CheckReport check(Path scratch) throws SnapshotException {
        try (MountedSnapshot mounted = mount(scratch)) {
            return ReadEverything.below(
                    mounted.path(),
                    "every file of the subvolume snapshot against btrfs's checksums (btrfs scrub checks the rest of the "
                            + "filesystem)");
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
        checkOrigin();
        try {
            for (Mount mount : kernel.mounts()) {
                if (isThis(mount)) {
                    throw new SnapshotException(
                            "delete",
                            path.toString(),
                            "it is mounted on " + mount.mountPoint(),
                            "umount " + mount.mountPoint());
                }
            }
            Optional<SnapshotDirectory> there =
                    SnapshotDirectory.open(kernel, snapshot.mountPoint());
            if (there.isEmpty()) {
                return;
            }
            try (SnapshotDirectory directory = there.get()) {
                destroy(kernel, directory, name);
                directory.removeIfEmpty();
            }
        } catch (IOException e) {
            throw failure("delete", e);
        }
    }

    /** Deletes a read-only subvolume too: that needs CAP_SYS_ADMIN and no more (btrfs-subvolume(8)). */
    static void destroy(Kernel kernel, SnapshotDirectory directory, String name)
            throws KernelException {
        try {
            kernel.deleteSubvolume(directory.descriptor(), name);
        } catch (KernelException e) {
            if (!e.errno().equals(Errno.ENOENT)) {
                throw e;
            }
        }
    }

    /** A snapshot that is not there because its origin is not mounted has not been deleted. */
    private void checkOrigin() throws SnapshotException {
        try (Descriptor origin = kernel.openDirectory(snapshot.mountPoint())) {
            FileStatus status = kernel.status(origin);
            Mount mount = Origin.mountOf(kernel, origin);
            boolean same =
                    status.mountRoot()
                            && kernel.filesystemUuid(origin).equals(snapshot.uuid())
                            && mount.root().equals(snapshot.name(BtrfsProvider.ROOT));
            if (!same) {
                throw new SnapshotException(
                        "delete",
                        path.toString(),
                        "its origin is not mounted on " + snapshot.mountPoint(),
                        "mount subvolume "
                                + snapshot.name(BtrfsProvider.ROOT)
                                + " of the btrfs with UUID "
                                + snapshot.uuid().orElse("unknown")
                                + " there");
            }
        } catch (KernelException e) {
            throw failure("delete", e);
        }
    }

    private SnapshotDirectory directory() throws SnapshotException {
        return SnapshotDirectory.open(kernel, snapshot.mountPoint())
                .orElseThrow(() ->
                        new SnapshotException(
                                "open",
                                path.toString(),
                                "there is no such snapshot",
                                "mount its origin on " + snapshot.mountPoint()));
    }

    private SnapshotException failure(String operation, IOException e) {
        return e instanceof SnapshotException already
                ? already
                : new SnapshotException(operation, path.toString(), e);
    }
}
