package dev.lull.cli;

import dev.lull.backup.Archive;
import dev.lull.backup.Backup;
import dev.lull.backup.BackupException;
import dev.lull.backup.Proof;
import dev.lull.freeze.FreezeException;
import dev.lull.participant.ParticipantKinds;
import dev.lull.plan.Host;
import dev.lull.plan.Manifest;
import dev.lull.plan.Plan;
import dev.lull.plan.PlanException;
import dev.lull.plan.RunJournal;
import dev.lull.plan.Step;
import dev.lull.snapshot.CheckReport;
import dev.lull.snapshot.Snapshot;
import dev.lull.snapshot.SnapshotId;
import dev.lull.snapshot.SnapshotRecord;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lull verify}. */
@Command(
        name = "verify",
        mixinStandardHelpOptions = true,
        description = {
            "Read an archive back and check it: sums, compression, tar structure, number of entries.",
            "With --filesystem also the snapshots that it was made from, if they were kept.",
            "With --start the applications that were at rest are started on a copy, reachable over no network, and look "
                    + "at their data: see docs/participants.md."
        })
final class VerifyCommand implements Callable<Integer> {
    @Parameters(paramLabel = "ARCHIVE", description = "a file NAME.tar.zst")
    private @Nullable Path file;

    @Option(
            names = "--filesystem",
            description = "check the snapshots' filesystems too; needs root")
    private boolean filesystem;

    @Option(
            names = "--start",
            description =
                    "restore to a scratch directory, and start the databases on it; needs root")
    private boolean start;

    @Option(
            names = "--scratch",
            paramLabel = "DIR",
            description =
                    "with --start: the directory for the scratch directory (default: /var/tmp)")
    private Path scratch = Path.of("/var/tmp");

    @Option(
            names = "--no-manifest",
            description = "do without the manifest's sums, if there is none")
    private boolean noManifest;

    @Mixin private OutputOptions output = new OutputOptions();

    @Override
    public Integer call() throws Exception {
        Archive archive = new Archive(Objects.requireNonNull(file));
        Optional<Manifest> manifest = archive.manifest();
        if (manifest.isEmpty() && !noManifest && Files.exists(archive.file())) {
            throw new CommandException(
                    ExitCode.FAILED,
                    archive.file()
                            + " has no manifest beside it, so nobody can say what it should be",
                    "look for its .manifest.json, or check the archive alone with --no-manifest");
        }
        List<String> started = new ArrayList<>();
        Manifest.Archive sums = start ? start(archive, manifest, started) : archive.verify(_ -> {});
        List<String> checked = filesystem ? checkFilesystems(archive, manifest) : List.of();
        tell(archive, manifest, sums, checked, started);
        return ExitCode.DONE.status();
    }

    /** Restoring checks all that verifying does. */
    private Manifest.Archive start(
            Archive archive, Optional<Manifest> manifest, List<String> started)
            throws CommandException, PlanException, FreezeException, IOException {
        if (manifest.isEmpty()) {
            throw CommandException.usage(
                    archive.file() + " has no manifest beside it that would tell what to start",
                    "verify without --start");
        }
        Host host = ThisHost.open("verify", Optional.empty());
        KilledRuns.cleanUp(host, System.err, output.quiet);
        Proof proof = new Proof(host, archive, manifest.get(), ParticipantKinds.installed());
        AtomicLong progress = new AtomicLong();
        PlanRun.run(
                proof.plan(scratch.toAbsolutePath().normalize(), progress::set),
                progress,
                System.err,
                output.quiet || output.json);
        started.addAll(proof.report());
        return proof.sums().orElseThrow();
    }

