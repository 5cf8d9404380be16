package dev.lull.snapshot.lvm;

import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.LoopDevice;
import dev.lull.linux.Mount;
import dev.lull.snapshot.CheckReport;
import dev.lull.snapshot.MountedSnapshot;
import dev.lull.snapshot.Room;
import dev.lull.snapshot.Snapshot;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotRecord;
import dev.lull.snapshot.Undo;
import dev.lull.snapshot.check.FilesystemChecker;
import dev.lull.snapshot.check.FilesystemKind;
import dev.lull.snapshot.mount.DeviceMount;
import dev.lull.snapshot.mount.SnapshotMount;
import dev.lull.snapshot.process.BoundedProcess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** A logical volume that is a snapshot of another one. */
final class VolumeSnapshot implements Snapshot {
    private static final String PREFIX = "lull_";
    private static final String CHECK = "_check";

    /** What mounting and unmounting a filesystem once may write to the clone of a classic snapshot. */
    private static final long CHECK_BYTES = 64L << 20;

    private final Kernel kernel;
    private final Lvm lvm;
    private final SnapshotRecord snapshot;
    private final FilesystemKind kind;
    private final VolumeName origin;
    private final VolumeName name;

    /** @throws IllegalArgumentException if the record's names are none of LVM's */
    VolumeSnapshot(Kernel kernel, Lvm lvm, SnapshotRecord snapshot, FilesystemKind kind)
            throws SnapshotException {
        this.kernel = kernel;
        this.lvm = lvm;
        this.snapshot = snapshot;
        this.kind = kind;
        this.origin =
                new VolumeName(snapshot.name(LvmProvider.GROUP), snapshot.name(LvmProvider.VOLUME));
        this.name = origin.sibling(PREFIX + snapshot.id());
    }

    /** What LVM calls it, as long as its group is not renamed. */
    VolumeName name() {
        return name;
    }

    private boolean isThin() {
        return snapshot.provider().equals(LvmProvider.THIN);
    }

    @Override
    public SnapshotRecord record() {
        return snapshot;
    }

    /** Its metadata was written by the command that made it. */
    @Override
    public void makeDurable() throws SnapshotException {
        Volume volume = volume("make durable");
        if (!volume.origin().equals(origin.volume())) {
            throw new SnapshotException(
                    "make durable", name.toString(), "it is no snapshot of " + origin);
        }
        requireValid("make durable");
    }

    /** The volume; it may have been renamed with its group. */
    private Volume volume(String operation) throws SnapshotException {
        Volume volume =
                find(name.volume()).stream()
                        .filter(one -> one.name().volume().equals(name.volume()))
                        .findFirst()
                        .orElseThrow(() ->
                                new SnapshotException(
                                        operation,
                                        name.toString(),
                                        "there is no such volume",
                                        "see lvs @" + Volume.TAG));
        requireOurs(operation, volume);
        return volume;
    }

    private List<Volume> find(String beginning) throws SnapshotException {
        return Volume.named(lvm, snapshot.name(LvmProvider.GROUP_UUID), beginning);
    }

    private static void requireOurs(String operation, Volume volume) throws SnapshotException {
        if (!volume.isOurs()) {
            throw new SnapshotException(
                    operation,
                    volume.name().toString(),
                    "it does not carry the tag " + Volume.TAG + ", so it is not lull's",
                    "if it is all the same: lvchange --addtag " + Volume.TAG + " " + volume.name());
        }
    }

    /** A classic snapshot that has no room for what is overwritten is void, and every read of it fails. */
    private void requireValid(String operation) throws SnapshotException {
        if (!isThin() && !isValid(operation)) {
            throw new SnapshotException(
                    operation,
                    name.toString(),
                    "it has overflowed: more was overwritten in "
                            + origin
                            + " than it has room for",
                    "make room in volume group "
                            + name.group()
                            + ", or back up when less is written");
        }
    }

    private boolean isValid(String operation) throws SnapshotException {
        String line =
                lvm.status(name.mapped())
                        .orElseThrow(() ->
                                new SnapshotException(
                                        operation,
                                        name.toString(),
                                        "it is not active",
                                        "lvchange --activate y " + origin));
        try {
            return CopyStatus.isValid(line);
        } catch (IllegalArgumentException e) {
            throw new SnapshotException(operation, name.toString(), String.valueOf(e.getMessage()));
        }
    }

