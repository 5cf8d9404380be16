package dev.lull.cli;

import dev.lull.guard.LeaseView;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Mount;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What is frozen, by whom, and who waits.
 *
 * @param frozen filesystems on which a probe did not come back
 * @param waiting threads in state D
 */
record FrozenReport(List<Frozen> frozen, List<Waiting> waiting) {
    /**
     * A frozen filesystem.
     *
     * @param lease the lease that it is frozen under; empty if somebody else froze it
     */
    record Frozen(Mount mount, Optional<LeaseView> lease) {}

    /**
     * A thread that sleeps uninterruptibly.
     *
     * @param command the thread's name
     * @param path where the filesystem that it waits for is mounted; empty if that cannot be told
     * @param since for how long; empty where the kernel does not tell
     * @param place the kernel function that it sleeps in; empty where that is hidden
     */
    record Waiting(
            int process,
            int thread,
            String command,
            Optional<String> path,
            Optional<Duration> since,
            String place) {}

    static FrozenReport of(
            Map<DeviceNumber, Mount> blocked, List<LeaseView> leases, List<Waiting> waiting) {
        return new FrozenReport(
                blocked.values().stream()
                        .map(mount -> new Frozen(mount, leaseOf(leases, mount)))
                        .toList(),
                waiting);
    }

    private static Optional<LeaseView> leaseOf(List<LeaseView> leases, Mount mount) {
        String device = mount.device().toString();
        return leases.stream().filter(lease -> lease.holds(device)).findFirst();
    }
}
