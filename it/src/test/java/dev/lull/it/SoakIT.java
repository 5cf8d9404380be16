package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.freeze.ArmedLease;
import dev.lull.freeze.CannotFreezeException;
import dev.lull.freeze.FreezeException;
import dev.lull.freeze.FreezeSet;
import dev.lull.freeze.Freezer;
import dev.lull.freeze.Lease;
import dev.lull.freeze.NotHeldException;
import dev.lull.freeze.Outcome;
import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.GuardProbe;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.Storm;
import dev.lull.it.harness.TestNamespace;
import dev.lull.it.harness.Timing;
import dev.lull.lease.End;
import dev.lull.lease.Timeouts;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import dev.lull.snapshot.CheckReport;
import dev.lull.snapshot.Origin;
import dev.lull.snapshot.PreparedSnapshot;
import dev.lull.snapshot.Reserve;
import dev.lull.snapshot.Snapshot;
import dev.lull.snapshot.SnapshotId;
import dev.lull.snapshot.SnapshotProvider;
import dev.lull.snapshot.SnapshotRequest;
import dev.lull.snapshot.btrfs.BtrfsProvider;
import dev.lull.snapshot.check.FilesystemChecker;
import dev.lull.snapshot.check.FilesystemKind;
import dev.lull.snapshot.reflink.ReflinkProvider;
import dev.lull.testkit.Tally;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Freeze and thaw, again and again, under a storm on eight filesystems: one alone or all together, extended or not, let
 * run out, thawed by somebody else, abandoned, and with snapshots. The probes of the storm see what the kernel does, and
 * are held against what the lease says. At the end every filesystem passes its checker, and so has every snapshot.
 *
 * <p>Takes {@code -Dlull.soak.seconds} (30), and what the checkers take after them; draws from {@code -Dlull.soak.seed}.
 * {@code dev/soak} sets both.
 */
@Timeout(value = 1, unit = TimeUnit.DAYS)
class SoakIT {
    private static final long SECONDS = Long.getLong("lull.soak.seconds", 30);
    private static final long SEED =
            Long.getLong("lull.soak.seed", System.currentTimeMillis() % 1_000_000);

    /** Two of each: a group of eight. */
    private static final List<FilesystemType> TYPES =
            List.of(
                    FilesystemType.EXT3,
                    FilesystemType.EXT4,
                    FilesystemType.XFS,
                    FilesystemType.BTRFS,
                    FilesystemType.EXT3,
                    FilesystemType.EXT4,
                    FilesystemType.XFS,
                    FilesystemType.BTRFS);

    private static final int WORKERS = 3;

    /** The storm has dirtied much, and the machine may be small. */
    private static final Duration WITHIN = Duration.ofSeconds(60);

    private static final Duration LONG = Duration.ofSeconds(20);
    private static final Duration SHORT = Duration.ofSeconds(2);
    private static final Duration BRIEF = Duration.ofMillis(300);

    /** Generations of snapshots that are kept; older ones are checked and deleted. */
    private static final int KEPT = 3;

    private final Kernel kernel = new LinuxKernel();
    private final Freezer freezer = Freezer.system().named("soak");
    private final Reserve reserve = new Reserve(5, 8L << 20);
    private final SnapshotProvider reflink =
            new ReflinkProvider(kernel, reserve, InstantSource.system());
    private final SnapshotProvider subvolume =
            new BtrfsProvider(kernel, reserve, InstantSource.system());
    private final Random random = new Random(SEED);
    private final List<ScratchFilesystem> filesystems = new ArrayList<>();
    private final List<Storm> storms = new ArrayList<>();
    private final Deque<List<Snapshot>> kept = new ArrayDeque<>();
    private final List<String> violations = new ArrayList<>();
    private int cycles;
    private int extended;
    private int notInTime;
    private int taken;
    private int checked;
    private Duration longestWindow = Duration.ZERO;
    private Duration longestStall = Duration.ZERO;

