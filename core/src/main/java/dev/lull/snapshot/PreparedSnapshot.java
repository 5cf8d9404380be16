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
     * What the plan has to know before it is taken.
     *
     * @param intent what there will be, in state {@link SnapshotState#TAKING}: to be recorded before the freeze
     * @param wantsFreeze whether the origin is to be frozen when the snapshot is taken. If not, the cut is atomic by itself,
     *     and taking it from a frozen filesystem would wait for the thaw: the origin must then not be in the freeze set
     * @param writesTo the filesystems that {@link #take()} writes to, those included that lie beneath them. None may be in
     *     the freeze set: the plan refuses with {@link SnapshotException.TargetInSet}
     * @param estimate how long {@link #take()} is expected to last, on the safe side
     */
    record Terms(
            SnapshotRecord intent,
            boolean wantsFreeze,
            Set<DeviceNumber> writesTo,
            Duration estimate) {
        public Terms {
            writesTo = Set.copyOf(writesTo);
        }
    }

    /** What the plan has to know; the same at all times. */
    Terms terms();

    /** See {@link Terms#wantsFreeze}. */
    default boolean wantsFreeze() {
        return terms().wantsFreeze();
    }

    /** See {@link Terms#writesTo}. */
    default Set<DeviceNumber> writesTo() {
        return terms().writesTo();
    }

    /** See {@link Terms#estimate}. */
    default Duration estimate() {
        return terms().estimate();
    }

    /** See {@link Terms#intent}. */
    default SnapshotRecord intent() {
        return terms().intent();
    }

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
