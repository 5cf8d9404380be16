package dev.lull.snapshot.check;

import dev.lull.linux.Kernel;
import dev.lull.snapshot.CheckReport;
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

/** Runs a filesystem's own checker on an image that is not mounted. */
public final class FilesystemChecker {
    private static final int OUTPUT_LIMIT = 1 << 20;
    private static final int OUTPUT_KEPT = 60 * 1024;
    private static final Duration LIMIT = Duration.ofHours(6);

    private FilesystemChecker() {}

    /**
     * Finds the checker, so that its absence shows before any work is done.
     *
     * @param subject what is to be checked, for the message
     * @throws SnapshotException.ToolMissing if it is not installed
     */
    public static Path find(FilesystemKind kind, String subject)
            throws SnapshotException.ToolMissing {
        String name = kind.checker().getFirst();
        return Programs.find(name)
                .orElseThrow(
                        () -> new SnapshotException.ToolMissing(subject, name, kind.toolPackage()));
    }

    /**
     * Checks an image.
     *
     * @param image absolute path of a file or device that nobody uses
     * @throws SnapshotException if the checker is not installed, or was stopped at a limit
     */
    public static CheckReport check(Kernel kernel, FilesystemKind kind, Path image)
            throws SnapshotException {
        List<String> command = new ArrayList<>();
        command.add(find(kind, image.toString()).toString());
        command.addAll(kind.checker().subList(1, kind.checker().size()));
        command.add(image.toString());
        Map<String, String> environment = Map.of("PATH", Programs.PATH, "LC_ALL", "C.UTF-8");
        try (BoundedProcess process =
                BoundedProcess.start(kernel, command, environment, false, OUTPUT_LIMIT)) {
            BoundedProcess.Ended ended = process.awaitEnd(LIMIT);
            String printed = new String(ended.output(), StandardCharsets.UTF_8);
            return new CheckReport(
                    kind.isGood(ended.status()),
                    String.join(" ", kind.checker())
                            + " on a writable clone, mounted and unmounted once before: status "
                            + ended.status(),
                    tail(printed) + ended.errors());
        } catch (IOException e) {
            throw new SnapshotException("check", image.toString(), e);
        }
    }

    private static String tail(String printed) {
        return printed.length() <= OUTPUT_KEPT
                ? printed
                : "…" + printed.substring(printed.length() - OUTPUT_KEPT);
    }
}
