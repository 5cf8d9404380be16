package dev.lull.snapshot.reflink;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.FilesystemSpace;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.Mount;
import dev.lull.snapshot.Fit;
import dev.lull.snapshot.Origin;
import dev.lull.snapshot.PreparedSnapshot;
import dev.lull.snapshot.Reserve;
import dev.lull.snapshot.Snapshot;
import dev.lull.snapshot.SnapshotDirectory;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotId;
import dev.lull.snapshot.SnapshotProvider;
import dev.lull.snapshot.SnapshotRecord;
import dev.lull.snapshot.SnapshotRequest;
import dev.lull.snapshot.Undo;
import dev.lull.snapshot.check.FilesystemKind;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Snapshots of a filesystem that lives in a loop device's backing file on XFS or btrfs: {@code FICLONE} of that file
 * (ioctl_ficlone(2)) onto one in {@code .lull} beside it. The two share all blocks, so nothing is copied, but the cut
 * takes time for every extent of the file, and later writes of the origin need new blocks.
 */
public final class ReflinkProvider implements SnapshotProvider {
    public static final String NAME = "reflink";

    static final String IMAGE = "image";
    static final String HOST = "host";
    static final String ROOT = "root";
    static final String RESERVE = "reserve";
    static final String SUFFIX = ".img";

    /**
     * 65,536 extents took 1.5 s on an idle machine, 23 µs each, and up to 78 µs each on XFS and 48 µs on btrfs where six
     * programs wanted each processor (tried).
     */
    private static final long NANOS_PER_EXTENT = 100_000;

    /** For the file's last dirty pages, which the call writes first. */
    private static final Duration BASE = Duration.ofMillis(100);

    private static final int PROBE_BYTES = 64 * 1024;
    private static final int OWNER_ONLY = 0600;

    private final Kernel kernel;
    private final Reserve reserve;
    private final InstantSource clock;

    public ReflinkProvider(Kernel kernel, Reserve reserve, InstantSource clock) {
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
        try {
            kind(origin);
            BackingFile backing = BackingFile.of(kernel, origin);
            try (Descriptor file = backing.open(kernel)) {
                checkHost(file);
            } catch (KernelException e) {
                throw new SnapshotException("close", backing.path().toString(), e);
            }
            return new Fit.Yes("clone of " + backing.path());
        } catch (BackingFile.None e) {
            return new Fit.No(e.reason());
        } catch (SnapshotException.Unsupported e) {
            return new Fit.No(String.valueOf(e.getMessage()));
        }
    }

    private FilesystemKind kind(Origin origin) throws SnapshotException.Unsupported {
        String mountPoint = origin.mountPoint().toString();
        FilesystemKind kind =
                FilesystemKind.of(origin.type())
                        .orElseThrow(() ->
                                new SnapshotException.Unsupported(
                                        mountPoint,
                                        "images with "
                                                + origin.type()
                                                + " cannot be mounted beside their origin",
                                        "reflink knows ext2, ext3, ext4, xfs and btrfs"));
        if (origin.mount().superOptions().stream()
                .anyMatch(option -> option.startsWith("logdev=") || option.startsWith("rtdev="))) {
            throw new SnapshotException.Unsupported(
                    mountPoint,
                    "its log or its data is on another device",
                    "take snapshots of all its devices with a script");
        }
        // A directory that only kernels with temp-fsid (Linux 6.7) have in that place.
        if (kind == FilesystemKind.BTRFS
                && Files.notExists(Path.of("/sys/fs/btrfs/features/temp_fsid"))) {
            throw new SnapshotException.Unsupported(
                    mountPoint,
                    "this kernel cannot mount a clone of a btrfs beside its origin",
                    "use the btrfs provider, or Linux 6.7 or newer");
        }
        return kind;
    }

