package dev.lull.cli;

import dev.lull.freeze.FreezeException;
import dev.lull.freeze.FreezeSet;
import dev.lull.guard.LeaseView;
import dev.lull.guard.LeaseView.FilesystemView;
import java.util.Optional;

/** Finds the lease that a directory is frozen under. */
final class LeaseNames {
    private LeaseNames() {}

    /** @param set of one directory */
    static Optional<LeaseView> leaseOf(GuardCalls.Caller guard, FreezeSet set)
            throws FreezeException {
        String device = set.members().getFirst().device().toString();
        return GuardCalls.status(guard).leases().stream()
                .filter(lease -> !lease.state().equals("armed"))
                .filter(lease ->
                        lease.filesystems().stream()
                                .map(FilesystemView::device)
                                .anyMatch(device::equals))
                .findFirst();
    }
}
