package dev.lull.backup;

import dev.lull.participant.ParticipantException;
import dev.lull.participant.ParticipantKind;
import dev.lull.participant.ParticipantKinds;
import dev.lull.participant.Restored;
import dev.lull.plan.Host;
import dev.lull.plan.Manifest;
import dev.lull.plan.Plan;
import dev.lull.plan.RunJournal;
import dev.lull.plan.Step;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The best proof that a backup is good: it is restored to a scratch directory, and the applications in it are started there
 * and look at their data. Build the plan with {@link #plan}, run it, and ask here for what came of it. For the plan's
 * thread, and for one plan.
 */
public final class Proof {
    private record Startable(Manifest.Application application, ParticipantKind kind) {}

    private final Host host;
    private final Archive archive;
    private final Manifest manifest;
    private final List<Startable> startable = new ArrayList<>();
    private final List<String> report = new ArrayList<>();
    private @Nullable RunJournal journal;
    private @Nullable Path scratch;
    private Manifest.@Nullable Archive sums;

    /**
     * @param manifest the archive's
     * @throws BackupException.Refused if there is no application in it that could be started
     */
    public Proof(Host host, Archive archive, Manifest manifest, ParticipantKinds kinds)
            throws BackupException.Refused {
        this.host = host;
        this.archive = archive;
        this.manifest = manifest;
        for (Manifest.Application application : manifest.applications()) {
            kinds.all().stream()
                    .filter(kind -> kind.name().equals(application.kind()))
                    .findFirst()
                    .ifPresent(kind -> startable.add(new Startable(application, kind)));
        }
        if (startable.isEmpty()) {
            throw new BackupException.Refused(
                    "start",
                    archive.file().toString(),
                    "its manifest names no application that can be started",
                    "verify without --start, or back up with a participant, see docs/participants.md");
        }
    }

    /**
     * The plan.
     *
     * @param directory an existing directory with room for all that is restored
     * @param progress is told how many bytes of the tar stream have gone by
     */
    public Plan plan(Path directory, LongConsumer progress) {
        Plan plan = new Plan().add(Step.during("scratch", () -> make(directory), this::remove));
        plan.add(Step.of("restore", () -> restore(progress)));
        for (Startable one : startable) {
            plan.add(Step.of("start " + one.application().name(), () -> prove(one)));
        }
        return plan;
    }

    /** What the archive's sums are, once it was restored. */
    public Optional<Manifest.Archive> sums() {
        return Optional.ofNullable(sums);
    }

    /** What was found good, a line each. */
    public List<String> report() {
        return List.copyOf(report);
    }

    private String make(Path directory) throws IOException {
        long needed = manifest.archive().map(Manifest.Archive::tarBytes).orElse(0L);
        long room = Files.getFileStore(directory).getUsableSpace();
        if (room < needed) {
            throw new BackupException.Refused(
                    "restore to",
                    directory.toString(),
                    "it has room for " + room + " bytes, and the archive has " + needed,
                    "choose another directory with --scratch");
        }
        RunJournal begun = host.journals().begin("verify");
        journal = begun;
        scratch = begun.makeScratchDirectory(directory);
        return scratch.toString();
    }

    private Path scratch() {
        return Objects.requireNonNull(scratch, "made by the first step");
    }

    private void remove() throws IOException {
        if (journal != null) {
            try {
                journal.removeLeftovers(host);
            } finally {
                journal.end(host);
            }
        }
    }

    private String restore(LongConsumer progress) throws BackupException, InterruptedException {
        sums = archive.restore(restored(), Archive.RestoreOptions.ALL, progress);
        return sums.entries() + " entries";
    }

    private Path restored() {
        return scratch().resolve("restored");
    }

    private String prove(Startable one) throws IOException {
        Path beside =
                Files.createDirectory(scratch().resolve(Integer.toString(startable.indexOf(one))));
        List<String> lines =
                one.kind()
                        .prove(
                                host.kernel(),
                                new Restored(
                                        one.application().name(),
                                        one.application().evidence(),
                                        places(),
                                        beside));
        lines.forEach(line -> report.add(one.application().name() + ": " + line));
        return String.join("; ", lines);
    }

    /** As {@link SnapshotTree} has put them: one alone as it is, several each at its own path. */
    private Map<Path, Path> places() throws ParticipantException {
        Map<Path, Path> places = new LinkedHashMap<>();
        for (Manifest.Filesystem filesystem : manifest.filesystems()) {
            Path mountPoint = Path.of(filesystem.mountPoint()).normalize();
            if (!mountPoint.isAbsolute()) {
                throw new ParticipantException(
                        archive.file().toString(),
                        "start",
                        "its manifest tells of a mount point that is none",
                        "is it the right manifest?");
            }
            places.put(
                    mountPoint,
                    manifest.filesystems().size() == 1
                            ? restored()
                            : restored().resolve(Path.of("/").relativize(mountPoint)));
        }
        return places;
    }
}
