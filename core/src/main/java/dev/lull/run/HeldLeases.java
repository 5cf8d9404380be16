package dev.lull.run;

import dev.lull.freeze.FreezeException;
import dev.lull.freeze.GuardClient;
import dev.lull.freeze.NotHeldException;
import dev.lull.guard.Request;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.PollInterest;
import dev.lull.linux.ProcessEnd;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The leases that a program has taken, with the process that took each. They outlive a process that ends normally, and
 * end with one that is killed. For any thread.
 */
final class HeldLeases {
    /** FITHAW writes to the filesystem, and the storage may be slow. */
    private static final Duration THAWING = Duration.ofSeconds(60);

    private record Held(String lease, int pid, Descriptor process) {}

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

    /** @param process a process of that pid; belongs to this object from now on */
    synchronized void add(String lease, int pid, Descriptor process) {
        held.add(new Held(lease, pid, process));
    }

    /** Those that were added and not forgotten. */
    synchronized Set<String> ids() {
        return held.stream().map(Held::lease).collect(Collectors.toSet());
    }

    /** Leases that have ended need no end. */
    synchronized void forget(Set<String> ended) {
        for (Held one : List.copyOf(held)) {
            if (ended.contains(one.lease)) {
                held.remove(one);
                // Who polls may be about to poll it: look() closes it.
                forgotten.add(one);
            }
        }
    }

    /** What to poll for the ends of their processes. */
    synchronized List<PollInterest> interests() {
        return held.stream()
                .filter(one -> one.process.isOpen())
                .map(one -> PollInterest.readable(one.process))
                .toList();
    }

    /**
     * Looks which of their processes have ended. For the thread that polls {@link #interests}.
     *
     * @return the leases of those that were killed, each once
     */
    synchronized List<String> orphans() throws KernelException {
        for (Held one : forgotten) {
            one.process.close();
        }
        forgotten.clear();
        List<String> orphans = new ArrayList<>();
        for (Held one : held) {
            if (one.process.isOpen() && hasEnded(one.process)) {
                Optional<ProcessEnd> end = kernel.endOf(one.process, one.pid);
                one.process.close();
                if (end.isPresent() && end.get().killed()) {
                    orphans.add(one.lease);
                }
            }
        }
        return orphans;
    }

    private boolean hasEnded(Descriptor process) throws KernelException {
        return kernel.poll(List.of(PollInterest.readable(process)), Duration.ZERO)[0] != 0;
    }

    /** Ends them all. */
    void endAll() {
        List<Held> all;
        synchronized (this) {
            all = List.copyOf(held);
        }
        for (Held one : all) {
            end(one.lease);
        }
    }

    /** Ends a lease, if it is still held. */
    void end(String lease) {
        Request thaw = new Request.Thaw(Optional.of(lease), Optional.empty(), false, false);
        try (GuardClient guard = GuardClient.connect(kernel, directory)) {
            guard.call(thaw, List.of(), Optional.of(THAWING));
        } catch (NotHeldException over) {
            return;
        } catch (FreezeException e) {
            log.error("cannot end lease " + lease + " of a killed program: " + e.getMessage());
        }
    }
}
