package dev.lull.snapshot.btrfs;

import dev.lull.linux.FilesystemSpace;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.snapshot.Fit;
import dev.lull.snapshot.Origin;
import dev.lull.snapshot.PreparedSnapshot;
import dev.lull.snapshot.Reserve;
import dev.lull.snapshot.Snapshot;
import dev.lull.snapshot.SnapshotDirectory;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotProvider;
import dev.lull.snapshot.SnapshotRecord;
import dev.lull.snapshot.SnapshotRequest;
import dev.lull.snapshot.Undo;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Read-only snapshots of a btrfs subvolume, in {@code .lull} at the top of its mount. Atomic by themselves, so the
 * filesystem is not frozen for them: on a frozen one the call waits for the thaw (tried). Subvolumes nested in the
 * origin are not in the snapshot; it has an empty directory for each.
 */
public final class BtrfsProvider implements SnapshotProvider {
    public static final String NAME = "btrfs";

    static final String ROOT = "root";
    static final String RESERVE = "reserve";

    /** The call writes the subvolume's dirty pages and commits a transaction (fs/btrfs/ioctl.c, create_snapshot). */
    private static final Duration ESTIMATE = Duration.ofMillis(500);

    private static final int SHOWN = 3;

    private final Kernel kernel;
    private final Reserve reserve;
    private final InstantSource clock;

    public BtrfsProvider(Kernel kernel, Reserve reserve, InstantSource clock) {
        this.kernel = kernel;
        this.reserve = reserve;
        this.clock = clock;
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Fit fits(Origin origin) throws SnapshotException {
        if (!origin.type().equals("btrfs")) {
            return new Fit.No("it is " + origin.type() + ", not btrfs");
        }
        try {
            return kernel.isSubvolume(origin.directory())
                    ? new Fit.Yes("read-only snapshot of subvolume " + origin.mount().root())
                    : new Fit.No(origin.directory().name() + " is not the top of a subvolume");
        } catch (KernelException e) {
            throw new SnapshotException("look at", origin.mountPoint().toString(), e);
        }
    }

    @Override
    public PreparedSnapshot prepare(SnapshotRequest request, Recorder recorder)
            throws SnapshotException {
        Origin origin = request.origin();
        String subject = origin.mountPoint().toString();
        if (fits(origin) instanceof Fit.No no) {
            throw new SnapshotException.Unsupported(
                    subject, no.reason(), "name the top of a mounted btrfs subvolume");
        }
        if (ESTIMATE.compareTo(request.timeout()) > 0) {
            throw new SnapshotException.TooSlow(
                    subject,
                    "a subvolume snapshot may take "
                            + ESTIMATE.toMillis()
                            + "ms and the timeout is "
                            + request.timeout().toMillis()
                            + "ms",
                    "allow a longer --timeout");
        }
        Undo undo = new Undo();
        try {
            List<Path> nested = nested(origin);
            if (!nested.isEmpty() && !request.oneFilesystem()) {
                throw new SnapshotException.Unsupported(
                        subject,
                        "the snapshot would lack "
                                + nested.size()
                                + " nested subvolumes: "
                                + list(nested),
                        "name them too, if they are mounted, or leave them out with --one-file-system");
            }
            FilesystemSpace space = kernel.space(origin.directory());
            long kept =
                    reserve.check(
                            subject, space.totalBytes() - space.freeBytes(), space.freeBytes());
            Map<String, String> names =
                    Map.of(ROOT, origin.mount().root(), RESERVE, Long.toString(kept));
            SnapshotRecord intent =
                    SnapshotRecord.intent(request, NAME, clock.instant(), names, nested);
            recorder.record(intent);
            SnapshotDirectory directory = SnapshotDirectory.make(kernel, origin.mountPoint());
            undo.add(directory::close);
            undo.add(directory::removeIfEmpty);
            // The path could by now lead elsewhere; the snapshot must lie on the origin.
            if (kernel.status(directory.descriptor()).mountId()
                    != kernel.status(origin.directory()).mountId()) {
                throw new SnapshotException.Unsupported(
                        subject,
                        "another filesystem is mounted over it",
                        "unmount that, or name another mount of it");
            }
            return new PreparedSubvolume(
                    kernel,
                    origin,
                    directory,
                    new SubvolumeSnapshot(kernel, intent, kept),
                    new PreparedSnapshot.Terms(
                            intent, false, Origin.written(kernel, origin.directory()), ESTIMATE),
                    undo);
        } catch (IOException e) {
            undo.runAfter(e);
            throw e instanceof SnapshotException already
                    ? already
                    : new SnapshotException("prepare a snapshot of", subject, e);
        } catch (RuntimeException | Error e) {
            undo.runAfter(e);
            throw e;
        }
    }

    /** Without our own snapshots, which are nobody's data. */
    private List<Path> nested(Origin origin) throws KernelException {
        return kernel.nestedSubvolumes(origin.directory()).stream()
                .filter(path -> !isSnapshot(path))
                .sorted()
                .toList();
    }

    private static boolean isSnapshot(Path path) {
        Path parent = path.getParent();
        return parent != null && parent.endsWith(DIRECTORY);
    }

    private static String list(List<Path> paths) {
        String shown =
                paths.stream().limit(SHOWN).map(Path::toString).collect(Collectors.joining(", "));
        return paths.size() > SHOWN ? shown + ", …" : shown;
    }

    @Override
    public Snapshot open(SnapshotRecord snapshot) throws SnapshotException {
        String subject = snapshot.id().text();
        snapshot.requireProvider(NAME);
        snapshot.name(ROOT);
        try {
            return new SubvolumeSnapshot(kernel, snapshot, Long.parseLong(snapshot.name(RESERVE)));
        } catch (NumberFormatException e) {
            throw new SnapshotException(
                    "open snapshot", subject, "its record has a bad name: " + e.getMessage());
        }
    }
}
