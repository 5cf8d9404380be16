package dev.lull.plan;

import dev.lull.linux.KernelException;
import dev.lull.linux.Mount;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotId;
import dev.lull.snapshot.SnapshotRecord;
import dev.lull.snapshot.SnapshotState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Something that a run makes for its own sake, and removes again. It is written down before it is made
 * ({@link RunJournal}), so that whoever comes after a run that was killed can remove it.
 */
public sealed interface Leftover {
    /**
     * Whether there is anything of it.
     *
     * @throws IOException if it could not be found out
     */
    boolean isLeft(Host host) throws IOException;

    /**
     * Removes it. Removing what is not there is no failure.
     *
     * @throws IOException if something of it is still there; the message says what
     */
    void remove(Host host) throws IOException;

    /** What it is, for a person. */
    String words();

    private static void requireOurs(Path directory, String prefix) {
        Path name = directory.getFileName();
        if (!directory.isAbsolute()
                || !directory.equals(directory.normalize())
                || name == null
                || !name.toString().startsWith(prefix)) {
            throw new IllegalArgumentException("no directory of a run's own: " + directory);
        }
    }

    /** Follows no link; nothing may be mounted in it. */
    private static void deleteTree(Path top) throws IOException {
        List<Path> entries;
        try (Stream<Path> all = Files.walk(top)) {
            entries = all.toList();
        }
        for (Path entry : entries.reversed()) {
            Files.delete(entry);
        }
    }

    /**
     * A snapshot that was being taken, or was good but meant for its run alone.
     *
     * @param id its name; once its record says something other than {@link SnapshotState#TAKING}, it is somebody's
     */
    record Unfinished(SnapshotId id) implements Leftover {
        @Override
        public boolean isLeft(Host host) throws IOException {
            return taking(host).isPresent();
        }

        private Optional<SnapshotRecord> taking(Host host) throws SnapshotException {
            return host.records()
                    .find(id)
                    .filter(snapshot -> snapshot.state() == SnapshotState.TAKING);
        }

        @Override
        public void remove(Host host) throws IOException {
            Optional<SnapshotRecord> taking = taking(host);
            if (taking.isPresent()) {
                host.delete(taking.get());
            }
        }

        @Override
        public String words() {
            return "snapshot " + id;
        }
    }

    /**
     * A directory of the run's own on a tmpfs, all that is mounted in it, and the few files beside.
     *
     * @param directory absolute; its name begins with {@link #PREFIX}
     */
    record Mounts(Path directory) implements Leftover {
        /** What the names of such directories begin with, so that no other is ever taken for one. */
        public static final String PREFIX = "mnt-";

        public Mounts {
            requireOurs(directory, PREFIX);
        }

        @Override
        public boolean isLeft(Host host) {
            return Files.exists(directory, LinkOption.NOFOLLOW_LINKS);
        }

        @Override
        public void remove(Host host) throws IOException {
            List<Mount> mounts = within(host);
            // Last mounted first: what is mounted in another goes before it.
            for (Mount mount : mounts.reversed()) {
                try {
                    host.kernel().unmount(mount.mountPoint(), false);
                } catch (KernelException e) {
                    throw new SnapshotException(
                            "unmount",
                            mount.mountPoint().toString(),
                            e,
                            "somebody still uses it: fuser -vm " + mount.mountPoint());
                }
            }
            if (!within(host).isEmpty() || !isLeft(host)) {
                return;
            }
            deleteTree(directory);
        }

        private List<Mount> within(Host host) throws KernelException {
            return host.kernel().mounts().stream()
                    .filter(mount -> mount.mountPoint().startsWith(directory))
                    .toList();
        }

        @Override
        public String words() {
            return "mounts in " + directory;
        }
    }

    /**
     * A directory of the run's own on a disk, with all that is in it.
     *
     * @param directory absolute; its name begins with {@link #PREFIX}
     */
    record Scratch(Path directory) implements Leftover {
        /** What the names of such directories begin with, so that no other is ever taken for one. */
        public static final String PREFIX = "lull-scratch-";

        public Scratch {
            requireOurs(directory, PREFIX);
        }

        @Override
        public boolean isLeft(Host host) {
            return Files.exists(directory, LinkOption.NOFOLLOW_LINKS);
        }

        @Override
        public void remove(Host host) throws IOException {
            if (isLeft(host)) {
                deleteTree(directory);
            }
        }

        @Override
        public String words() {
            return directory.toString();
        }
    }

    /**
     * A file that is not whole yet.
     *
     * @param file absolute
     * @param unless if this file exists the other one is whole, and stays
     */
    record Partial(Path file, Optional<Path> unless) implements Leftover {
        public Partial {
            if (!file.isAbsolute()) {
                throw new IllegalArgumentException("not absolute: " + file);
            }
        }

        @Override
        public boolean isLeft(Host host) {
            return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
                    && unless.filter(whole -> Files.exists(whole, LinkOption.NOFOLLOW_LINKS))
                            .isEmpty();
        }

        @Override
        public void remove(Host host) throws IOException {
            if (isLeft(host)) {
                Files.deleteIfExists(file);
            }
        }

        @Override
        public String words() {
            return file.toString();
        }
    }
}
