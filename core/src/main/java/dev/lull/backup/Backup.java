package dev.lull.backup;

import dev.lull.freeze.Outcome;
import dev.lull.participant.Participant;
import dev.lull.plan.ConsistentSnapshots;
import dev.lull.plan.ConsistentSnapshots.Taken;
import dev.lull.plan.Host;
import dev.lull.plan.Leftover;
import dev.lull.plan.Manifest;
import dev.lull.plan.Plan;
import dev.lull.plan.PlanException;
import dev.lull.plan.SnapshotOrder;
import dev.lull.plan.Step;
import dev.lull.snapshot.CheckReport;
import dev.lull.snapshot.Snapshot;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * One backup: consistent snapshots, mounted read-only, and from them an archive of our own or whatever a tool of the
 * user's makes of them. Build the plan with {@link #archive} or {@link #tool}, run it, and ask here for what came of it.
 * For the plan's thread, and for one plan.
 */
public final class Backup {
    /** Where snapshots are mounted: a tmpfs. */
    public static final Path MOUNTS = Path.of("/run/lull");

    /**
     * What to do besides.
     *
     * @param keepSnapshots whether the snapshots stay
     * @param checkFilesystem whether each snapshot's structure is checked, as {@link Snapshot#check} does
     * @param mounts the directory in which a private one is made to mount in
     */
    public record Options(boolean keepSnapshots, boolean checkFilesystem, Path mounts) {}

    /** A program of the user's that backs up what is mounted. */
    @FunctionalInterface
    public interface Tool {
        /**
         * Runs it to its end. An interrupt ends it.
         *
         * @param root the snapshot, or the directory below which each is at its own path
         * @param manifest a JSON file that tells what it is
         * @return its exit status
         */
        int run(Path root, Path manifest) throws IOException, InterruptedException;
    }

    private final Host host;
    private final Options options;
    private final ConsistentSnapshots snapshots;
    private final Plan plan = new Plan();
    private final List<String> verified = new ArrayList<>();
    private @Nullable SnapshotTree tree;
    private @Nullable PendingArchive pending;
    private @Nullable Archive archive;
    private @Nullable Integer toolStatus;
    private @Nullable Path collected;
    private ArchiveSource.@Nullable Files besides;

    /** @param participants who is brought to rest for the snapshots, in this order */
    public Backup(Host host, SnapshotOrder order, List<Participant> participants, Options options) {
        this.host = host;
        this.options = options;
        this.snapshots = new ConsistentSnapshots(host, order, participants);
    }

    /**
     * The plan that ends with an archive.
     *
     * @param verify whether the archive is read back before it gets its name
     * @param progress is told how many bytes of the tar stream have been written, and then how many were read back
     */
    public Plan archive(
            ArchiveTarget target, Compression compression, boolean verify, LongConsumer progress) {
        addSnapshots(Step.of("check destination", () -> checkDestination(target)));
        if (snapshots.areNotAll()) {
            plan.add(
                    Step.during(
                            "collect", () -> collect(target.directory()), this::removeCollected));
        }
        plan.add(
                Step.of(
                        "archive",
                        () -> writeArchive(target, compression, progress),
                        this::dropArchive));
        if (verify) {
            plan.add(Step.of("verify", () -> verifyArchive(progress)));
        }
        addFilesystemCheck();
        return plan.add(Step.of("finish", this::finish));
    }

    /** The plan that ends with the tool; that it ends with another status than 0 is no failure of the plan. */
    public Plan tool(Tool tool) {
        addSnapshots(Step.of("check tool", this::requireSnapshotsAreAll));
        addFilesystemCheck();
        return plan.add(Step.of("run", () -> run(tool)));
    }

    private void addSnapshots(Step... checks) {
        if (options.keepSnapshots()) {
            snapshots.keep();
        }
        snapshots.addOpening(plan);
        for (Step check : checks) {
            plan.add(check);
        }
        snapshots.addTo(plan);
        plan.add(Step.during("mount", this::mount, this::unmount));
    }

    private void addFilesystemCheck() {
        if (options.checkFilesystem()) {
            plan.add(Step.of("check filesystem", this::checkFilesystems));
        }
    }

    /** The finished archive. */
    public Optional<Archive> archive() {
        return Optional.ofNullable(archive);
    }

    /** The tool's exit status, if it was run. */
    public Optional<Integer> toolStatus() {
        return Optional.ofNullable(toolStatus);
    }

    /** How the lease ended; empty before, and if nothing had to be frozen. */
    public Optional<Outcome> outcome() {
        return snapshots.outcome();
    }

    /** The snapshots that were taken. */
    public List<Taken> taken() {
        return snapshots.taken();
    }