    @Override
    public MountedSnapshot mount(Path target) throws SnapshotException {
        Path node = activate("mount snapshot", volume("mount snapshot"));
        requireValid("mount snapshot");
        return DeviceMount.mount(
                kernel,
                node,
                name.toString(),
                kind,
                target,
                snapshot.name(LvmProvider.ROOT),
                false);
    }

    /** The volume's node. It stays active until it is deleted. */
    private Path activate(String operation, Volume volume) throws SnapshotException {
        if (volume.node().isPresent()) {
            return volume.node().get();
        }
        lvm.require(
                Lvm.LIMIT,
                "lvchange",
                List.of(
                        "--activate",
                        "y",
                        "--ignoreactivationskip",
                        "--quiet",
                        "--quiet",
                        volume.name().toString()));
        return Volume.find(lvm, volume.name())
                .flatMap(Volume::node)
                .orElseThrow(() ->
                        new SnapshotException(
                                operation, volume.name().toString(), "it was not activated"));
    }

    @Override
    public CheckReport check(Path scratch) throws SnapshotException {
        FilesystemChecker.find(kind, name.toString());
        Volume pristine = volume("check");
        VolumeName clone = pristine.name().sibling(name.volume() + CHECK);
        Undo undo = new Undo();
        try {
            undo.add(() -> remove(find(clone.volume())));
            Path device =
                    isThin()
                            ? cloneThin(pristine, clone)
                            : cloneClassic(activate("check", pristine), clone, undo);
            try (SnapshotMount mounted =
                    DeviceMount.mount(kernel, device, clone.toString(), kind, scratch, "/", true)) {
                // Mounting replays the log and clears orphans; that is all that was wanted.
                mounted.path();
            }
            CheckReport report = FilesystemChecker.check(kernel, kind, device);
            undo.run();
            return report;
        } catch (IOException e) {
            undo.runAfter(e);
            throw e instanceof SnapshotException already
                    ? already
                    : new SnapshotException("check", name.toString(), e);
        }
    }

    private Path cloneThin(Volume pristine, VolumeName clone) throws SnapshotException {
        lvm.require(
                Lvm.LIMIT,
                "lvcreate",
                List.of(
                        "--yes",
                        "--quiet",
                        "--quiet",
                        "--snapshot",
                        "--permission",
                        "rw",
                        "--setactivationskip",
                        "n",
                        "--addtag",
                        Volume.TAG,
                        "--name",
                        clone.volume(),
                        pristine.name().toString()));
        return node(clone);
    }

    private Path node(VolumeName made) throws SnapshotException {
        return Volume.find(lvm, made)
                .flatMap(Volume::node)
                .orElseThrow(() ->
                        new SnapshotException("check", made.toString(), "it was not activated"));
    }

    /** LVM makes no snapshots of classic snapshots; device-mapper does (snapshot.rst). */
    private Path cloneClassic(Path below, VolumeName clone, Undo undo) throws IOException {
        lvm.require(
                Lvm.LIMIT,
                "lvcreate",
                List.of(
                        "--yes",
                        "--quiet",
                        "--quiet",
                        "--wipesignatures",
                        "n",
                        "--zero",
                        "y",
                        "--size",
                        CHECK_BYTES + "b",
                        "--addtag",
                        Volume.TAG,
                        "--name",
                        clone.volume(),
                        clone.group()));
        // Through a loop device: device-mapper does not take what is mounted (EBUSY, tried).
        Descriptor node = kernel.openRead(below);
        undo.add(node::close);
        LoopDevice loop = kernel.attachLoop(node, true);
        undo.add(loop::close);
        String mapped = overlay(clone);
        String sectors =
                kernel.readKnob(Path.of("/sys/class/block/" + below.getFileName() + "/size"))
                        .strip();
        undo.add(() -> removeOverlay(clone));
        BoundedProcess.Ended ended =
                lvm.dmsetup(
                        "create",
                        mapped,
                        "--table",
                        "0 " + sectors + " snapshot " + loop.path() + " " + node(clone) + " N 8");
        if (ended.status() != 0) {
            throw new SnapshotException("clone", name.toString(), Lvm.reason(ended));
        }
        return minor(mapped);
    }

    private static String overlay(VolumeName clone) {
        return clone.mapped() + "-overlay";
    }

    private Path minor(String mapped) throws SnapshotException {
        BoundedProcess.Ended ended =
                lvm.dmsetup("info", "--columns", "--noheadings", "--options", "minor", mapped);
        String told = new String(ended.output(), StandardCharsets.UTF_8).strip();
        if (ended.status() != 0 || !told.matches("\\d+")) {
            throw new SnapshotException("look at", mapped, Lvm.reason(ended));
        }
        return Path.of("/dev/dm-" + told);
    }