    private static List<String> checkFilesystems(Archive archive, Optional<Manifest> manifest)
            throws CommandException, PlanException, FreezeException, IOException {
        Host host = ThisHost.open("verify", Optional.empty());
        List<String> checked = new ArrayList<>();
        List<Manifest.Filesystem> filesystems =
                manifest.map(Manifest::filesystems).orElse(List.of());
        if (filesystems.isEmpty()) {
            throw new CommandException(
                    ExitCode.FAILED,
                    archive.file() + ": its snapshots are not known",
                    "verify without --filesystem");
        }
        List<Snapshot> snapshots = new ArrayList<>();
        for (Manifest.Filesystem one : filesystems) {
            snapshots.add(open(host, one));
        }
        // A check makes a clone and mounts it, which a plan takes back when the process is told to
        // end.
        RunJournal journal = host.journals().begin("verify");
        Plan plan =
                new Plan()
                        .add(
                                Step.during(
                                        "journal", () -> journal.words(), () -> journal.end(host)));
        for (Snapshot snapshot : snapshots) {
            plan.add(Step.of("check " + snapshot.id(), () -> check(snapshot, journal, checked)));
        }
        PlanRun.run(plan, new AtomicLong(), System.err, true);
        return checked;
    }

    private static String check(Snapshot snapshot, RunJournal journal, List<String> checked)
            throws IOException {
        String origin = snapshot.record().mountPoint().toString();
        Path scratch = journal.makeMountDirectory(Backup.MOUNTS);
        try {
            CheckReport report = snapshot.check(scratch);
            if (!report.passed()) {
                throw new BackupException(
                        "check",
                        origin,
                        "the filesystem in snapshot "
                                + snapshot.id()
                                + " is damaged, says "
                                + report.checked()
                                + ": "
                                + report.output().strip());
            }
            checked.add(origin + ": " + report.checked());
        } finally {
            Files.delete(scratch);
        }
        return "";
    }

    private static Snapshot open(Host host, Manifest.Filesystem one)
            throws CommandException, IOException {
        Optional<SnapshotRecord> found =
                SnapshotId.isId(one.snapshot())
                        ? host.records().find(new SnapshotId(one.snapshot()))
                        : Optional.empty();
        if (found.isEmpty()) {
            throw new CommandException(
                    ExitCode.FAILED,
                    "snapshot "
                            + one.snapshot()
                            + " of "
                            + one.mountPoint()
                            + " is not there any more",
                    "back up with --verify-filesystem, or --keep-snapshot, to have it checked");
        }
        return host.providers().open(found.get());
    }

    private void tell(
            Archive archive,
            Optional<Manifest> manifest,
            Manifest.Archive sums,
            List<String> checked,
            List<String> started) {
        if (output.json) {
            JsonOutput.print(
                    System.out,
                    json -> {
                        json.writeStartObject();
                        json.writeStringProperty("archive", archive.file().toString());
                        json.writeBooleanProperty("good", true);
                        json.writeNumberProperty("bytes", sums.bytes());
                        json.writeStringProperty("sha256", sums.sha256());
                        json.writeNumberProperty("tarBytes", sums.tarBytes());
                        json.writeStringProperty("tarSha256", sums.tarSha256().orElse(""));
                        json.writeNumberProperty("entries", sums.entries());
                        json.writeArrayPropertyStart("filesystems");
                        checked.forEach(json::writeString);
                        json.writeEndArray();
                        json.writeArrayPropertyStart("applications");
                        started.forEach(json::writeString);
                        json.writeEndArray();
                        json.writeEndObject();
                    });
            return;
        }
        if (output.quiet) {
            return;
        }
        System.out.println(
                Plain.text(archive.file().toString())
                        + " is good: "
                        + sums.entries()
                        + " entries, "
                        + Sizes.show(sums.tarBytes())
                        + ", sha-256 "
                        + sums.sha256());
        checked.forEach(line -> System.out.println("  " + Plain.text(line) + ": good"));
        started.forEach(line -> System.out.println("  " + Plain.text(line)));
        manifest.flatMap(Manifest::lease)
                .ifPresent(held ->
                        System.out.println(
                                "  taken "
                                        + manifest.get().created()
                                        + " on "
                                        + Plain.text(manifest.get().host())
                                        + ", lease "
                                        + Plain.text(held.id() + " " + held.end())));
    }
}
