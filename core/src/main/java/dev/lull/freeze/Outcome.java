package dev.lull.freeze;

import dev.lull.guard.LeaseView;
import dev.lull.guard.LeaseView.FilesystemView;
import dev.lull.lease.End;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * How a lease ended.
 *
 * @param lease its id
 * @param end what ended it; only {@link End#RELEASED} is a success
 * @param reason in words
 * @param window from the first FIFREEZE call to the last FITHAW return; empty if it was never frozen or nobody knows
 * @param filesystems what was frozen, in freezing order; empty if nobody knows
 */
public record Outcome(
        String lease,
        End end,
        String reason,
        Optional<Duration> window,
        List<FilesystemView> filesystems) {
    public Outcome {
        filesystems = List.copyOf(filesystems);
    }

    /** Whether the whole set was frozen, unbroken and proven, from the freeze to the release. */
    public boolean held() {
        return end == End.RELEASED;
    }

    /** The outcome that a lease on the wire tells of; null if it has not ended. */
    static @Nullable Outcome of(LeaseView lease) {
        for (End end : End.values()) {
            if (end.word().equals(lease.state())) {
                return new Outcome(
                        lease.id(),
                        end,
                        lease.reason(),
                        lease.windowNanos().isPresent()
                                ? Optional.of(Duration.ofNanos(lease.windowNanos().getAsLong()))
                                : Optional.empty(),
                        lease.filesystems());
            }
        }
        return null;
    }

    /** Nobody is left who could say that it was held. */
    static Outcome unproven(String lease, String reason) {
        return new Outcome(lease, End.LOST, reason, Optional.empty(), List.of());
    }
}