    /** Whether files share blocks where an image lies. */
    private void checkHost(Descriptor file) throws SnapshotException {
        Mount host = Origin.mountOf(kernel, file);
        try {
            long type = kernel.space(file).type();
            if (type == FilesystemSpace.XFS || type == FilesystemSpace.BTRFS) {
                return;
            }
        } catch (KernelException e) {
            throw new SnapshotException("look at", file.name(), e);
        }
        throw new SnapshotException.Unsupported(
                file.name(),
                "it lies on " + host.type() + ", where files cannot share blocks",
                "move it to XFS or btrfs");
    }

    @Override
    public PreparedSnapshot prepare(SnapshotRequest request, Recorder recorder)
            throws SnapshotException {
        FilesystemKind kind = kind(request.origin());
        BackingFile backing;
        try {
            backing = BackingFile.of(kernel, request.origin());
        } catch (BackingFile.None e) {
            throw new SnapshotException.Unsupported(
                    request.origin().mountPoint().toString(),
                    e.reason(),
                    "reflink needs an image in a loop device");
        }
        Undo undo = new Undo();
        try {
            Descriptor source = backing.open(kernel);
            Undo handles = new Undo();
            undo.add(handles::run);
            handles.add(source::close);
            checkHost(source);
            long kept =
                    reserve.check(
                            backing.path().toString(),
                            kernel.allocatedBytes(source),
                            kernel.space(source).freeBytes());
            Duration estimate = estimate(source, backing.path(), request.timeout());

            Path parent = Optional.ofNullable(backing.path().getParent()).orElse(Path.of("/"));
            SnapshotRecord intent = intent(request, parent, source, kept);
            recorder.record(intent);
            SnapshotDirectory directory = SnapshotDirectory.make(kernel, parent);
            handles.add(directory::close);
            // Before the descriptors are closed: entries are reached through the directory's.
            undo.add(directory::removeIfEmpty);
            String name = request.id() + SUFFIX;
            undo.add(() -> directory.deleteFile(name));
            Descriptor target = create(source, directory, name);
            handles.add(target::close);
            tryClone(source, directory, request.id());
            kernel.sync(source);
            ReflinkSnapshot snapshot =
                    new ReflinkSnapshot(kernel, intent, kind, Path.of(intent.name(IMAGE)), kept);
            return new PreparedClone(
                    kernel,
                    source,
                    target,
                    snapshot,
                    new PreparedSnapshot.Terms(
                            intent, true, Origin.written(kernel, source), estimate),
                    handles,
                    undo);
        } catch (IOException e) {
            undo.runAfter(e);
            throw e instanceof SnapshotException already
                    ? already
                    : new SnapshotException("prepare a clone of", backing.path().toString(), e);
        } catch (RuntimeException | Error e) {
            undo.runAfter(e);
            throw e;
        }
    }

    private SnapshotRecord intent(
            SnapshotRequest request, Path parent, Descriptor source, long kept)
            throws KernelException {
        Map<String, String> names = new HashMap<>();
        names.put(IMAGE, parent.resolve(DIRECTORY).resolve(request.id() + SUFFIX).toString());
        names.put(ROOT, request.origin().mount().root());
        names.put(RESERVE, Long.toString(kept));
        kernel.filesystemUuid(source).ifPresent(uuid -> names.put(HOST, uuid));
        return SnapshotRecord.intent(request, NAME, clock.instant(), names, List.of());
    }

    private Duration estimate(Descriptor source, Path image, Duration timeout) throws IOException {
        long extents = kernel.extents(source);
        Duration estimate = BASE.plusNanos(Math.multiplyExact(extents, NANOS_PER_EXTENT));
        if (estimate.compareTo(timeout) > 0) {
            throw new SnapshotException.TooSlow(
                    image.toString(),
                    "it has "
                            + extents
                            + " extents, a clone of them may take "
                            + estimate.toMillis()
                            + "ms and the timeout is "
                            + timeout.toMillis()
                            + "ms",
                    "allow a longer --timeout, or defragment it: xfs_fsr or btrfs filesystem defragment");
        }
        return estimate;
    }

