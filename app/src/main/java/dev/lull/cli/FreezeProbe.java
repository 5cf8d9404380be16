package dev.lull.cli;

import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Filesystem;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.Mount;
import dev.lull.linux.PollInterest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/**
 * Finds out which filesystems are frozen, for which the kernel has no question: a process of its own removes a directory
 * that is not there, which takes the superblock's write lock and changes nothing. Where it does not come back the
 * filesystem is frozen. Such a process cannot be killed; it ends by itself with the thaw, and nobody waits for it.
 */
final class FreezeProbe {
    private static final Duration PATIENCE = Duration.ofSeconds(1);
    private static final List<Path> RMDIR =
            List.of(Path.of("/bin/rmdir"), Path.of("/usr/bin/rmdir"));
    private static final Path DEVICE_NULL = Path.of("/dev/null");

    private record Probe(Mount mount, int pid, Descriptor process) {}

    private final Kernel kernel;
    private final Set<Integer> started = new HashSet<>();

    FreezeProbe(Kernel kernel) {
        this.kernel = kernel;
    }

    /** One mount of each filesystem of this mount namespace that is frozen. */
    Map<DeviceNumber, Mount> frozen() throws KernelException {
        List<Probe> probes = new ArrayList<>();
        try (Descriptor none = kernel.openReadWrite(DEVICE_NULL)) {
            for (Mount mount : candidates().values()) {
                probes.add(start(mount, none));
            }
        }
        Map<DeviceNumber, Mount> frozen = new LinkedHashMap<>();
        long deadline = kernel.bootNanos() + PATIENCE.toNanos();
        for (Probe probe : probes) {
            try (Descriptor process = probe.process()) {
                Duration left = Duration.ofNanos(Math.max(0, deadline - kernel.bootNanos()));
                kernel.poll(List.of(PollInterest.readable(process)), left);
            }
            boolean blocked =
                    kernel.reap(probe.pid()).isEmpty()
                            && kernel.thread(probe.pid(), probe.pid())
                                    .map(thread -> thread.blocked())
                                    .orElse(false);
            if (blocked) {
                frozen.put(probe.mount().device(), probe.mount());
            }
        }
        return frozen;
    }

    /** The processes that were started, some of which may wait for a thaw now. */
    Set<Integer> processes() {
        return Set.copyOf(started);
    }

    private Map<DeviceNumber, Mount> candidates() throws KernelException {
        Map<DeviceNumber, Mount> candidates = new LinkedHashMap<>();
        for (Mount mount : kernel.mounts()) {
            if (Filesystem.canFreeze(mount.type())
                    && !mount.superblockReadOnly()
                    && !mount.options().contains("ro")
                    && !candidates.containsKey(mount.device())
                    && reachable(mount)) {
                candidates.put(mount.device(), mount);
            }
        }
        return candidates;
    }

    /** Not if something else is mounted over it, or it is a file. */
    private boolean reachable(Mount mount) {
        try (Descriptor directory = kernel.openDirectory(mount.mountPoint())) {
            return kernel.status(directory).mountId() == mount.id();
        } catch (KernelException e) {
            return false;
        }
    }

    private Probe start(Mount mount, Descriptor none) throws KernelException {
        Path nothing = mount.mountPoint().resolve(".lull-" + UUID.randomUUID());
        int pid =
                kernel.spawn(
                        rmdir(),
                        List.of("rmdir", nothing.toString()),
                        Map.of(),
                        List.of(none, none, none));
        started.add(pid);
        return new Probe(mount, pid, kernel.openProcess(pid));
    }

    private static Path rmdir() {
        Optional<Path> found = RMDIR.stream().filter(Files::isExecutable).findFirst();
        return found.orElse(RMDIR.getFirst());
    }
}