    /** What a check of a classic snapshot was made on; it may have come to an end before. */
    private void removeOverlay(VolumeName clone) throws SnapshotException {
        String mapped = overlay(clone);
        if (lvm.status(mapped).isPresent()) {
            removeMapped(mapped);
        }
    }

    private void removeMapped(String mapped) throws SnapshotException {
        BoundedProcess.Ended ended = lvm.dmsetup("remove", "--retry", mapped);
        if (ended.status() != 0) {
            throw new SnapshotException(
                    "remove", mapped, Lvm.reason(ended), "dmsetup remove " + mapped);
        }
    }

    @Override
    public Optional<Room> room() throws SnapshotException {
        if (isThin()) {
            VolumeName pool = origin.sibling(snapshot.name(LvmProvider.POOL));
            long kept = Long.parseLong(snapshot.name(LvmProvider.RESERVE));
            return Optional.of(
                    new Room(
                            Path.of("/dev", pool.group(), pool.volume()),
                            PoolStatus.of(lvm, pool).free(),
                            kept));
        }
        // Its origin goes on when it is full; it does not.
        requireValid("read");
        return Optional.empty();
    }

    @Override
    public void delete() throws SnapshotException {
        resumeOrigin();
        List<Volume> volumes = find(name.volume());
        if (volumes.isEmpty()) {
            requireGroup();
        }
        for (Volume one : volumes) {
            requireOurs("delete", one);
            requireNotMounted(one);
        }
        VolumeName clone = name.sibling(name.volume() + CHECK);
        if (volumes.stream().anyMatch(one -> one.name().equals(clone))) {
            removeOverlay(clone);
        }
        remove(volumes);
        removeOrphan();
    }

    /** Ends a suspension that a command of LVM's which was killed has left. */
    void resumeOrigin() throws SnapshotException {
        Suspension.end(
                kernel,
                lvm,
                snapshot.name(LvmProvider.GROUP_UUID),
                snapshot.name(LvmProvider.VOLUME_UUID));
    }

    /** What is not there because its disks are not has not been deleted. */
    private void requireGroup() throws SnapshotException {
        String uuid = snapshot.name(LvmProvider.GROUP_UUID);
        if (lvm.report("vgs", "vg_name", "--select", "vg_uuid=\"" + uuid + "\"").isEmpty()) {
            throw new SnapshotException(
                    "delete",
                    name.toString(),
                    "there is no volume group with UUID " + uuid,
                    "attach its disks: vgs");
        }
    }

    private void requireNotMounted(Volume volume) throws SnapshotException {
        Optional<DeviceNumber> device = volume.device();
        try {
            for (Mount mount : kernel.mounts()) {
                if (device.equals(Optional.of(mount.device()))) {
                    throw new SnapshotException(
                            "delete",
                            volume.name().toString(),
                            "it is mounted on " + mount.mountPoint(),
                            "umount " + mount.mountPoint());
                }
            }
        } catch (KernelException e) {
            throw new SnapshotException("delete", volume.name().toString(), e);
        }
    }

    /** Volumes of ours. */
    private void remove(List<Volume> volumes) throws SnapshotException {
        List<String> names = new ArrayList<>();
        for (Volume one : volumes) {
            requireOurs("delete", one);
            names.add(one.name().toString());
        }
        if (names.isEmpty()) {
            return;
        }
        List<String> words = new ArrayList<>(List.of("--yes", "--quiet", "--quiet"));
        words.addAll(names);
        try {
            lvm.require(Lvm.LIMIT, "lvremove", words);
        } catch (SnapshotException e) {
            throw new SnapshotException(
                    "delete",
                    String.join(" ", names),
                    e,
                    "somebody still uses it: dmsetup info --columns, fuser -v");
        }
    }

    /** Where a classic snapshot failed half-way, LVM leaves the device that the origin was to rest on (tried). */
    private void removeOrphan() throws SnapshotException {
        if (isThin()) {
            return;
        }
        String real = origin.mapped() + "-real";
        BoundedProcess.Ended open =
                lvm.dmsetup("info", "--columns", "--noheadings", "--options", "open", real);
        // Where it is not there that fails; where it is what the origin rests on somebody has it
        // open.
        if (open.status() == 0
                && new String(open.output(), StandardCharsets.UTF_8).strip().equals("0")) {
            removeMapped(real);
        }
    }
}
