package dev.lull.snapshot.lvm;

import dev.lull.linux.BlockStack;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.snapshot.Fit;
import dev.lull.snapshot.Origin;
import dev.lull.snapshot.PreparedSnapshot;
import dev.lull.snapshot.Reserve;
import dev.lull.snapshot.Snapshot;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotProvider;
import dev.lull.snapshot.SnapshotRecord;
import dev.lull.snapshot.SnapshotRequest;
import dev.lull.snapshot.check.FilesystemKind;
import dev.lull.snapshot.process.BoundedProcess;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Snapshots of a filesystem that lies directly on a logical volume: volume {@code lull_ID} of the same group, which
 * carries the tag {@value Volume#TAG}.
 *
 * <p>LVM suspends the volume for the cut, and with it freezes the filesystem: the cut is atomic by itself. It must not be
 * frozen before: on Linux 6.1 suspending then fails with EBUSY, and LVM leaves a classic snapshot half made (tried).
 */
public final class LvmProvider implements SnapshotProvider {
    /** The provider of snapshots of thin volumes. */
    public static final String THIN = "lvm-thin";

    /** The provider of classic snapshots, of all other volumes. */
    public static final String CLASSIC = "lvm-snapshot";

    static final String GROUP = "group";
    static final String GROUP_UUID = "group_uuid";
    static final String VOLUME = "volume";
    static final String VOLUME_UUID = "volume_uuid";
    static final String POOL = "pool";
    static final String ROOT = "root";
    static final String RESERVE = "reserve";

    /** 0.6 to 0.9 s in an emulated machine, most of it before the volume is suspended (tried). */
    private static final Duration ESTIMATE = Duration.ofSeconds(2);

    /** With less metadata left, the pool may have none for the blocks that are written later. */
    private static final int MOST_METADATA = 90;

    /** {@code LVM-} and two UUIDs; a device beneath a volume has a suffix besides. */
    private static final Pattern VOLUME_DEVICE = Pattern.compile("LVM-[a-zA-Z0-9]{64}");

    private static final Pattern UUID = Pattern.compile("[a-zA-Z0-9-]{32,38}");
    private static final int UUID_LENGTH = 32;

    private final String name;
    private final Kernel kernel;
    private final Lvm lvm;
    private final Reserve reserve;
    private final InstantSource clock;

    private LvmProvider(String name, Kernel kernel, Reserve reserve, InstantSource clock) {
        this.name = name;
        this.kernel = kernel;
        this.lvm = new Lvm(kernel);
        this.reserve = reserve;
        this.clock = clock;
    }

    /** @param reserve what must stay free in the pool for the origin's sake */
    public static LvmProvider thin(Kernel kernel, Reserve reserve, InstantSource clock) {
        return new LvmProvider(THIN, kernel, reserve, clock);
    }

    /** Those that copy what is overwritten: the origin cannot run out of room because of them. */
    public static LvmProvider classic(Kernel kernel, InstantSource clock) {
        return new LvmProvider(CLASSIC, kernel, Reserve.DEFAULT, clock);
    }

    @Override
    public String name() {
        return name;
    }

    private boolean isThin() {
        return name.equals(THIN);
    }

    /** Why there can be none. */
    private static final class Unfit extends Exception {
        private static final long serialVersionUID = 1L;

        Unfit(String reason) {
            super(reason);
        }

        String reason() {
            return String.valueOf(getMessage());
        }
    }

    @Override
    public Fit fits(Origin origin) throws SnapshotException {
        try {
            Volume volume = volume(origin);
            return new Fit.Yes(
                    isThin()
                            ? "thin snapshot of " + volume.name() + " in pool " + pool(volume)
                            : "snapshot of "
                                    + volume.name()
                                    + ", whose group has "
                                    + (volume.groupFree() >> 20)
                                    + " MiB free for what is overwritten meanwhile");
        } catch (Unfit e) {
            return new Fit.No(e.reason());
        }
    }

    private static VolumeName pool(Volume thin) {
        return thin.name().sibling(thin.pool());
    }

    private static FilesystemKind kind(Origin origin) throws Unfit {
        Optional<FilesystemKind> kind = FilesystemKind.of(origin.type());
        if (kind.isEmpty() || kind.get() == FilesystemKind.BTRFS) {
            throw new Unfit("its snapshot could not be mounted beside it: it is " + origin.type());
        }
        if (origin.mount().superOptions().stream()
                .anyMatch(option -> option.startsWith("logdev=") || option.startsWith("rtdev="))) {
            throw new Unfit("its log or its data is on another device");
        }
        return kind.get();
    }

    private Volume volume(Origin origin) throws Unfit, SnapshotException {
        kind(origin);
        BlockStack.Mapped mapped = mapped(origin);
        VolumeName found =
                VolumeName.ofMapped(mapped.name())
                        .orElseThrow(() -> new Unfit(mapped.name() + " is no name of LVM's"));
        if (!Lvm.isInstalled()) {
            throw new Unfit("LVM's programs are not installed (package lvm2)");
        }
        Volume volume =
                Volume.find(lvm, found)
                        .filter(one -> mapped.uuid().endsWith(one.uuid()))
                        .orElseThrow(() -> new Unfit("LVM does not know " + found));
        if (volume.isThin() != isThin()) {
            throw new Unfit(
                    volume.isThin()
                            ? found + " is a thin volume, whose snapshots need no room beforehand"
                            : found + " is not a thin volume but " + volume.segments());
        }
        if (volume.role().contains("thicksnapshot")) {
            throw new Unfit(found + " is a snapshot itself");
        }
        if (!volume.complete()) {
            throw new Unfit("a disk of volume group " + found.group() + " is missing");
        }
        return volume;
    }

    private BlockStack.Mapped mapped(Origin origin) throws Unfit, SnapshotException {
        List<BlockStack.Layer> layers;
        try {
            layers = BlockStack.under(kernel, origin.directory()).layers();
        } catch (KernelException e) {
            throw new SnapshotException("look under", origin.mountPoint().toString(), e);
        }
        if (!layers.isEmpty()
                && layers.getFirst() instanceof BlockStack.Mapped mapped
                && VOLUME_DEVICE.matcher(mapped.uuid()).matches()) {
            return mapped;
        }
        throw new Unfit(
                layers.isEmpty()
                        ? "it lies on no block device"
                        : layers.getFirst().name() + " is not a logical volume");
    }

    @Override
    public PreparedSnapshot prepare(SnapshotRequest request, Recorder recorder)
            throws SnapshotException {
        Origin origin = request.origin();
        String subject = origin.mountPoint().toString();
        FilesystemKind kind;
        Volume volume;
        try {
            kind = kind(origin);
            volume = volume(origin);
        } catch (Unfit e) {
            throw new SnapshotException.Unsupported(
                    subject, e.reason(), "lull doctor " + subject + " tells what can be done");
        }
        if (ESTIMATE.compareTo(request.timeout()) > 0) {
            throw new SnapshotException.TooSlow(
                    subject,
                    "a snapshot of a logical volume may take "
                            + ESTIMATE.toMillis()
                            + "ms and the timeout is "
                            + request.timeout().toMillis()
                            + "ms",
                    "allow a longer --timeout");
        }
        Map<String, String> names = new HashMap<>();
        names.put(GROUP, volume.name().group());
        names.put(GROUP_UUID, volume.groupUuid());
        names.put(VOLUME, volume.name().volume());
        names.put(VOLUME_UUID, volume.uuid());
        names.put(ROOT, origin.mount().root());
        List<String> command = new ArrayList<>(List.of("--yes", "--quiet", "--quiet"));
        if (isThin()) {
            names.put(POOL, volume.pool());
            names.put(RESERVE, Long.toString(checkPool(subject, volume)));
            // Activated when it is mounted: at a boot, nothing is to find a second filesystem of
            // its UUID.
            command.addAll(List.of("--setactivationskip", "y"));
        } else {
            long bytes =
                    CopySpace.of(
                            subject,
                            volume.name(),
                            volume.bytes(),
                            volume.groupFree(),
                            volume.extent());
            command.addAll(List.of("--size", bytes + "b"));
        }
        SnapshotRecord intent =
                SnapshotRecord.intent(request, name, clock.instant(), names, List.of());
        VolumeSnapshot snapshot = new VolumeSnapshot(kernel, lvm, intent, kind);
        command.addAll(
                List.of(
                        "--snapshot",
                        "--permission",
                        "r",
                        "--addtag",
                        Volume.TAG,
                        "--name",
                        snapshot.name().volume(),
                        volume.name().toString()));
        rehearse(subject, command);
        recorder.record(intent);
        return new PreparedVolume(
                kernel,
                lvm,
                origin,
                command,
                snapshot,
                request.timeout(),
                new PreparedSnapshot.Terms(
                        intent, false, Origin.written(kernel, origin.directory()), ESTIMATE));
    }

    /** Returns what must stay free in it. */
    private long checkPool(String subject, Volume volume) throws SnapshotException {
        VolumeName pool = pool(volume);
        PoolStatus status = PoolStatus.of(lvm, pool);
        if (!status.trouble().isEmpty()) {
            throw new SnapshotException.Unsupported(
                    subject,
                    "something is wrong with thin pool " + pool + ": " + status.trouble(),
                    "see lvs " + pool + ", and lvmthin(7) about repairing it");
        }
        int threshold = threshold();
        boolean growing = threshold < 100 && status.dataPercent() >= threshold;
        if (growing || status.metadataPercent() >= MOST_METADATA) {
            throw new SnapshotException.NoRoom(
                    subject,
                    "thin pool "
                            + pool
                            + " has used "
                            + (growing
                                    ? status.dataPercent()
                                            + " % of its data, and from "
                                            + threshold
                                            + " % on (thin_pool_autoextend_threshold) LVM makes no snapshots"
                                    : status.metadataPercent() + " % of its metadata"),
                    growing
                            ? "lvextend --size +SIZE " + pool
                            : "lvextend --poolmetadatasize +SIZE " + pool);
        }
        long kept = reserve.bytesFor(volume.occupiedBytes());
        if (status.free() < kept) {
            throw new SnapshotException.NoRoom(
                    subject,
                    "thin pool "
                            + pool
                            + " has "
                            + (status.free() >> 20)
                            + " MiB free and "
                            + (kept >> 20)
                            + " MiB must be: the origin's writes need new blocks while a snapshot shares the old ones",
                    "lvextend --size +SIZE " + pool + ", or lvremove what nobody needs");
        }
        return kept;
    }

    /** From how many per cent on a pool is to be extended, and has no new volumes; 100 if never. */
    private int threshold() throws SnapshotException {
        String setting = "activation/thin_pool_autoextend_threshold";
        BoundedProcess.Ended ended =
                lvm.require(Lvm.LIMIT, "lvmconfig", List.of("--typeconfig", "full", setting));
        String told = new String(ended.output(), StandardCharsets.UTF_8).strip();
        try {
            return Integer.parseInt(told.substring(told.indexOf('=') + 1));
        } catch (NumberFormatException _) {
            throw new SnapshotException("read", setting, "it is no number: " + told);
        }
    }

    /** What LVM would refuse is not found out in the window, and its programs are in memory by then. */
    private void rehearse(String subject, List<String> command) throws SnapshotException {
        List<String> test = new ArrayList<>(command);
        test.addFirst("--test");
        try {
            lvm.require(Lvm.LIMIT, "lvcreate", test);
        } catch (SnapshotException e) {
            throw new SnapshotException.Unsupported(
                    subject, "LVM would not make a snapshot", "see lvcreate(8)", e);
        }
    }

    @Override
    public Snapshot open(SnapshotRecord snapshot) throws SnapshotException {
        String subject = snapshot.id().text();
        snapshot.requireProvider(name);
        FilesystemKind kind = FilesystemKind.of(snapshot);
        String root = snapshot.name(ROOT);
        boolean right =
                root.startsWith("/")
                        && UUID.matcher(snapshot.name(GROUP_UUID)).matches()
                        && snapshot.name(VOLUME_UUID).length() == UUID_LENGTH;
        if (!right) {
            throw new SnapshotException("open snapshot", subject, "its record has a bad name");
        }
        try {
            if (isThin()) {
                new VolumeName(snapshot.name(GROUP), snapshot.name(POOL));
                Long.parseLong(snapshot.name(RESERVE));
            }
            return new VolumeSnapshot(kernel, lvm, snapshot, kind);
        } catch (IllegalArgumentException e) {
            throw new SnapshotException(
                    "open snapshot", subject, "its record has a bad name: " + e.getMessage());
        }
    }
}