    private Descriptor create(Descriptor source, SnapshotDirectory directory, String name)
            throws IOException {
        Descriptor created = kernel.createNew(directory.entry(name), OWNER_ONLY);
        try {
            // Only btrfs has the flag, and only between files that are alike in it does it clone.
            if (kernel.space(source).type() == FilesystemSpace.BTRFS) {
                boolean inPlace = kernel.isWrittenInPlace(source);
                if (inPlace && !kernel.isWrittenInPlace(created)) {
                    kernel.writeInPlace(created);
                }
                if (inPlace != kernel.isWrittenInPlace(created)) {
                    throw new SnapshotException.Unsupported(
                            source.name(),
                            "new files in "
                                    + directory.path()
                                    + " are written in place (nodatacow), and it is not",
                            "clear the attribute: chattr -C " + directory.path());
                }
            }
            return created;
        } catch (IOException e) {
            try {
                created.close();
            } catch (KernelException close) {
                e.addSuppressed(close);
            }
            throw e;
        }
    }

    /**
     * Clones a small file, so that whether this can be done at all is not found out in the window, and so that the way
     * that the cut will go has been gone once.
     */
    private void tryClone(Descriptor source, SnapshotDirectory directory, SnapshotId id)
            throws IOException {
        String fromName = id + ".from";
        String toName = id + ".to";
        Undo undo = new Undo();
        undo.add(() -> directory.deleteFile(fromName));
        undo.add(() -> directory.deleteFile(toName));
        try {
            Descriptor from = create(source, directory, fromName);
            undo.add(from::close);
            Descriptor to = create(source, directory, toName);
            undo.add(to::close);
            kernel.write(from, 0, new byte[PROBE_BYTES]);
            kernel.cloneFile(from, to);
            if (kernel.sharedBytes(to) == 0) {
                throw new SnapshotException.Unsupported(
                        directory.path().toString(),
                        "a clone in it shares no blocks",
                        "move the image to XFS or btrfs");
            }
        } catch (KernelException e) {
            undo.runAfter(e);
            throw e.errno().equals(Errno.EOPNOTSUPP)
                            || e.errno().equals(Errno.EXDEV)
                            || e.errno().equals(Errno.EINVAL)
                    ? new SnapshotException.Unsupported(
                            source.name(),
                            "files cannot share blocks there",
                            "XFS needs reflink=1 (see xfs_info), which mkfs.xfs sets by default",
                            e)
                    : e;
        } catch (IOException | RuntimeException | Error e) {
            undo.runAfter(e);
            throw e;
        }
        undo.run();
    }

    @Override
    public Snapshot open(SnapshotRecord snapshot) throws SnapshotException {
        String subject = snapshot.id().text();
        snapshot.requireProvider(NAME);
        FilesystemKind kind = FilesystemKind.of(snapshot);
        try {
            Path image = Path.of(snapshot.name(IMAGE));
            Path directory = image.getParent();
            // Only what this provider would have named itself: a record must not make us delete
            // anything else.
            boolean ours =
                    image.isAbsolute()
                            && image.equals(image.normalize())
                            && directory != null
                            && directory.endsWith(DIRECTORY)
                            && image.endsWith(subject + SUFFIX);
            if (!ours) {
                throw new SnapshotException(
                        "open snapshot", subject, "no image of it would be named " + image);
            }
            String root = snapshot.name(ROOT);
            if (!root.startsWith("/") || Path.of(root).normalize().startsWith("..")) {
                throw new SnapshotException(
                        "open snapshot", subject, "no root of a mount: " + root);
            }
            return new ReflinkSnapshot(
                    kernel, snapshot, kind, image, Long.parseLong(snapshot.name(RESERVE)));
        } catch (InvalidPathException | NumberFormatException e) {
            throw new SnapshotException(
                    "open snapshot", subject, "its record has a bad name: " + e.getMessage());
        }
    }
}
