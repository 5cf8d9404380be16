package dev.lull.cli;

import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Filesystem;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.Mount;
import dev.lull.linux.MountNamespace;
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

    private record Candidate(Mount mount, Descriptor directory) {}

    private final Kernel kernel;
    private final MountNamespace namespace;
    private final Set<Integer> started = new HashSet<>();

    /** @param namespace whose mounts are looked at */
    FreezeProbe(Kernel kernel, MountNamespace namespace) {
        this.kernel = kernel;
        this.namespace = namespace;
    }

    /** One mount of each filesystem of the mount namespace that is frozen. */
    Map<DeviceNumber, Mount> frozen() throws KernelException {
        List<Probe> probes = new ArrayList<>();
        try (Descriptor none = kernel.openReadWrite(DEVICE_NULL)) {
            for (Candidate candidate : candidates().values()) {
                try (Descriptor directory = candidate.directory()) {
                    probes.add(start(candidate.mount(), directory, none));
                }
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

    private Map<DeviceNumber, Candidate> candidates() throws KernelException {
        Map<DeviceNumber, Candidate> candidates = new LinkedHashMap<>();
        for (Mount mount : namespace.mounts().mounts()) {
            if (Filesystem.canFreeze(mount.type())
                    && !mount.superblockReadOnly()
                    && !mount.options().contains("ro")
                    && !candidates.containsKey(mount.device())) {
                Optional<Descriptor> directory = open(mount);
                directory.ifPresent(
                        open -> candidates.put(mount.device(), new Candidate(mount, open)));
            }
        }
        return candidates;
    }

    /** Empty if something else is mounted over it, or it is a file. */
    private Optional<Descriptor> open(Mount mount) throws KernelException {
        Descriptor directory;
        try {
            directory = namespace.openDirectory(mount.mountPoint());
        } catch (KernelException e) {
            return Optional.empty();
        }
        if (kernel.status(directory).mountId() == mount.id()) {
            return Optional.of(directory);
        }
        directory.close();
        return Optional.empty();
    }

    /** By its descriptor: a path can lead elsewhere by now, and means something else in another namespace. */
    private Probe start(Mount mount, Descriptor directory, Descriptor none) throws KernelException {
        int pid =
                kernel.spawn(
                        rmdir(),
                        List.of("rmdir", "/proc/self/fd/3/.lull-" + UUID.randomUUID()),
                        Map.of(),
                        List.of(none, none, none, directory));
        started.add(pid);
        return new Probe(mount, pid, kernel.openProcess(pid));
    }

    private static Path rmdir() {
        Optional<Path> found = RMDIR.stream().filter(Files::isExecutable).findFirst();
        return found.orElse(RMDIR.getFirst());
    }
}
