package dev.lull.plan;

import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotRecord;
import dev.lull.snapshot.SnapshotState;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/**
 * How many snapshots are kept of what belongs together.
 *
 * @param label of the snapshots that count, see {@link dev.lull.snapshot.SnapshotRequest#label}
 * @param most how many of each filesystem, 1 or more
 */
public record Retention(String label, int most) {
    public Retention {
        if (most < 1) {
            throw new IllegalArgumentException("at least one is kept");
        }
    }

    /**
     * Those that are too many: of each filesystem all but the newest good ones of this label. What is not good, or
     * somebody else's, is nobody's to delete here.
     *
     * @param records oldest first, as {@link dev.lull.snapshot.SnapshotRecords#list} has them
     * @return oldest first
     */
    List<SnapshotRecord> tooMany(List<SnapshotRecord> records) {
        List<SnapshotRecord> kept = new ArrayList<>();
        List<SnapshotRecord> tooMany = new ArrayList<>();
        for (SnapshotRecord one : records.reversed()) {
            if (one.state() != SnapshotState.GOOD || !one.label().equals(Optional.of(label))) {
                continue;
            }
            if (kept.stream().filter(one::sameOrigin).count() < most) {
                kept.add(one);
            } else {
                tooMany.add(one);
            }
        }
        Collections.reverse(tooMany);
        return tooMany;
    }

    /**
     * Deletes those that are too many; one that cannot be deleted keeps none of the others.
     *
     * @throws PlanException.CleanUpIncomplete because of the first that could not be deleted, with the others suppressed
     * @throws SnapshotException if the records cannot be read
     */
    public void apply(Host host) throws PlanException.CleanUpIncomplete, SnapshotException {
        PlanException.CleanUpIncomplete incomplete = null;
        for (SnapshotRecord one : tooMany(host.records().list().records())) {
            try {
                host.delete(one);
            } catch (SnapshotException e) {
                if (incomplete == null) {
                    incomplete = new PlanException.CleanUpIncomplete(e);
                } else {
                    incomplete.addSuppressed(e);
                }
            }
        }
        if (incomplete != null) {
            throw incomplete;
        }
    }
}
