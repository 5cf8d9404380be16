package dev.lull.it.harness;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What /proc says about processes. Only files whose reading cannot hang while a filesystem is frozen: {@code stat} and
 * {@code comm}, never {@code cmdline}, {@code maps} or {@code environ}.
 */
public final class Processes {
    private Processes() {}

    /** The states of a process's threads, as in proc(5): {@code R}, {@code S}, {@code D}, {@code T}, {@code Z}… */
    public static List<Character> states(long pid) {
        var states = new ArrayList<Character>();
        try (DirectoryStream<Path> tasks = Files.newDirectoryStream(proc(pid).resolve("task"))) {
            for (Path task : tasks) {
                read(task.resolve("stat")).ifPresent(stat -> states.add(state(stat)));
            }
        } catch (IOException e) {
            return List.copyOf(states);
        }
        return List.copyOf(states);
    }

    /** The priorities of those threads of a process whose name begins like that, as in setpriority(2). */
    public static List<Integer> niceness(long pid, String name) {
        var found = new ArrayList<Integer>();
        try (DirectoryStream<Path> tasks = Files.newDirectoryStream(proc(pid).resolve("task"))) {
            for (Path task : tasks) {
                if (read(task.resolve("comm")).filter(comm -> comm.startsWith(name)).isPresent()) {
                    read(task.resolve("stat"))
                            .ifPresent(stat -> found.add(Integer.valueOf(fields(stat)[16])));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return List.copyOf(found);
    }

    /** Whether a thread of this process sleeps where no signal reaches it. */
    public static boolean isStuck(long pid) {
        return states(pid).contains('D');
    }

    /** Whether the process has wholly ended; a zombie that nobody has waited for has, unless a thread of it lives on. */
    public static boolean isGone(long pid) {
        return states(pid).stream().allMatch(state -> state == 'Z' || state == 'X');
    }

    /** Whether SIGSTOP has reached every thread. */
    public static boolean isStopped(long pid) {
        List<Character> states = states(pid);
        return !states.isEmpty() && states.stream().allMatch(state -> state == 'T');
    }

    /** The kernel's name of the process, at most 15 bytes. */
    public static Optional<String> name(long pid) {
        return read(proc(pid).resolve("comm")).map(String::strip);
    }

    /**
     * The processes that are in the mount namespace of this one; zombies are in none.
     *
     * @param pid its number, or {@code self}
     */
    public static List<Long> inMountNamespaceOf(String pid) {
        var found = new ArrayList<Long>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            Path namespace = Files.readSymbolicLink(Path.of("/proc", pid, "ns", "mnt"));
            for (Path process : all) {
                if (isIn(process, namespace)) {
                    found.add(Long.parseLong(process.getFileName().toString()));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return List.copyOf(found);
    }

    private static boolean isIn(Path process, Path namespace) {
        try {
            return Files.readSymbolicLink(process.resolve("ns/mnt")).equals(namespace);
        } catch (IOException e) {
            // Processes come and go.
            return false;
        }
    }

    public static Optional<Long> parent(long pid) {
        return read(proc(pid).resolve("stat")).map(stat -> Long.parseLong(fields(stat)[1]));
    }

    /** Kills one process that the test started or found in its namespace. */
    public static void signal(long pid, String name) {
        signal(name, Long.valueOf(pid));
    }

    /** Signals several at the same time. */
    public static void signal(String name, Long... pids) {
        List<String> command = new ArrayList<>(List.of("kill", "-s", name));
        for (Long pid : pids) {
            command.add(pid.toString());
        }
        Program.run(command.toArray(String[]::new));
    }

    private static Path proc(long pid) {
        return Path.of("/proc", Long.toString(pid));
    }

    private static char state(String stat) {
        return fields(stat)[0].charAt(0);
    }

    // The name, in parentheses, may contain anything.
    private static String[] fields(String stat) {
        return stat.substring(stat.lastIndexOf(')') + 2).strip().split(" ");
    }

    private static Optional<String> read(Path file) {
        try {
            return Optional.of(Files.readString(file)).filter(text -> !text.isEmpty());
        } catch (IOException e) {
            return Optional.empty();
        }
    }
}
