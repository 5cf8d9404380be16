package dev.lull.guard;

import dev.lull.guard.Reply.Failure;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** The leases that have ended: the latest in memory, those since boot in the run directory's history. */
final class EndedLeases {
    private static final int MEMORY = 64;

    private final RunDirectory run;
    private final Map<String, LeaseView> latest = new LinkedHashMap<>();

    EndedLeases(RunDirectory run) {
        this.run = run;
    }

    /** @throws IOException if the history cannot be written; it is remembered here all the same */
    void add(LeaseView lease) throws IOException {
        latest.put(lease.id(), lease);
        if (latest.size() > MEMORY) {
            latest.remove(latest.keySet().iterator().next());
        }
        run.remember(lease);
    }

    Optional<LeaseView> find(String id) {
        LeaseView remembered = latest.get(id);
        if (remembered != null) {
            return Optional.of(remembered);
        }
        try {
            return run.history(id);
        } catch (IOException e) {
            // A history that cannot be read knows nothing of it.
            return Optional.empty();
        }
    }

    /** What to say to somebody who acts on a lease that is no more, or never was. */
    Failure notHeld(String id) {
        Optional<LeaseView> past = find(id);
        return past.isPresent() ? Refusals.notHeld(past.get()) : Refusals.noSuchLease(id);
    }
}
