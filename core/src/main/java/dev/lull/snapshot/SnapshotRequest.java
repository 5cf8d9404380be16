package dev.lull.snapshot;

import java.time.Duration;
import java.util.Optional;

/**
 * What a provider is to prepare.
 *
 * @param id the new snapshot's id
 * @param origin the filesystem
 * @param timeout how long the freeze set may stay frozen: what is estimated to take longer is refused
 * @param oneFilesystem whether what is nested in the origin and would be missing from the snapshot (btrfs subvolumes)
 *     is left out; otherwise it is a reason to refuse
 * @param label what the snapshot belongs to, for whoever keeps some of them and deletes the rest
 */
public record SnapshotRequest(
        SnapshotId id,
        Origin origin,
        Duration timeout,
        boolean oneFilesystem,
        Optional<String> label) {
    public SnapshotRequest {
        if (!timeout.isPositive()) {
            throw new IllegalArgumentException("timeout must be positive: " + timeout);
        }
    }

    /** One without a label. */
    public SnapshotRequest(SnapshotId id, Origin origin, Duration timeout, boolean oneFilesystem) {
        this(id, origin, timeout, oneFilesystem, Optional.empty());
    }
}
