package dev.lull.backup;

import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.MountFlag;
import dev.lull.plan.ConsistentSnapshots.Taken;
import dev.lull.plan.RunJournal;
import dev.lull.snapshot.MountedSnapshot;
import dev.lull.snapshot.SnapshotProvider;
import dev.lull.snapshot.Undo;
import dev.lull.snapshot.btrfs.BtrfsProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * Snapshots mounted read-only in a private directory: one alone as it is, several each at its own path below a common
 * root. Closing unmounts and removes everything. For one thread.
 */
final class SnapshotTree implements AutoCloseable {
    private final Path directory;
    private final ArchiveSource source;
    private final Undo undo;

    private SnapshotTree(Path directory, ArchiveSource source, Undo undo) {
        this.directory = directory;
        this.source = source;
        this.undo = undo;
    }

    /**
     * Mounts them.
     *
     * @param parent where to make the private directory; itself made if it is not there
     * @param journal is told of the directory before it is made
     * @throws IOException if it could not be done; nothing is left then
     */
    static SnapshotTree mount(Kernel kernel, Path parent, RunJournal journal, List<Taken> snapshots)
            throws IOException {
        Undo undo = new Undo();
        try {
            Path directory = journal.makeMountDirectory(parent);
            undo.add(() -> Files.deleteIfExists(directory));
            ArchiveSource source =
                    snapshots.size() == 1
                            ? single(snapshots.getFirst(), directory, undo)
                            : several(kernel, snapshots, directory, undo);
            return new SnapshotTree(directory, source, undo);
        } catch (IOException | RuntimeException | Error e) {
            undo.runAfter(e);
            throw e;
        }
    }

    private static ArchiveSource single(Taken taken, Path directory, Undo undo) throws IOException {
        return ArchiveSource.of(mountOne(taken, directory.resolve("snapshot"), undo))
                .without(notData(taken, Path.of("")));
    }

    /** Ours and no data: a snapshot of a btrfs subvolume shows the directory that it lies in. */
    private static List<Path> notData(Taken taken, Path member) {
        return taken.snapshot().record().provider().equals(BtrfsProvider.NAME)
                ? List.of(member.resolve(SnapshotProvider.DIRECTORY))
                : List.of();
    }

    private static Path mountOne(Taken taken, Path target, Undo undo) throws IOException {
        Files.createDirectory(target);
        undo.add(() -> Files.deleteIfExists(target));
        MountedSnapshot mounted = taken.snapshot().mount(target);
        undo.add(mounted::close);
        return mounted.path();
    }

    /** Upper ones first: where one origin is mounted in another, the mount point is in the other's snapshot. */
    private static ArchiveSource several(
            Kernel kernel, List<Taken> snapshots, Path directory, Undo undo) throws IOException {
        Path root = Files.createDirectory(directory.resolve("root"));
        undo.add(() -> Files.deleteIfExists(root));
        List<Taken> upperFirst =
                snapshots.stream()
                        .sorted(
                                Comparator.comparingInt(
                                        taken -> taken.origin().mountPoint().getNameCount()))
                        .toList();
        List<Path> members = new ArrayList<>();
        List<Path> without = new ArrayList<>();
        for (Taken taken : upperFirst) {
            Path top = mountOne(taken, directory.resolve(taken.snapshot().id().text()), undo);
            Path member = Path.of("/").relativize(taken.origin().mountPoint());
            bind(kernel, top, makeDirectories(root, member, undo), undo);
            members.add(member);
            without.addAll(notData(taken, member));
        }
        return new ArchiveSource(root, members, without, Optional.empty());
    }

    private static Path makeDirectories(Path root, Path member, Undo undo) throws IOException {
        Path directory = root;
        for (Path name : member) {
            Path next = directory.resolve(name);
            if (!name.toString().isEmpty() && !Files.isDirectory(next)) {
                Files.createDirectory(next);
                undo.add(() -> Files.deleteIfExists(next));
            }
            directory = next;
        }
        return directory;
    }

    private static void bind(Kernel kernel, Path top, Path target, Undo undo)
            throws KernelException {
        kernel.mount(top.toString(), target, "", MountFlag.BIND, "");
        undo.add(() -> kernel.unmount(target, false));
    }

    /** The private directory, which the snapshots are mounted in. */
    Path directory() {
        return directory;
    }

    /** What is mounted, as an archive takes it. */
    ArchiveSource source() {
        return source;
    }

    /** Writes a file beside the snapshots, which goes when this is closed. */
    Path writeBeside(String name, String text) throws IOException {
        Path file = directory.resolve(name);
        undo.add(() -> Files.deleteIfExists(file));
        return Files.writeString(file, text);
    }

    /** An empty directory beside the snapshots, which goes when this is closed. */
    Path makeBeside(String name) throws IOException {
        Path made = Files.createDirectory(directory.resolve(name));
        undo.add(() -> Files.deleteIfExists(made));
        return made;
    }

    /** @throws IOException the first failure, the others suppressed in it */
    @Override
    public void close() throws IOException {
        undo.run();
    }
}
