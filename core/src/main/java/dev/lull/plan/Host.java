package dev.lull.plan;

import dev.lull.freeze.Freezer;
import dev.lull.linux.Kernel;
import dev.lull.snapshot.SnapshotProviders;
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
        String version) {}
