package dev.lull.cli;

import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.Mount;
import dev.lull.linux.ThreadStatus;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Finds the threads in state D. Reads only what answers for a process that hangs on a frozen filesystem: {@code cmdline},
 * {@code maps} and {@code environ} of it would hang as well (tried), and nothing could end that.
 */
final class BlockedThreads {
    private static final Path PROC = Path.of("/proc");

    private final Kernel kernel;
    private final Map<DeviceNumber, Mount> frozen;

    /** @param frozen the filesystems that one could be waiting for */
    BlockedThreads(Kernel kernel, Map<DeviceNumber, Mount> frozen) {
        this.kernel = kernel;
        this.frozen = frozen;
    }

    List<FrozenReport.Waiting> find() throws IOException {
        List<FrozenReport.Waiting> waiting = new ArrayList<>();
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(PROC, "[1-9]*")) {
            for (Path process : processes) {
                int pid = Integer.parseInt(process.getFileName().toString());
                for (int tid : kernel.threads(pid)) {
                    Optional<ThreadStatus> status = kernel.thread(pid, tid);
                    if (status.isPresent() && status.get().blocked()) {
                        waiting.add(describe(pid, tid));
                    }
                }
            }
        }
        return waiting;
    }

    private FrozenReport.Waiting describe(int pid, int tid) {
        Path task = PROC.resolve(pid + "/task/" + tid);
        return new FrozenReport.Waiting(
                pid,
                tid,
                read(task.resolve("comm")).orElse("?"),
                filesystem(pid, task),
                blockedFor(task),
                read(task.resolve("wchan")).filter(place -> !place.equals("0")).orElse(""));
    }

    /**
     * By the first argument of the system call that it is in, if that is a descriptor; else by what else it has open, and
     * where it stands.
     */
    private Optional<String> filesystem(int pid, Path task) {
        List<Path> candidates = new ArrayList<>();
        // proc_pid_syscall(5): number and arguments in hexadecimal, or "running".
        String[] call = read(task.resolve("syscall")).orElse("").split(" ", 3);
        if (call.length == 3 && call[1].matches("0x[0-9a-f]{1,4}")) {
            candidates.add(task.resolve("fdinfo/" + Integer.decode(call[1])));
        }
        try (DirectoryStream<Path> all = Files.newDirectoryStream(task.resolve("fdinfo"))) {
            all.forEach(candidates::add);
        } catch (IOException e) {
            return Optional.empty();
        }
        List<Mount> mounts;
        try {
            mounts = kernel.mountsOf(pid);
        } catch (KernelException e) {
            return Optional.empty();
        }
        for (Path descriptor : candidates) {
            Optional<String> path = filesystem(descriptor, mounts);
            if (path.isPresent()) {
                return path;
            }
        }
        return standing(task);
    }

    private Optional<String> filesystem(Path descriptor, List<Mount> mounts) {
        String info = read(descriptor).orElse("");
        for (String line : info.split("\n", -1)) {
            if (line.startsWith("mnt_id:")) {
                int id = Integer.parseInt(line.substring("mnt_id:".length()).strip());
                return mounts.stream()
                        .filter(mount -> mount.id() == id)
                        .map(mount -> frozen.get(mount.device()))
                        .filter(mount -> mount != null)
                        .map(mount -> mount.mountPoint().toString())
                        .findFirst();
            }
        }
        return Optional.empty();
    }

    private Optional<String> standing(Path task) {
        try {
            Path directory = Files.readSymbolicLink(task.resolve("cwd"));
            return frozen.values().stream()
                    .map(Mount::mountPoint)
                    .filter(point -> point.getNameCount() > 0 && directory.startsWith(point))
                    .map(Path::toString)
                    .findFirst();
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /** proc_pid_sched(5): when it last was on a processor, by the scheduler's clock, whose now is when we were. */
    private Optional<Duration> blockedFor(Path task) {
        Optional<Double> then = lastRan(task);
        Optional<Double> now = lastRan(PROC.resolve("thread-self"));
        return then.isPresent() && now.isPresent() && now.get() >= then.get()
                ? Optional.of(Duration.ofMillis(Math.round(now.get() - then.get())))
                : Optional.empty();
    }

    private Optional<Double> lastRan(Path task) {
        for (String line : read(task.resolve("sched")).orElse("").split("\n", -1)) {
            if (line.startsWith("se.exec_start")) {
                String value = line.substring(line.indexOf(':') + 1).strip();
                return value.matches("[0-9.]+")
                        ? Optional.of(Double.valueOf(value))
                        : Optional.empty();
            }
        }
        return Optional.empty();
    }

    private Optional<String> read(Path file) {
        try {
            return Optional.of(kernel.readKnob(file).strip());
        } catch (KernelException e) {
            return Optional.empty();
        }
    }
}
