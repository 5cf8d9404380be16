package dev.lull.snapshot;

/**
 * Makes point-in-time copies of filesystems. One provider per kind of storage; {@code docs/providers.md} tells what an
 * author of a new one has to keep, and the conformance suite of the testkit checks it.
 *
 * <p>Everything that is slow and everything that can be refused happens in {@link #prepare}, before the freeze. No
 * provider ever makes a full copy in silence.
 *
 * <p>Providers have no state of their own and are safe for use by several threads. A prepared snapshot and a snapshot
 * belong to one thread at a time.
 */
public interface SnapshotProvider {
    /** The directory, mode 0700, in which providers keep snapshots beside what they are made of. */
    String DIRECTORY = ".lull";

    /** One lower-case word, stable: records refer to it. */
    String name();

    /**
     * Whether this provider can make snapshots of the filesystem. A look only: it changes nothing, and does not find
     * what only {@link #prepare} can.
     *
     * @throws SnapshotException if it could not be found out
     */
    Fit fits(Origin origin) throws SnapshotException;

    /** Keeps what a provider is about to make, so that it can be deleted should the run be killed. */
    @FunctionalInterface
    interface Recorder {
        /**
         * Keeps it, in the place of an earlier one of the same id; durable on return.
         *
         * @throws SnapshotException if it could not be kept: then it must not be made
         */
        void record(SnapshotRecord intent) throws SnapshotException;
    }

    /**
     * Does everything that need not be done in the window. What it has begun when it fails it has undone; what it could
     * not undo is a suppressed exception of the failure.
     *
     * @param recorder is told of the snapshot, in state {@link SnapshotState#TAKING}, before anything is made for it,
     *     and again when its names change
     * @throws SnapshotException.Unsupported if the provider cannot make snapshots of this filesystem
     * @throws SnapshotException.NoRoom if free space is too scarce for the origin's sake
     * @throws SnapshotException.TooSlow if taking it cannot fit the timeout
     * @throws SnapshotException on any other failure
     */
    PreparedSnapshot prepare(SnapshotRequest request, Recorder recorder) throws SnapshotException;

    /**
     * The snapshot that a record tells of, also one whose run was killed between prepare and the end: what there is of
     * it can then be deleted. Touches nothing.
     *
     * @throws SnapshotException if the record is another provider's, or names what this provider would never have made
     */
    Snapshot open(SnapshotRecord snapshot) throws SnapshotException;
}
