package dev.lull.plan;

import dev.lull.freeze.FreezeOption;
import dev.lull.lease.Timeouts;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Which snapshots are wanted, and how.
 *
 * @param paths the filesystems, by their mount points; two names of one filesystem are one snapshot
 * @param timeouts the lease's limits; the timeout must be set
 * @param options of the freeze
 * @param provider the provider's name; empty takes the first that fits
 * @param oneFilesystem whether mounts and subvolumes nested in a filesystem are left out, and are no reason to refuse
 * @param label what the snapshots belong to, see {@link Retention}
 * @param keepInconsistent whether snapshots are kept, and marked, when the lease was not held
 */
public record SnapshotOrder(
        List<Path> paths,
        Timeouts timeouts,
        Set<FreezeOption> options,
        Optional<String> provider,
        boolean oneFilesystem,
        Optional<String> label,
        boolean keepInconsistent) {
    public SnapshotOrder {
        paths = List.copyOf(paths);
        options = Set.copyOf(options);
        if (timeouts.timeout().isEmpty()) {
            throw new IllegalArgumentException("a snapshot needs a timeout");
        }
    }

    /** One without a label. */
    public SnapshotOrder(
            List<Path> paths,
            Timeouts timeouts,
            Set<FreezeOption> options,
            Optional<String> provider,
            boolean oneFilesystem,
            boolean keepInconsistent) {
        this(paths, timeouts, options, provider, oneFilesystem, Optional.empty(), keepInconsistent);
    }
}
