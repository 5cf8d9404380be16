package dev.lull.plan;

import dev.lull.freeze.ArmedLease;
import dev.lull.freeze.CannotFreezeException;
import dev.lull.freeze.FreezeException;
import dev.lull.freeze.FreezeOption;
import dev.lull.freeze.FreezeSet;
import dev.lull.freeze.Lease;
import dev.lull.freeze.Outcome;
import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Filesystem;
import dev.lull.linux.Mount;
import dev.lull.participant.Cut;
import dev.lull.participant.Participant;
import dev.lull.participant.ParticipantException;
import dev.lull.snapshot.NestedMounts;
import dev.lull.snapshot.Origin;
import dev.lull.snapshot.PreparedSnapshot;
import dev.lull.snapshot.Snapshot;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotId;
import dev.lull.snapshot.SnapshotProvider;
import dev.lull.snapshot.SnapshotRequest;
import dev.lull.snapshot.SnapshotState;
import dev.lull.snapshot.Undo;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Snapshots of several filesystems, of one instant: {@code prepare → pre-sync → freeze → snapshot → thaw → verdict}. They
 * are good only if the lease was {@linkplain Outcome#held() held, and proven}, until the last was complete; otherwise
 * they are deleted, or kept and marked where that was asked for, and the plan fails.
 *
 * <p>Participants are at rest from before the freeze until after the thaw. Nothing is good that was taken while one of
 * them was not.
 *
 * <p>A filesystem whose provider makes atomic snapshots by itself (a btrfs subvolume) is not frozen, since its snapshot
 * would wait for the thaw; it is taken while the others are frozen, so that the cut is common, and there can be only one
 * such filesystem among several. If it is alone there is no freeze, no lease, and no verdict.
 *
 * <p>For the plan's thread.
 */
public final class ConsistentSnapshots {
    /**
     * What was taken of one filesystem.
     *
     * @param paths as they were named
     * @param origin the filesystem
     * @param snapshot the snapshot
     * @param frozen whether the filesystem was frozen
     * @param leftOut what is nested in it and not in the snapshot, relative to the mount point
     */
    public record Taken(
            List<Path> paths,
            Origin origin,
            Snapshot snapshot,
            boolean frozen,
            List<Path> leftOut) {
        public Taken {
            paths = List.copyOf(paths);
            leftOut = List.copyOf(leftOut);
        }
    }

    private record Named(List<Path> paths, Origin origin) {}

    private record Ready(Named named, PreparedSnapshot snapshot, List<Path> leftOut) {}

    private static final int SHOWN = 4;

    private final Host host;
    private final SnapshotOrder order;
    private final Participants participants;
    private final List<Named> origins = new ArrayList<>();
    private final List<Ready> ready = new ArrayList<>();
    private final List<Taken> taken = new ArrayList<>();
    private @Nullable RunJournal journal;
    private @Nullable FreezeSet named;
    private @Nullable FreezeSet toFreeze;
    private @Nullable ArmedLease armed;
    private @Nullable Lease lease;
    private @Nullable Outcome outcome;
    private Instant created = Instant.EPOCH;
    private boolean keep;
    private boolean durable;
    private boolean inconsistent;

    /** @param participants who is brought to rest for them, in this order */
    public ConsistentSnapshots(Host host, SnapshotOrder order, List<Participant> participants) {
        this.host = host;
        this.order = order;
        this.participants = new Participants(participants, System::nanoTime);
    }

    /** What was taken, in the order in which the filesystems were named. */
    public List<Taken> taken() {
        return List.copyOf(taken);
    }

    /** How the lease ended; empty before, and if nothing had to be frozen. */
    public Optional<Outcome> outcome() {
        return Optional.ofNullable(outcome);
    }

    /** Keeps the snapshots once they are good; otherwise they are there for the plan's sake only. */
    public void keep() {
        keep = true;
    }

    /**
     * Adds the step that opens and looks at the filesystems. What a caller still has to check about them comes between
     * this and {@link #addTo}.
     */
    public void addOpening(Plan plan) {
        plan.add(Step.during("open", this::open, this::end));
    }

    /**
     * What the run has begun is written down here. Once the first step has run.
     *
     * @throws IllegalStateException before that
     */
    public RunJournal journal() {
        RunJournal begun = journal;
        if (begun == null) {
            throw new IllegalStateException("the plan has not begun");
        }
        return begun;
    }

    /** Adds the steps from prepare to durable snapshots. */
    public void addTo(Plan plan) {
        plan.add(Step.during("prepare", this::prepare, this::giveUpPrepared));
        if (!participants.isEmpty()) {
            plan.add(
                    Step.during(
                            "participants",
                            () -> participants.prepare(cut()),
                            participants::close));
        }
        plan.add(Step.during("pre-sync", this::preSync, this::disarm));
        if (!participants.isEmpty()) {
            plan.add(Step.during("rest", participants::rest, participants::requireNoneAtRest));
        }
        plan.add(Step.during("freeze", this::freeze, this::closeLease))
                .add(Step.during("snapshot", this::take, this::deleteTaken))
                .add(Step.of("thaw", this::thaw));
        if (!participants.isEmpty()) {
            plan.add(Step.of("resume", participants::resume));
        }
        plan.add(Step.of("verdict", this::judge)).add(Step.of("make durable", this::makeDurable));
    }

    /**
     * Refuses a directory that lies on one of the filesystems: a backup that lies on what it is a backup of is lost with
     * it, and could not be written to while that is frozen.
     *
     * @throws PlanException.Refused if it does
     */
    public void requireOutside(Path directory) throws PlanException, IOException {
        try (Descriptor opened = host.kernel().openDirectory(directory)) {
            DeviceNumber device = Origin.mountOf(host.kernel(), opened).device();
            for (Named filesystem : origins) {
                if (filesystem.origin().device().equals(device)) {
                    throw new PlanException.Refused(
                            directory
                                    + " lies on the filesystem to be backed up, "
                                    + filesystem.origin().mountPoint(),
                            "choose a destination on another filesystem");
                }
            }
        }
    }

    /** Whether there is more to the backup than the snapshots: what {@link #collect} writes. */
    public boolean areNotAll() {
        return participants.bringFiles();
    }

    /**
     * Has the participants write the files that belong to the backup besides, as {@link Participant#collect} says. After
     * the snapshots.
     *
     * @return the files, relative to {@code into}
     */
    public List<Path> collect(Path into) throws ParticipantException {
        return participants.collect(into);
    }

    private String open() throws PlanException, FreezeException, IOException {
        journal = host.journals().begin(host.freezer().program());
        FreezeSet set = FreezeSet.open(host.kernel(), order.paths(), false);
        named = set;
        for (FreezeSet.Member member : set.members()) {
            origins.add(new Named(namesOf(member), Origin.of(host.kernel(), member.directory())));
        }
        return origins.stream().map(name -> name.origin().type()).collect(Collectors.joining(", "));
    }

    /** All the paths that name the member's filesystem, and show the same of it. */
    private List<Path> namesOf(FreezeSet.Member member) throws PlanException, IOException {
        List<Path> paths = new ArrayList<>();
        for (Path path : order.paths()) {
            Mount mount;
            try (Descriptor opened = host.kernel().openDirectory(path)) {
                mount = Origin.mountOf(host.kernel(), opened);
            }
            if (!mount.device().equals(member.device())) {
                continue;
            }
            if (!mount.root().equals(member.mount().root())) {
                throw new PlanException.Refused(
                        member.path() + " and " + path + " show different parts of one filesystem",
                        "back them up one after the other, or the mount that shows all of it");
            }
            paths.add(path);
        }
        return paths;
    }

    private void close() throws FreezeException {
        if (named != null) {
            named.close();
        }
    }

    /** After every other undo: the journal goes if they left nothing. */
    private void end() throws FreezeException, IOException {
        Undo undo = new Undo();
        if (journal != null) {
            undo.add(() -> journal().end(host));
        }
        try {
            close();
        } catch (FreezeException e) {
            undo.runAfter(e);
            throw e;
        }
        undo.run();
    }

    private String prepare() throws PlanException, FreezeException, IOException {
        List<Mount> mounts = host.kernel().mounts();
        for (Named origin : origins) {
            List<Path> nested = nested(origin.origin(), mounts);
            SnapshotProvider provider = provider(origin);
            PreparedSnapshot prepared = prepare(provider, origin.origin());
            List<Path> leftOut =
                    Stream.concat(nested.stream(), prepared.intent().leftOut().stream())
                            .distinct()
                            .toList();
            ready.add(new Ready(origin, prepared, leftOut));
        }
        requireOneAtMostUnfrozen();
        requireTargetsOutside();
        requireTime();
        return ready.stream()
                .map(r -> r.snapshot().intent().provider())
                .distinct()
                .collect(Collectors.joining(", "));
    }

    private PreparedSnapshot prepare(SnapshotProvider provider, Origin origin) throws IOException {
        SnapshotId id = SnapshotId.random();
        journal().add(new Leftover.Unfinished(id));
        return provider.prepare(
                new SnapshotRequest(id, origin, timeout(), order.oneFilesystem(), order.label()),
                host.records()::write);
    }

    private Cut cut() {
        return new Cut(
                origins.stream().map(Named::origin).toList(),
                order.timeouts().within().plus(timeout()));
    }

    private Duration timeout() {
        return order.timeouts().timeout().orElseThrow();
    }

    private SnapshotProvider provider(Named filesystem)
            throws PlanException, FreezeException, SnapshotException {
        Optional<String> wanted = order.provider();
        if (wanted.isEmpty()) {
            return choose(filesystem);
        }
        return host.providers()
                .named(wanted.get())
                .orElseThrow(() ->
                        new PlanException.Refused(
                                "no snapshot provider is called " + wanted.get(),
                                "there are "
                                        + host.providers().all().stream()
                                                .map(SnapshotProvider::name)
                                                .collect(Collectors.joining(", "))));
    }

    private SnapshotProvider choose(Named filesystem) throws FreezeException, SnapshotException {
        try {
            return host.providers().choose(filesystem.origin());
        } catch (SnapshotException.Unsupported e) {
            if (Filesystem.canFreeze(filesystem.origin().type())) {
                throw e;
            }
            throw CannotFreezeException.ofType(
                    filesystem.paths().getFirst(), filesystem.origin().type(), e);
        }
    }

    private List<Path> nested(Origin origin, List<Mount> mounts) throws PlanException.Refused {
        List<Path> nested =
                NestedMounts.below(origin.mountPoint(), mounts).stream()
                        .filter(mount -> !isNamed(mount))
                        .map(Mount::mountPoint)
                        .distinct()
                        .toList();
        if (!nested.isEmpty() && !order.oneFilesystem()) {
            String shown =
                    nested.stream()
                            .limit(SHOWN)
                            .map(Path::toString)
                            .collect(Collectors.joining(", "));
            throw new PlanException.Refused(
                    origin.mountPoint()
                            + " has other filesystems mounted in it, which would be missing: "
                            + shown
                            + (nested.size() > SHOWN ? ", …" : ""),
                    "name them too, or leave them out with --one-file-system");
        }
        return nested.stream().map(origin.mountPoint()::relativize).toList();
    }

    private boolean isNamed(Mount mount) {
        return origins.stream().anyMatch(other -> other.origin().device().equals(mount.device()));
    }

    private void requireOneAtMostUnfrozen() throws PlanException.Refused {
        List<Ready> unfrozen = ready.stream().filter(r -> !r.snapshot().wantsFreeze()).toList();
        if (unfrozen.size() > 1 && participants.needOneInstant()) {
            throw new PlanException.Refused(
                    unfrozen.stream()
                                    .map(r -> r.named().origin().mountPoint().toString())
                                    .collect(Collectors.joining(" and "))
                            + " cannot have snapshots of one instant: each is atomic by itself only",
                    "back them up one by one");
        }
    }

    /** FICLONE and the like onto a frozen filesystem waits for the thaw, which waits for it (tried). */
    private void requireTargetsOutside() throws SnapshotException.TargetInSet {
        Set<DeviceNumber> frozen =
                frozen().map(r -> r.named().origin().device()).collect(Collectors.toSet());
        for (Ready one : ready) {
            if (!Collections.disjoint(one.snapshot().writesTo(), frozen)) {
                throw new SnapshotException.TargetInSet(
                        one.named().origin().mountPoint().toString(),
                        "its snapshot would be written to a filesystem that is to be frozen too",
                        "back up the two one after the other");
            }
        }
    }

    private void requireTime() throws SnapshotException.TooSlow {
        Duration estimate =
                ready.stream()
                        .map(r -> r.snapshot().estimate())
                        .reduce(Duration.ZERO, Duration::plus);
        if (frozen().findAny().isPresent() && estimate.compareTo(timeout()) > 0) {
            throw new SnapshotException.TooSlow(
                    ready.getFirst().named().origin().mountPoint().toString(),
                    "taking the snapshots may last "
                            + estimate.toMillis()
                            + " ms, and the freeze only "
                            + timeout().toMillis()
                            + " ms",
                    "allow a longer --timeout, or fewer filesystems at once");
        }
    }

    private Stream<Ready> frozen() {
        return ready.stream().filter(r -> r.snapshot().wantsFreeze());
    }

    /** Closing a prepared snapshot removes what was made unless it was taken; the record then tells of nothing. */
    private void giveUpPrepared() throws IOException {
        Undo undo = new Undo();
        for (Leftover begun : journal().leftovers()) {
            if (begun instanceof Leftover.Unfinished(SnapshotId id)
                    && ready.stream().noneMatch(r -> r.snapshot().intent().id().equals(id))) {
                // Its preparation failed, and has been undone as far as that could be.
                undo.add(() -> begun.remove(host));
            }
        }
        for (Ready one : ready) {
            undo.add(() -> giveUp(one.snapshot()));
        }
        undo.run();
    }

    private void giveUp(PreparedSnapshot prepared) throws SnapshotException {
        SnapshotId id = prepared.intent().id();
        prepared.close();
        if (taken.stream().noneMatch(t -> t.snapshot().id().equals(id))) {
            host.records().delete(id);
        }
    }

    private String preSync() throws PlanException, FreezeException, IOException {
        List<Path> paths = frozen().map(r -> r.named().paths().getFirst()).toList();
        if (paths.isEmpty()) {
            settle();
            return "nothing is frozen: the snapshot is atomic";
        }
        FreezeSet set = FreezeSet.open(host.kernel(), paths, false);
        toFreeze = set;
        // The same paths, opened again: what is frozen must be what was looked at, and all of it.
        for (Ready one : frozen().toList()) {
            if (!set.contains(one.named().origin().device())) {
                throw new PlanException.Refused(
                        one.named().paths().getFirst()
                                + " is not the filesystem that it was a moment ago",
                        "somebody mounts or unmounts there: try again when that is done");
            }
        }
        requireWorkingDirectoryOutside(set);
        armed =
                host.freezer()
                        .arm(set, order.timeouts(), order.options().toArray(FreezeOption[]::new));
        settle();
        return "";
    }

    private void settle() throws SnapshotException {
        for (Ready one : ready) {
            one.snapshot().settle();
        }
    }

    /** What has a relative name, a tool's output or a core dump, would be written there, and wait for the thaw. */
    private void requireWorkingDirectoryOutside(FreezeSet set) throws PlanException, IOException {
        try (Descriptor directory = host.kernel().openDirectory(Path.of("."))) {
            if (set.contains(Origin.mountOf(host.kernel(), directory).device())) {
                throw new PlanException.Refused(
                        "the working directory is on a filesystem that is to be frozen",
                        "cd /proc first, which cannot be frozen");
            }
        }
    }

    private void disarm() throws FreezeException {
        if (armed != null) {
            armed.close();
        }
        if (toFreeze != null) {
            toFreeze.close();
        }
    }

    private String freeze() throws FreezeException {
        created = Instant.now();
        if (armed != null) {
            lease = armed.freeze();
        }
        return "";
    }

    private void closeLease() throws FreezeException {
        if (lease != null) {
            lease.close();
        }
    }

    private String take() throws PlanException, FreezeException, IOException {
        try {
            for (Ready one : ready) {
                Snapshot snapshot = one.snapshot().take();
                taken.add(
                        new Taken(
                                one.named().paths(),
                                one.named().origin(),
                                snapshot,
                                one.snapshot().wantsFreeze(),
                                one.leftOut()));
            }
        } catch (IOException | RuntimeException | Error e) {
            thawAfter(e);
            throw e;
        }
        return "";
    }

    /** A snapshot that could not be taken: nobody need wait for its undoing, and the lost lease may be the reason. */
    private void thawAfter(Throwable reason) throws PlanException.NotHeld {
        try {
            thaw();
        } catch (FreezeException e) {
            reason.addSuppressed(e);
        }
        try {
            participants.resume();
        } catch (ParticipantException.NotAtRest e) {
            reason.addSuppressed(e);
        }
        if (outcome != null && !outcome.held()) {
            PlanException.NotHeld lost = new PlanException.NotHeld(outcome, "they are thrown away");
            lost.addSuppressed(reason);
            throw lost;
        }
    }

    private String thaw() throws FreezeException {
        if (lease != null) {
            outcome = lease.release();
        }
        return "";
    }

    private String judge() throws PlanException, IOException {
        if (outcome == null) {
            return "atomic by itself";
        }
        if (outcome.held()) {
            return "held, and proven";
        }
        if (!order.keepInconsistent()) {
            throw new PlanException.NotHeld(outcome, "they are thrown away");
        }
        PlanException.NotHeld reason =
                new PlanException.NotHeld(outcome, "they are kept, marked inconsistent");
        for (Taken one : taken) {
            host.records()
                    .write(
                            one.snapshot()
                                    .record()
                                    .with(
                                            SnapshotState.INCONSISTENT,
                                            String.valueOf(reason.getMessage())));
        }
        inconsistent = true;
        throw reason;
    }

    /**
     * The origins need not be open any more: their administrator may want to unmount them. What is there for the plan's
     * sake stays recorded as being taken: if the run is killed, whoever finds it knows that it is nobody's.
     */
    private String makeDurable() throws PlanException, FreezeException, IOException {
        for (Taken one : taken) {
            one.snapshot().makeDurable();
        }
        giveUpPrepared();
        closeLease();
        disarm();
        close();
        // Last: a plan that fails leaves no snapshot that says it is good.
        for (Taken one : taken) {
            if (keep) {
                host.records().write(one.snapshot().record().with(SnapshotState.GOOD));
            }
        }
        durable = true;
        return "";
    }

    /** Thaws before anything else: deleting takes time, and while frozen it may not get anywhere. */
    private void deleteTaken() throws FreezeException, IOException {
        Undo undo = new Undo();
        if (!(keep && durable) && !inconsistent) {
            taken.forEach(one -> undo.add(() -> delete(one.snapshot())));
        }
        try {
            closeLease();
        } catch (FreezeException e) {
            undo.runAfter(e);
            throw e;
        }
        undo.run();
    }

    private void delete(Snapshot snapshot) throws SnapshotException {
        snapshot.delete();
        host.records().delete(snapshot.id());
    }

    /** The manifest of what was taken, without an archive. */
    public Manifest manifest(List<Timeline.Entry> timeline) {
        return new Manifest(
                host.version(),
                created,
                hostName(),
                System.getProperty("os.version", ""),
                Optional.ofNullable(outcome).map(this::held),
                taken.stream().map(ConsistentSnapshots::filesystem).toList(),
                participants.rested(),
                Optional.empty(),
                List.of(),
                notes(),
                timeline);
    }

    private List<String> notes() {
        List<String> notes = new ArrayList<>(participants.notes());
        List<Taken> alone = taken.stream().filter(one -> !one.frozen()).toList();
        if (alone.size() > 1) {
            notes.add(
                    alone.stream()
                                    .map(one -> one.origin().mountPoint().toString())
                                    .collect(Collectors.joining(" and "))
                            + " are not of one instant: only what its application makes whole is");
        }
        return notes;
    }

    private Manifest.Held held(Outcome end) {
        return new Manifest.Held(
                end.lease(),
                end.end().word(),
                end.reason(),
                order.timeouts().within(),
                timeout(),
                end.window());
    }

    private static Manifest.Filesystem filesystem(Taken one) {
        Origin origin = one.origin();
        return new Manifest.Filesystem(
                one.paths().stream().map(Path::toString).toList(),
                origin.mountPoint().toString(),
                origin.device().toString(),
                origin.type(),
                origin.mount().source(),
                origin.uuid(),
                one.snapshot().record().provider(),
                one.snapshot().id().text(),
                one.frozen(),
                one.leftOut().stream().map(Path::toString).toList());
    }

    private static String hostName() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "unknown";
        }
    }
}
