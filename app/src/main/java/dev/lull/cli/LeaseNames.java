package dev.lull.cli;

import dev.lull.freeze.FreezeException;
import dev.lull.freeze.FreezeSet;
import dev.lull.guard.LeaseView;
import java.util.Optional;

/** Finds the lease that a directory is frozen under. */
final class LeaseNames {
    private LeaseNames() {}

    /** @param set of one directory */
    static Optional<LeaseView> leaseOf(GuardCalls.Caller guard, FreezeSet set)
            throws FreezeException {
        String device = set.members().getFirst().device().toString();
        return GuardCalls.status(guard).leases().stream()
                .filter(lease -> lease.holds(device))
                .findFirst();
    }
}
