package dev.lull.snapshot;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The registry of snapshots: one JSON file each, in a directory that only root can enter. Written under a temporary
 * name, fsynced and renamed, so that a reader sees a record whole or not at all.
 *
 * <p>A record is written as an intent before the freeze and again after the thaw. One that is still
 * {@link SnapshotState#TAKING} and whose run is gone belongs to a run that was killed: open it with its provider and
 * delete it.
 */
public final class SnapshotRecords {
    /** Where the records of this host are. */
    public static final Path DEFAULT_DIRECTORY = Path.of("/var/lib/lull/snapshots");

    private final Path directory;

    public SnapshotRecords(Path directory) {
        this.directory = directory;
    }

    /**
     * All records and what could not be read.
     *
     * @param records oldest first
     * @param unreadable per file, why
     */
    public record Listing(List<SnapshotRecord> records, Map<Path, String> unreadable) {}

    /** @throws SnapshotException if the directory exists and cannot be listed */
    public Listing list() throws SnapshotException {
        throw new UnsupportedOperationException("not built yet: " + directory);
    }

    /** @throws SnapshotException if there is a record of that id and it cannot be read */
    public Optional<SnapshotRecord> find(SnapshotId id) throws SnapshotException {
        throw new UnsupportedOperationException("not built yet: " + id);
    }

    /** Writes a record, in the place of an earlier one of the same id; durable on return. */
    public void write(SnapshotRecord snapshot) throws SnapshotException {
        throw new UnsupportedOperationException("not built yet: " + snapshot);
    }

    /** Deletes a record, not the snapshot. Deleting one that is not there is no failure. */
    public void delete(SnapshotId id) throws SnapshotException {
        throw new UnsupportedOperationException("not built yet: " + id);
    }
}