    /** What happens while the set is frozen, and the end that the lease must then have. */
    private enum Course {
        HOLD(LONG, End.RELEASED),
        EXTEND(SHORT, End.RELEASED),
        /** As HOLD, but one filesystem only. */
        ONE(LONG, End.RELEASED),
        SNAPSHOT(LONG, End.RELEASED),
        EXPIRE(BRIEF, End.EXPIRED),
        THAWED_BY_OTHERS(LONG, End.LOST),
        ABANDON(LONG, End.ABANDONED);

        private final Duration timeout;
        private final End end;

        Course(Duration timeout, End end) {
            this.timeout = timeout;
            this.end = end;
        }
    }

    @BeforeEach
    void makeFilesystemsAndStorms() {
        GuardProbe.start();
        ScratchFilesystem store =
                ScratchFilesystem.of(FilesystemType.XFS).mebibytes(12 * 1024).make();
        filesystems.add(store);
        Path program = Storm.compile();
        for (FilesystemType type : TYPES) {
            ScratchFilesystem made = ScratchFilesystem.of(type).mebibytes(384).on(store).make();
            filesystems.add(made);
            storms.add(Storm.start(program, made, SEED + storms.size(), WORKERS));
        }
    }

    @AfterEach
    void remove() throws IOException {
        for (Storm storm : storms) {
            storm.close();
        }
        for (ScratchFilesystem made : filesystems.reversed()) {
            made.close();
        }
    }

