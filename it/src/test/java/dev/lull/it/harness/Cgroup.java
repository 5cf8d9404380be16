package dev.lull.it.harness;

import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;

/** A control group of version 1 that the test has made. */
public final class Cgroup implements AutoCloseable {
    private static final Path HIERARCHIES = Path.of("/sys/fs/cgroup");

    private final Path directory;

    private Cgroup(Path directory) {
        this.directory = directory;
    }

    /** Whether this machine has that hierarchy, and lets us use it. */
    public static boolean has(String hierarchy) {
        return Files.isWritable(HIERARCHIES.resolve(hierarchy).resolve("cgroup.procs"));
    }

    /** @param hierarchy a controller, for example {@code memory}, or the name of a hierarchy without one */
    public static Cgroup make(String hierarchy) {
        String name = TestNamespace.current().scratch().getFileName().toString();
        try {
            return new Cgroup(Files.createDirectory(HIERARCHIES.resolve(hierarchy).resolve(name)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A command that runs its further arguments, as a command, in this cgroup. */
    public List<String> enter() {
        return List.of("sh", "-c", "echo $$ >\"$0\" && exec \"$@\"", procs());
    }

    /** The file that a process writes its number to, to come in. */
    public String procs() {
        return file("cgroup.procs");
    }

    public void add(long... pids) {
        for (long pid : pids) {
            write("cgroup.procs", Long.toString(pid));
        }
    }

    public List<Long> processes() {
        return Arrays.stream(read("cgroup.procs").split("\n", -1))
                .filter(line -> !line.isEmpty())
                .map(Long::valueOf)
                .toList();
    }

    public void write(String name, String value) {
        try {
            Files.writeString(Path.of(file(name)), value);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public String read(String name) {
        try {
            return Files.readString(Path.of(file(name))).strip();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public long number(String name) {
        return Long.parseLong(read(name));
    }

    /** One line of {@code memory.stat}. */
    public long statistic(String name) {
        return read("memory.stat")
                .lines()
                .filter(line -> line.startsWith(name + " "))
                .mapToLong(line -> Long.parseLong(line.substring(name.length() + 1)))
                .findFirst()
                .orElseThrow();
    }

    private String file(String name) {
        return directory.resolve(name).toString();
    }

    /** Puts what is left in it into the hierarchy's root, and removes it. */
    @Override
    public void close() {
        await(directory + " is removed")
                .atMost(Duration.ofSeconds(10))
                .pollInterval(Duration.ofMillis(20))
                .ignoreExceptions()
                .until(() -> {
                    for (long pid : processes()) {
                        Files.writeString(
                                directory.resolveSibling("cgroup.procs"), Long.toString(pid));
                    }
                    return Files.deleteIfExists(directory);
                });
    }
}
