package dev.lull.snapshot;

import dev.lull.linux.DeviceNumber;
import java.time.Duration;
import java.util.Set;

/**
 * A snapshot that only has to be cut. {@link #close()} is the undo: it removes all that was prepared unless
 * {@link #take()} succeeded, and closes what is open in any case.
 */
public interface PreparedSnapshot extends AutoCloseable {
    /**
     * Whether the origin is to be frozen when the snapshot is taken. If not, the cut is atomic by itself, and taking it
     * from a frozen filesystem would wait for the thaw: the origin must then not be in the freeze set.
     */
    boolean wantsFreeze();

    /**
     * The filesystems that {@link #take()} writes to, those included that lie beneath them. None may be in the freeze
     * set: the plan refuses with {@link SnapshotException.TargetInSet}.
     */
    Set<DeviceNumber> writesTo();

    /** How long {@link #take()} is expected to last, on the safe side. */
    Duration estimate();

    /** What there will be, in state {@link SnapshotState#TAKING}: to be recorded before the freeze. */
    SnapshotRecord intent();

    /**
     * Writes back what {@link #take()} would otherwise have to wait for in the window. To be called after the last
     * pre-sync, just before the freeze; may be called more than once.
     *
     * @throws SnapshotException if it could not be written
     */
    void settle() throws SnapshotException;

    /**
     * Makes the cut. Runs once, inside the window: one call of the storage and nothing else, no log, no other file.
     * Not durable before {@link Snapshot#makeDurable()}.
     *
     * @throws SnapshotException if there is no snapshot; {@link #close()} then removes what may be left
     * @throws IllegalStateException if it was called before, or after {@link #close()}
     */
    Snapshot take() throws SnapshotException;

    /**
     * Undoes the preparation; does nothing to a snapshot that was taken. Idempotent.
     *
     * @throws SnapshotException if something could not be removed; the message says what
     */
    @Override
    void close() throws SnapshotException;
}