    private String checkDestination(ArchiveTarget target) throws PlanException, IOException {
        snapshots.requireOutside(target.directory());
        // What the archive needs beside it is loaded before the freeze, while it is still cheap to
        // be refused.
        Zstandard.load();
        return TarProgram.program().toString();
    }

    private String requireSnapshotsAreAll() throws PlanException {
        if (snapshots.areNotAll()) {
            throw new PlanException.Refused(
                    "a participant has files that are in no snapshot, and no tool would find",
                    "write an archive, with --to, or have it at rest without online");
        }
        return "";
    }

    /** Where the archive will be, there is room, and no snapshot is made of it. */
    private String collect(Path directory) throws IOException {
        Path made = snapshots.journal().makeScratchDirectory(directory);
        collected = made;
        List<Path> files = snapshots.collect(made);
        if (!files.isEmpty()) {
            besides = new ArchiveSource.Files(made, files);
        }
        return files.size() + " files";
    }

    private void removeCollected() throws IOException {
        if (collected != null) {
            new Leftover.Scratch(collected).remove(host);
        }
    }

    /** One filesystem alone is at the archive's top, and so are its files. */
    private ArchiveSource source() {
        ArchiveSource source = mounted().source();
        ArchiveSource.Files more = besides;
        if (more == null) {
            return source;
        }
        if (snapshots.taken().size() > 1) {
            return source.with(more);
        }
        Path top = Path.of("/").relativize(snapshots.taken().getFirst().origin().mountPoint());
        return source.with(
                new ArchiveSource.Files(
                        more.root().resolve(top),
                        more.members().stream().map(top::relativize).toList()));
    }

    private String mount() throws IOException {
        tree =
                SnapshotTree.mount(
                        host.kernel(), options.mounts(), snapshots.journal(), snapshots.taken());
        return "";
    }

    private void unmount() throws IOException {
        if (tree != null) {
            tree.close();
        }
    }

    private SnapshotTree mounted() {
        return Objects.requireNonNull(tree, "mounted by the step before");
    }

    private String writeArchive(
            ArchiveTarget target, Compression compression, LongConsumer progress)
            throws IOException, InterruptedException {
        for (Leftover partial : target.leftovers()) {
            snapshots.journal().add(partial);
        }
        PendingArchive written =
                watching(() -> PendingArchive.write(source(), target, compression, progress));
        pending = written;
        Manifest.Archive sums = written.sums();
        return sums.entries() + " entries, " + sums.bytes() + " bytes";
    }

    private void dropArchive() throws IOException {
        if (pending != null) {
            pending.close();
        }
    }

    private PendingArchive pending() {
        return Objects.requireNonNull(pending, "written by the step before");
    }

    private String verifyArchive(LongConsumer progress) throws IOException, InterruptedException {
        watching(() -> {
            pending().verify(progress);
            return "";
        });
        verified.add(
                "archive read back: sha-256, zstd checksum, tar structure and "
                        + pending().sums().entries()
                        + " entries are as written");
        return "";
    }

    private String checkFilesystems() throws IOException, InterruptedException {
        return watching(() -> {
            checkAll(mounted());
            return "";
        });
    }

    private <T> T watching(RoomWatch.Reading<T> reading) throws IOException, InterruptedException {
        return RoomWatch.over(snapshots.taken(), plan, reading);
    }

    private void checkAll(SnapshotTree mounts) throws IOException {
        for (Taken taken : snapshots.taken()) {
            CheckReport report =
                    taken.snapshot().check(mounts.makeBeside("check-" + taken.snapshot().id()));
            String what = taken.origin().mountPoint() + ": " + report.checked();
            if (!report.passed()) {
                throw new BackupException(
                        "check",
                        taken.origin().mountPoint().toString(),
                        "the filesystem is damaged, says "
                                + report.checked()
                                + ": "
                                + report.output().strip(),
                        "the snapshot is right, its origin is not: check that when it is not mounted");
            }
            verified.add(what);
        }
    }

    private String finish() throws IOException {
        PendingArchive written = pending();
        Manifest manifest =
                snapshots
                        .manifest(plan.timeline().entries())
                        .with(written.sums(), written.notes())
                        .with(verified, plan.timeline().entries());
        archive = written.commit(manifest);
        return archive.file().toString();
    }

    private String run(Tool tool) throws IOException, InterruptedException {
        SnapshotTree mounts = mounted();
        Manifest manifest =
                snapshots
                        .manifest(plan.timeline().entries())
                        .with(verified, plan.timeline().entries());
        Path beside = mounts.writeBeside("manifest.json", manifest.toJson());
        int status = watching(() -> tool.run(mounts.source().root(), beside));
        toolStatus = status;
        return "status " + status;
    }
}
