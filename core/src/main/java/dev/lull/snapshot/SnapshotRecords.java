package dev.lull.snapshot;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The registry of snapshots: one JSON file each, in a directory that only its owner can enter. Written under a temporary
 * name, fsynced and renamed, so that a reader sees a record whole or not at all.
 *
 * <p>A record is written as an intent before the freeze and again after the thaw. One that is still
 * {@link SnapshotState#TAKING} and whose run is gone belongs to a run that was killed: open it with its provider and
 * delete it.
 *
 * <p>Safe for use by several threads and processes, as long as each snapshot is one's own.
 */
public final class SnapshotRecords {
    /** Where the records of this host are. */
    public static final Path DEFAULT_DIRECTORY = Path.of("/var/lib/lull/snapshots");

    private static final String SUFFIX = ".json";
    private static final int LARGEST = 256 * 1024;

    /** A record names a script that root runs: nobody else may be able to put one here. */
    private final PrivateDirectory directory;

    /** @param directory made, with mode 0700, by the first {@link #write} */
    public SnapshotRecords(Path directory) {
        this.directory = new PrivateDirectory(directory);
    }

    /**
     * All records and what could not be read.
     *
     * @param records oldest first
     * @param unreadable per file, why
     */
    public record Listing(List<SnapshotRecord> records, Map<Path, String> unreadable) {}

    /**
     * Every record that can be read; one that cannot keeps no other from being listed.
     *
     * @throws SnapshotException if the directory exists and cannot be listed, or others can write to it
     */
    public Listing list() throws SnapshotException {
        List<SnapshotRecord> records = new ArrayList<>();
        Map<Path, String> unreadable = new TreeMap<>();
        if (!directory.exists()) {
            return new Listing(records, unreadable);
        }
        try (DirectoryStream<Path> files =
                Files.newDirectoryStream(directory.path(), "*" + SUFFIX)) {
            for (Path file : files) {
                try {
                    read(file).ifPresent(records::add);
                } catch (IOException | IllegalArgumentException e) {
                    unreadable.put(file, String.valueOf(e.getMessage()));
                }
            }
        } catch (IOException e) {
            throw new SnapshotException("list", directory.path().toString(), e);
        }
        records.sort(
                Comparator.comparing(SnapshotRecord::created)
                        .thenComparing(snapshot -> snapshot.id().text()));
        return new Listing(List.copyOf(records), unreadable);
    }

    /**
     * The record of that id.
     *
     * @throws SnapshotException if there is one and it cannot be read
     */
    public Optional<SnapshotRecord> find(SnapshotId id) throws SnapshotException {
        if (!directory.exists()) {
            return Optional.empty();
        }
        Path file = file(id);
        try {
            return read(file);
        } catch (IOException e) {
            throw new SnapshotException("read", file.toString(), e);
        } catch (IllegalArgumentException e) {
            throw new SnapshotException("read", file.toString(), String.valueOf(e.getMessage()));
        }
    }

    /**
     * Writes a record, in the place of an earlier one of the same id; durable on return.
     *
     * @throws SnapshotException if it could not be written; an earlier one is then still there
     */
    public void write(SnapshotRecord snapshot) throws SnapshotException {
        // A run that was killed while writing may have left a temporary file; the id is ours.
        directory.replace(
                snapshot.id() + SUFFIX, temporary(snapshot.id()), RecordJson.write(snapshot));
    }

    /**
     * Deletes a record, not the snapshot. Deleting one that is not there is no failure.
     *
     * @throws SnapshotException if it is still there
     */
    public void delete(SnapshotId id) throws SnapshotException {
        if (directory.exists()) {
            directory.delete(temporary(id));
            directory.delete(id + SUFFIX);
        }
    }

    private static String temporary(SnapshotId id) {
        return "." + id + ".new";
    }

    private Path file(SnapshotId id) {
        return directory.path().resolve(id + SUFFIX);
    }

    private static Optional<SnapshotRecord> read(Path file) throws IOException {
        PosixFileAttributes attributes;
        try {
            attributes =
                    Files.readAttributes(
                            file, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        } catch (NoSuchFileException _) {
            return Optional.empty();
        }
        if (!attributes.isRegularFile()) {
            throw new IllegalArgumentException("not a regular file");
        }
        if (attributes.size() > LARGEST) {
            throw new IllegalArgumentException("larger than " + LARGEST + " bytes");
        }
        SnapshotRecord snapshot = RecordJson.read(Files.readAllBytes(file));
        if (!file.getFileName().toString().equals(snapshot.id() + SUFFIX)) {
            throw new IllegalArgumentException("it is a record of snapshot " + snapshot.id());
        }
        return Optional.of(snapshot);
    }
}
