package dev.lull.snapshot;

import java.nio.file.Path;
import java.util.Optional;

/** A point-in-time copy of one filesystem. It stays until it is deleted, whoever made it. */
public interface Snapshot {
    /** Its record as it was when the snapshot was taken or opened: id, provider, origin and names. */
    SnapshotRecord record();

    default SnapshotId id() {
        return record().id();
    }

    /**
     * After the thaw: lets the snapshot survive a crash of the machine (fsync of it and its directory), and checks that
     * it is what it should be. Until then it must not be reported good.
     *
     * @throws SnapshotException if the snapshot cannot be relied on
     */
    void makeDurable() throws SnapshotException;

    /**
     * Mounts it read-only, nosuid and nodev, and makes sure that what is mounted is the snapshot and not its origin.
     *
     * @param directory an existing directory, preferably empty
     * @throws SnapshotException if it cannot be mounted; nothing is left attached then
     */
    MountedSnapshot mount(Path directory) throws SnapshotException;

    /**
     * Checks the snapshot's structure, never the snapshot itself but a writable clone of it: mounted once, so that its
     * log is replayed, unmounted, and given to the filesystem's checker. Where a clone of the whole filesystem does not
     * exist (a btrfs subvolume, a script's snapshot) every file is read instead; the report says what was done.
     *
     * @param scratch an existing empty directory that a clone may be mounted on
     * @return what was checked and found; a damaged filesystem is a report, no exception
     * @throws SnapshotException if the check could not be made, for example because the checker is not installed
     */
    CheckReport check(Path scratch) throws SnapshotException;

    /**
     * How much room there is for the origin to go on writing while the snapshot is kept; to be asked now and then. When
     * {@link Room#scarce()} the snapshot is to be deleted: production goes first. Empty where keeping the snapshot
     * cannot harm the origin in a way that the provider could see.
     *
     * @throws SnapshotException if it could not be found out, or the snapshot has become void: whatever is read of it from
     *     then on is not what it was taken of
     */
    Optional<Room> room() throws SnapshotException;

    /**
     * Deletes it, also what is left of one that was never completed. Deleting what is not there is no failure.
     *
     * @throws SnapshotException if it is still mounted or something could not be removed
     */
    void delete() throws SnapshotException;
}
