package dev.lull.it.bench;

import dev.lull.freeze.Freezer;
import dev.lull.lease.Timeouts;
import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import dev.lull.plan.ConsistentSnapshots;
import dev.lull.plan.Host;
import dev.lull.plan.Plan;
import dev.lull.plan.RunJournals;
import dev.lull.plan.SnapshotOrder;
import dev.lull.snapshot.Reserve;
import dev.lull.snapshot.SnapshotProvider;
import dev.lull.snapshot.SnapshotProviders;
import dev.lull.snapshot.SnapshotRecords;
import dev.lull.snapshot.reflink.ReflinkProvider;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** How long a filesystem is frozen for a snapshot of the image that it lies in. */
final class Window {
    private static final int FILES = 5_000;

    /** Rounds before the first that counts. */
    private static final int WARM = 3;

    /** Leases before those, without new files: this process and the guard are to have compiled what they run. */
    private static final int LEASES_BEFORE = 150;

    private static final String SCRIPT =
            "fsfreeze -f \"$1\"; cp --reflink=always \"$2\" \"$3\"; fsfreeze -u \"$1\"";

    private Window() {}

    static void run(boolean quick) throws Exception {
        int rounds = quick ? 5 : 15;
        try (LoopFilesystem lower = LoopFilesystem.make("xfs", 4096, Bench.scratch())) {
            for (String type : List.of("ext4", "xfs")) {
                try (LoopFilesystem upper = LoopFilesystem.make(type, 1024, lower.top())) {
                    Bench.title(
                            "window",
                            "freeze, reflink snapshot, thaw; "
                                    + type
                                    + " in a loop file on XFS, "
                                    + FILES
                                    + " new files before each");
                    run(lower, upper, rounds, type.equals("ext4") ? 15 : 5);
                }
            }
        }
    }

    private static void run(LoopFilesystem lower, LoopFilesystem upper, int rounds, double goal)
            throws Exception {
        Stopwatch stopwatch = new Stopwatch();
        Path clone = lower.top().resolve("clone.img");
        String top = upper.top().toString();
        String image = upper.image().toString();
        List<String> places = List.of(top, image, clone.toString());
        Side script =
                new Side(
                        "fsfreeze, cp --reflink, fsfreeze",
                        () -> program(clone, List.of("sh", "-ec", SCRIPT, "sh"), places));
        Side job =
                new Side(
                        "C, with the same preparation",
                        () -> program(clone, List.of(Programs.compiled("job")), places));
        Side lull = new Side("lull", () -> withLull(upper.top()));
        Side command = new Side("lull snapshot take, the command", () -> command(upper.top()));
        List<Side> all = List.of(script, job, lull, command);
        List<Side> sides = new ArrayList<>(all);
        for (int lease = 0; lease < LEASES_BEFORE; lease++) {
            lull.action.run();
        }
        for (int round = -WARM; round < rounds; round++) {
            Collections.rotate(sides, 1);
            for (Side side : sides) {
                lower.renew();
                upper.newFiles(FILES);
                stopwatch.reset();
                side.action.run();
                List<Stopwatch.Call> calls = stopwatch.calls();
                if (round >= 0) {
                    side.add(calls);
                }
                if (side == lull) {
                    stopwatch.keep();
                }
            }
        }
        for (Side side : all) {
            side.print();
        }
        Figures.printRatio("lull : script", lull.window.median(), script.window.median(), 1 / goal);
        Figures.printRatio("lull : C", lull.window.median(), job.window.median(), 1.3);
    }

    private static void program(Path clone, List<String> command, List<String> places)
            throws Exception {
        List<String> all = new ArrayList<>(command);
        all.addAll(places);
        Programs.run(all.toArray(String[]::new));
        Files.delete(clone);
    }

    /** The plan that {@code lull snapshot take} makes, in this process; its snapshot is deleted at the end. */
    private static void withLull(Path top) throws Exception {
        Kernel kernel = new LinuxKernel();
        SnapshotProvider reflink = new ReflinkProvider(kernel, Reserve.DEFAULT, Clock.systemUTC());
        Host host =
                new Host(
                        kernel,
                        Freezer.system(),
                        new SnapshotProviders(List.of(reflink)),
                        new SnapshotRecords(SnapshotRecords.DEFAULT_DIRECTORY),
                        new RunJournals(kernel, RunJournals.DEFAULT_DIRECTORY),
                        "bench");
        SnapshotOrder order =
                new SnapshotOrder(
                        List.of(top), Timeouts.DEFAULT, Set.of(), Optional.empty(), false, false);
        Plan plan = new Plan();
        ConsistentSnapshots snapshots = new ConsistentSnapshots(host, order, List.of());
        snapshots.addOpening(plan);
        snapshots.addTo(plan);
        plan.run();
    }

    private static void command(Path top) throws Exception {
        String lull = Bench.home().resolve("lull").toString();
        String id = Programs.run(lull, "snapshot", "take", top.toString());
        Programs.run(lull, "snapshot", "delete", id);
    }

    private interface Action {
        void run() throws Exception;
    }

    /** One side of the comparison, and where its time goes. */
    private static final class Side {
        final Action action;
        final Figures window;
        private final Figures freeze = new Figures("  FIFREEZE");
        private final Figures clone = new Figures("  FICLONE");
        private final Figures thaw = new Figures("  FITHAW");
        private final Figures between = new Figures("  outside of the three calls");
        private final Figures toClone = new Figures("  from FIFREEZE to FICLONE");
        private final Figures toThaw = new Figures("  from FICLONE to FITHAW");

        Side(String name, Action action) {
            this.action = action;
            this.window = new Figures(name);
        }

        void add(List<Stopwatch.Call> all) {
            // The provider tries a clone when it prepares.
            List<Stopwatch.Call> calls =
                    all.stream().dropWhile(call -> call.kind() != Stopwatch.Kind.FREEZE).toList();
            List<Stopwatch.Kind> kinds = calls.stream().map(Stopwatch.Call::kind).toList();
            if (!kinds.equals(
                    List.of(Stopwatch.Kind.FREEZE, Stopwatch.Kind.CLONE, Stopwatch.Kind.THAW))) {
                throw new IllegalStateException("not one freeze, clone and thaw: " + calls);
            }
            Stopwatch.Call first = calls.get(0);
            Stopwatch.Call second = calls.get(1);
            Stopwatch.Call third = calls.get(2);
            window.add(Stopwatch.window(calls));
            freeze.add(first.left() - first.entered());
            toClone.add(second.entered() - first.left());
            clone.add(second.left() - second.entered());
            toThaw.add(third.entered() - second.left());
            thaw.add(third.left() - third.entered());
            between.add(second.entered() - first.left() + third.entered() - second.left());
        }

        void print() {
            window.print();
            for (Figures part : List.of(freeze, toClone, clone, toThaw, thaw, between)) {
                part.print();
            }
        }
    }
}
