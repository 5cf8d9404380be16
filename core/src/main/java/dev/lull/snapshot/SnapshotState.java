package dev.lull.snapshot;

import java.util.Locale;

/** How far a recorded snapshot came. */
public enum SnapshotState {
    /** Recorded before the freeze. Still so after its run has ended: that run was killed, and the snapshot is void. */
    TAKING,
    /** Taken while the lease was held unbroken, and made durable. */
    GOOD,
    /** Taken, but the lease was not held until it was complete; kept because that was asked for. */
    INCONSISTENT;

    /** The word that records and messages use. */
    public String word() {
        return name().toLowerCase(Locale.ROOT);
    }
}
