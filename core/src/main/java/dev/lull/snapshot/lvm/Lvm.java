package dev.lull.snapshot.lvm;

import dev.lull.linux.Kernel;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.process.BoundedProcess;
import dev.lull.snapshot.process.Programs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * LVM's programs, and device-mapper's, which they bring along. They are run so that they write to devices and to
 * {@code /run} alone: neither a backup of the metadata in {@code /etc/lvm} nor a log. Their locks stay where all other
 * commands look for them. For any thread.
 */
final class Lvm {
    /** Enough for a command that waits for another one's lock on the group. */
    static final Duration LIMIT = Duration.ofMinutes(1);

    private static final String CONFIG =
            "backup{backup=0 archive=0} log{file=\"/dev/null\" syslog=0}";
    private static final Map<String, String> ENVIRONMENT =
            Map.of("PATH", Programs.PATH, "LC_ALL", "C.UTF-8", "LVM_SUPPRESS_FD_WARNINGS", "1");
    private static final int OUTPUT_LIMIT = 4 << 20;

    private final Kernel kernel;

    Lvm(Kernel kernel) {
        this.kernel = kernel;
    }

    /** Whether this machine has them. */
    static boolean isInstalled() {
        return Programs.find("lvm").isPresent() && Programs.find("dmsetup").isPresent();
    }

    /** What {@code lvs} or {@code vgs} reports, a map from field to value for each volume or group. */
    List<Map<String, String>> report(String command, String fields, String... arguments)
            throws SnapshotException {
        List<String> words =
                new ArrayList<>(
                        List.of(
                                "--reportformat",
                                "json",
                                "--units",
                                "b",
                                "--nosuffix",
                                "--options",
                                fields));
        words.addAll(List.of(arguments));
        try {
            return LvmReport.read(require(LIMIT, command, words).output());
        } catch (IllegalArgumentException e) {
            throw new SnapshotException("read", command, String.valueOf(e.getMessage()));
        }
    }

    /** Runs one that must succeed. */
    BoundedProcess.Ended require(Duration limit, String command, List<String> arguments)
            throws SnapshotException {
        BoundedProcess.Ended ended = run(limit, command, arguments);
        if (ended.status() != 0) {
            throw new SnapshotException("run", command, reason(ended));
        }
        return ended;
    }

    /**
     * Runs one.
     *
     * @throws SnapshotException if it could not be run, or had to be killed at the limit
     */
    BoundedProcess.Ended run(Duration limit, String command, List<String> arguments)
            throws SnapshotException {
        List<String> words = new ArrayList<>();
        words.add(program("lvm"));
        words.add(command);
        words.add("--config");
        words.add(CONFIG);
        words.addAll(arguments);
        return start(limit, command, words);
    }

    /** Runs dmsetup(8). */
    BoundedProcess.Ended dmsetup(String... arguments) throws SnapshotException {
        List<String> words = new ArrayList<>();
        words.add(program("dmsetup"));
        words.addAll(List.of(arguments));
        return start(LIMIT, "dmsetup " + arguments[0], words);
    }

    /** The status line of a device-mapper device; empty if there is no such device. */
    Optional<String> status(String mapped) throws SnapshotException {
        BoundedProcess.Ended ended = dmsetup("status", mapped);
        return ended.status() == 0
                ? Optional.of(new String(ended.output(), StandardCharsets.UTF_8).strip())
                : Optional.empty();
    }

    private static String program(String name) throws SnapshotException {
        Path found =
                Programs.find(name)
                        .orElseThrow(() ->
                                new SnapshotException(
                                        "run",
                                        name,
                                        "it is not installed",
                                        "apt-get install lvm2 (or your distribution's package of that name)"));
        return found.toString();
    }

    private BoundedProcess.Ended start(Duration limit, String name, List<String> words)
            throws SnapshotException {
        try (BoundedProcess process =
                BoundedProcess.start(kernel, words, ENVIRONMENT, false, OUTPUT_LIMIT)) {
            return process.awaitEnd(limit);
        } catch (IOException e) {
            throw new SnapshotException("run", name, e);
        }
    }

    /** What it said about its failure, in one line: the first that is no warning tells the cause. */
    static String reason(BoundedProcess.Ended ended) {
        return ended.errors()
                .lines()
                .map(String::strip)
                .filter(line -> !line.isEmpty() && !line.startsWith("WARNING"))
                .findFirst()
                .orElse("exit status " + ended.status());
    }
}
