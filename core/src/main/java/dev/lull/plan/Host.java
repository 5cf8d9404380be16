package dev.lull.plan;

import dev.lull.freeze.Freezer;
import dev.lull.linux.Kernel;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotProviders;
import dev.lull.snapshot.SnapshotRecord;
import dev.lull.snapshot.SnapshotRecords;

/**
 * What a plan works with on this machine.
 *
 * @param version Lull's, for manifests
 */
public record Host(
        Kernel kernel,
        Freezer freezer,
        SnapshotProviders providers,
        SnapshotRecords records,
        RunJournals journals,
        String version) {

    /**
     * Deletes a recorded snapshot, and then its record. Deleting what is not there is no failure.
     *
     * @throws SnapshotException if something of it could not be removed; the record then stays
     */
    public void delete(SnapshotRecord snapshot) throws SnapshotException {
        providers.open(snapshot).delete();
        records.delete(snapshot.id());
    }
}
