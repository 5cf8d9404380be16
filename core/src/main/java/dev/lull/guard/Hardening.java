package dev.lull.guard;

import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What each of the three processes does to itself so that it can run while its own root filesystem is frozen. */
final class Hardening {
    /** Before everybody else: a deadline is kept although every core is busy. */
    static final int FIRST = -20;

    private static final Path CGROUPS = Path.of("/sys/fs/cgroup");

    private Hardening() {}

    /**
     * What {@link #applyInPlace} does, and leaves the cgroup of whoever started this process.
     *
     * @param oomScore to be written to {@code oom_score_adj}
     * @param nice the priority of this thread and those that it starts, setpriority(2)
     * @return what could not be done, in words
     */
    static List<String> apply(Kernel kernel, int oomScore, int nice) {
        List<String> warnings = applyInPlace(kernel, oomScore, nice);
        attempt(warnings, "leave the starter's cgroup", () -> leaveCgroup(kernel));
        return warnings;
    }

    /**
     * Locks memory, takes no SIGQUIT, takes its place on the cores, forbids core dumps, and keeps memory reclaim from waiting for
     * filesystems; for a process whose cgroup is its own, as that of a service is. None of it is fatal where it is not
     * permitted.
     *
     * @param oomScore to be written to {@code oom_score_adj}
     * @param nice the priority of this thread and those that it starts, setpriority(2)
     * @return what could not be done, in words
     */
    static List<String> applyInPlace(Kernel kernel, int oomScore, int nice) {
        List<String> warnings = new ArrayList<>();
        attempt(warnings, "lock memory", kernel::lockMemory);
        attempt(warnings, "ignore SIGQUIT", kernel::ignoreQuit);
        attempt(warnings, "wake punctually", kernel::wakePunctually);
        attempt(warnings, "raise its priority", () -> kernel.setNiceness(nice));
        attempt(warnings, "hold its compiler back", kernel::holdCompilersBack);
        attempt(warnings, "forbid core dumps", kernel::forbidCoreDumps);
        attempt(warnings, "declare an i/o flusher", kernel::declareIoFlusher);
        attempt(
                warnings,
                "set oom_score_adj",
                () ->
                        kernel.writeKnob(
                                Path.of("/proc/self/oom_score_adj"), Integer.toString(oomScore)));
        return warnings;
    }

    private interface Attempt {
        void run() throws IOException;
    }

    private static void attempt(List<String> warnings, String what, Attempt attempt) {
        try {
            attempt.run();
        } catch (IOException e) {
            warnings.add("cannot " + what + ": " + e.getMessage());
        }
    }

    /** A service or a container that ends takes its cgroup's processes with it; the guard must outlive its clients. */
    private static void leaveCgroup(Kernel kernel) throws IOException {
        String pid = Integer.toString(kernel.processId());
        for (String line : kernel.readKnob(Path.of("/proc/self/cgroup")).split("\n", -1)) {
            String[] fields = line.split(":", 3);
            if (fields.length < 3 || fields[2].equals("/")) {
                continue;
            }
            Path procs = procs(fields[1]);
            if (!Files.exists(procs)) {
                throw new IOException("no cgroup.procs for " + fields[1] + " below " + CGROUPS);
            }
            kernel.writeKnob(procs, pid);
        }
    }

    private static Path procs(String controllers) {
        if (controllers.isEmpty()) {
            Path unified = CGROUPS.resolve("unified/cgroup.procs");
            return Files.exists(unified) ? unified : CGROUPS.resolve("cgroup.procs");
        }
        return CGROUPS.resolve(controllers.replaceFirst("^name=", "")).resolve("cgroup.procs");
    }

    /** Changes to a directory that cannot freeze. @throws KernelException if it is not there */
    static void standOn(Kernel kernel, Path directory) throws KernelException {
        kernel.changeDirectory(directory);
    }
}