    @Test
    void whatIsToldIsTrueAndAllThatIsLeftPassesItsChecker() throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
        long nextLine = System.nanoTime();
        System.out.println("soak: seed " + SEED + ", " + SECONDS + " s");
        while (System.nanoTime() - end < 0) {
            Course course = Course.values()[cycles % Course.values().length];
            cycle(course, course == Course.ONE ? storms.subList(one(), one() + 1) : storms);
            cycles++;
            while (kept.size() > KEPT) {
                checkAndDelete(kept.removeFirst());
            }
            if (System.nanoTime() - nextLine > 0) {
                nextLine = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
                System.out.println(tally());
            }
        }
        while (!kept.isEmpty()) {
            checkAndDelete(kept.removeFirst());
        }
        checkFilesystems();
        storms.forEach(storm -> violations.addAll(storm.errors()));
        violations.forEach(System.out::println);
        tally().write();
        assertThat(violations).isEmpty();
        assertThat(cycles).isGreaterThanOrEqualTo(Course.values().length);
        assertThat(checked).isPositive().isEqualTo(taken);
    }

    private Tally tally() {
        return new Tally("soak")
                .set("seed", SEED)
                .set("seconds", SECONDS)
                .set("filesystems", TYPES.size())
                .set("cycles", cycles)
                .set("extends", extended)
                .set("snapshots taken", taken)
                .set("snapshots checked", checked)
                .set("freezes given up", notInTime)
                .set("longest window, ms", longestWindow.toMillis())
                .set("longest stall, ms", longestStall.toMillis())
                .set("violations", violations.size());
    }

    private int one() {
        return cycles / Course.values().length % storms.size();
    }

    private void violation(Course course, String what) {
        violations.add("cycle " + cycles + " " + course + ": " + what);
    }

    /** Times of {@link System#nanoTime}. */
    private record Times(long frozen, long release, long thawed, long deadline) {}

    private void cycle(Course course, List<Storm> frozen) throws Exception {
        filesystems.forEach(ScratchFilesystem::renew);
        storms.forEach(Storm::drain);
        List<Descriptor> directories = new ArrayList<>();
        List<PreparedSnapshot> prepared = new ArrayList<>();
        Path[] paths =
                frozen.stream().map(storm -> storm.filesystem().mountPoint()).toArray(Path[]::new);
        try (FreezeSet set = FreezeSet.of(paths)) {
            if (course == Course.SNAPSHOT) {
                for (Path path : paths) {
                    directories.add(kernel.openDirectory(path));
                    prepared.add(prepare(reflink, directories.getLast()));
                }
            }
            freeze(course, frozen, set, prepared);
        } finally {
            for (PreparedSnapshot one : prepared) {
                one.close();
            }
            for (Descriptor directory : directories) {
                directory.close();
            }
        }
        if (course == Course.SNAPSHOT) {
            takeSubvolumes();
        }
    }

    private void freeze(
            Course course, List<Storm> frozen, FreezeSet set, List<PreparedSnapshot> prepared)
            throws Exception {
        try (ArmedLease armed = freezer.arm(set, Timeouts.of(WITHIN, course.timeout))) {
            for (PreparedSnapshot one : prepared) {
                one.settle();
            }
            Lease lease;
            try {
                lease = armed.freeze();
            } catch (CannotFreezeException e) {
                notInTime++;
                goOn(course, frozen, System.nanoTime());
                return;
            }
            hold(course, frozen, lease, prepared);
        }
    }

    private void hold(
            Course course, List<Storm> frozen, Lease lease, List<PreparedSnapshot> prepared)
            throws Exception {
        long since = System.nanoTime();
        long deadline = since + course.timeout.toNanos();
        List<Snapshot> snapshots = new ArrayList<>();
        boolean held;
        Times times;
        try (lease) {
            switch (course) {
                case HOLD, ONE, ABANDON -> TimeUnit.MILLISECONDS.sleep(random.nextInt(100, 500));
                case EXTEND -> deadline = extend(course, lease, deadline);
                case SNAPSHOT -> {
                    for (PreparedSnapshot one : prepared) {
                        snapshots.add(one.take());
                    }
                }
                case EXPIRE -> expectEnd(course, lease.awaitEnd(), Duration.ZERO);
                case THAWED_BY_OTHERS ->
                        frozen.get(random.nextInt(frozen.size())).filesystem().thaw();
            }
            long release = System.nanoTime();
            held = false;
            if (course == Course.ABANDON) {
                lease.close();
            } else {
                Duration left = lease.left().orElseThrow();
                Outcome outcome = lease.release();
                held = outcome.held();
                expectEnd(course, outcome, left);
                outcome.window().ifPresent(this::window);
            }
            if (course == Course.EXPIRE) {
                expectRefusal(course, lease);
            }
            times = new Times(since, release, System.nanoTime(), deadline);
        }
        goOn(course, frozen, times.thawed());
        judge(course, frozen, held, times);
        keep(course, snapshots, held);
    }

    private void window(Duration window) {
        longestWindow = window.compareTo(longestWindow) > 0 ? window : longestWindow;
    }

    /** @return when the freeze ends at the latest */
    private long extend(Course course, Lease lease, long deadline)
            throws FreezeException, InterruptedException {
        long latest = deadline;
        for (int i = 0; i < 4; i++) {
            TimeUnit.MILLISECONDS.sleep(random.nextInt(500, 800));
            Duration left = lease.left().orElseThrow();
            try {
                lease.extend();
            } catch (NotHeldException e) {
                if (left.isPositive()) {
                    violation(course, "not extended with " + left + " left: " + e.getMessage());
                }
                return latest;
            }
            extended++;
            latest = System.nanoTime() + course.timeout.toNanos();
        }
        return latest;
    }

    /** On a machine that is slow enough the deadline comes first, and then that must be told. */
    private void expectEnd(Course course, Outcome outcome, Duration left) {
        boolean late = !left.isPositive() && outcome.end() == End.EXPIRED;
        if (outcome.end() != course.end && !late) {
            violation(course, "ended as " + outcome + " with " + left + " left");
        }
    }

    private void expectRefusal(Course course, Lease lease) throws FreezeException {
        try {
            lease.extend();
            violation(course, "extended after its end");
        } catch (NotHeldException e) {
            assertThat(e).hasMessageContaining("EINVAL");
        }
    }

    private void goOn(Course course, List<Storm> frozen, long since) {
        for (Storm storm : frozen) {
            try {
                storm.awaitGoing(since, storm.work());
            } catch (org.awaitility.core.ConditionTimeoutException e) {
                violation(course, e.getMessage());
            }
        }
    }

    /** Holds the lease's word against what the probes have seen. */
    private void judge(Course course, List<Storm> frozen, boolean held, Times times) {
        for (Storm storm : storms) {
            boolean inSet = frozen.contains(storm);
            for (Storm.Pass pass : storm.drain()) {
                boolean within =
                        pass.begun() - times.frozen() >= 0 && pass.done() - times.release() <= 0;
                boolean allAlong =
                        pass.begun() - times.frozen() <= 0 && pass.done() - times.release() >= 0;
                if (inSet && held && within) {
                    violation(course, "held, and " + storm.filesystem() + " was written to");
                }
                if (!inSet && allAlong) {
                    violation(course, storm.filesystem() + " was not to be frozen, and was");
                }
                Duration late = Duration.ofNanos(pass.done() - times.deadline());
                if (inSet
                        && pass.begun() - times.thawed() < 0
                        && late.compareTo(Timing.GRACE.plus(Timing.SEEN)) > 0) {
                    violation(course, storm.filesystem() + " was thawed " + late + " late");
                }
                if (inSet && pass.took().compareTo(longestStall) > 0) {
                    longestStall = pass.took();
                }
            }
        }
    }

    private PreparedSnapshot prepare(SnapshotProvider provider, Descriptor directory)
            throws IOException {
        return provider.prepare(
                new SnapshotRequest(SnapshotId.random(), Origin.of(kernel, directory), LONG, false),
                _ -> {});
    }

    private void keep(Course course, List<Snapshot> snapshots, boolean held) throws IOException {
        if (course != Course.SNAPSHOT) {
            return;
        }
        for (Snapshot snapshot : snapshots) {
            if (held) {
                snapshot.makeDurable();
            } else {
                snapshot.delete();
            }
        }
        kept.add(held ? snapshots : new ArrayList<>());
        taken += held ? snapshots.size() : 0;
    }

    /** btrfs can do without a freeze, too. */
    private void takeSubvolumes() throws IOException {
        for (Storm storm : storms) {
            if (storm.filesystem().type() != FilesystemType.BTRFS || kept.isEmpty()) {
                continue;
            }
            try (Descriptor directory = kernel.openDirectory(storm.filesystem().mountPoint());
                    PreparedSnapshot prepared = prepare(subvolume, directory)) {
                Snapshot snapshot = prepared.take();
                snapshot.makeDurable();
                kept.getLast().add(snapshot);
                taken++;
            }
        }
    }

    private void checkAndDelete(List<Snapshot> snapshots) throws IOException {
        for (Snapshot snapshot : snapshots) {
            filesystems.forEach(ScratchFilesystem::renew);
            Path scratch = TestNamespace.current().directory("check");
            CheckReport report = snapshot.check(scratch);
            if (!report.passed()) {
                violations.add(
                        "snapshot of "
                                + snapshot.record().mountPoint()
                                + ": "
                                + report.checked()
                                + ": "
                                + report.output());
            }
            checked++;
            snapshot.delete();
            Files.delete(scratch);
        }
    }

    private void checkFilesystems() throws IOException {
        for (Storm storm : storms) {
            storm.close();
            ScratchFilesystem filesystem = storm.filesystem();
            filesystem.renew();
            filesystem.unmount();
            FilesystemKind kind = FilesystemKind.of(filesystem.type().kernelName()).orElseThrow();
            CheckReport report = FilesystemChecker.check(kernel, kind, filesystem.image());
            if (!report.passed()) {
                violations.add(filesystem + ": " + report.checked() + ": " + report.output());
            }
        }
    }
}
