package dev.lull.run;

import dev.lull.freeze.FreezeException;
import dev.lull.freeze.GuardClient;
import dev.lull.freeze.InvalidRequestException;
import dev.lull.freeze.NotHeldException;
import dev.lull.guard.LeaseView;
import dev.lull.guard.Request;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.PollInterest;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The leases that a program has taken, with the process that took each. They outlive a process that ends normally, and
 * end with one that is killed. For any thread.
 */
final class HeldLeases {
    private record Held(String lease, WatchedProcess process) {}

    private final Kernel kernel;
    private final Path directory;
    private final SystemLog log;
    private final List<Held> held = new ArrayList<>();
    private final List<Held> forgotten = new ArrayList<>();

    HeldLeases(Kernel kernel, Path directory, SystemLog log) {
        this.kernel = kernel;
        this.directory = directory;
        this.log = log;
    }

    /** @param process a pidfd of that process; belongs to this object from now on */
    synchronized void add(String lease, int pid, Descriptor process) {
        held.add(new Held(lease, new WatchedProcess(kernel, pid, process, log)));
    }

    synchronized boolean isEmpty() {
        return held.isEmpty();
    }

    /** Forgets those that have ended, so that a program that freezes every hour for years is not remembered for all of it. */
    void forgetEnded() {
        Set<String> ended = ids();
        try {
            Optional<GuardClient> running = GuardClient.ifRunning(kernel, directory);
            if (running.isPresent()) {
                try (GuardClient guard = running.get()) {
                    guard.status().leases().stream().map(LeaseView::id).forEach(ended::remove);
                }
            }
        } catch (FreezeException e) {
            // They are kept, and asked for again.
            return;
        }
        synchronized (this) {
            for (Held one : List.copyOf(held)) {
                if (ended.contains(one.lease)) {
                    held.remove(one);
                    // Who polls may be about to poll it: look() closes it.
                    forgotten.add(one);
                }
            }
        }
    }

    private synchronized Set<String> ids() {
        Set<String> ids = new HashSet<>();
        held.forEach(one -> ids.add(one.lease));
        return ids;
    }

    /** What to poll for the ends of their processes. */
    synchronized List<PollInterest> interests() {
        return held.stream()
                .map(Held::process)
                .map(WatchedProcess::interest)
                .flatMap(Optional::stream)
                .toList();
    }

    /**
     * Looks which of their processes have ended. For the thread that polls {@link #interests}.
     *
     * @return the leases of those that were killed, each once
     */
    synchronized List<String> orphans() {
        for (Held one : forgotten) {
            one.process.close();
        }
        forgotten.clear();
        List<String> orphans = new ArrayList<>();
        for (Held one : held) {
            if (one.process.isWatched() && one.process.look() == WatchedProcess.Fate.KILLED) {
                orphans.add(one.lease);
            }
        }
        return orphans;
    }

    /** Ends them all. */
    void abandonAll() {
        ids().forEach(this::abandon);
    }

    /** Ends a lease, if it is still held. */
    void abandon(String lease) {
        try {
            try {
                call(new Request.Abandon(lease));
            } catch (InvalidRequestException unknown) {
                // The guard is older than this request; its history then has it as released.
                call(new Request.Thaw(Optional.of(lease), Optional.empty(), false, false));
            }
        } catch (NotHeldException over) {
            return;
        } catch (FreezeException e) {
            log.error(
                    "cannot end lease "
                            + lease
                            + ", which nobody holds any more: "
                            + e.getMessage());
        }
    }

    /** On a connection of its own: a guard hangs up on who asks what it does not know. */
    private void call(Request request) throws FreezeException {
        try (GuardClient guard = GuardClient.connect(kernel, directory)) {
            guard.call(request, List.of(), Optional.of(GuardClient.THAWING));
        }
    }
}
