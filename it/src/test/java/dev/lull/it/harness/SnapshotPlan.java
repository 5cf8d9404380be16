package dev.lull.it.harness;

import dev.lull.freeze.FreezeException;
import dev.lull.freeze.Freezer;
import dev.lull.freeze.GuardClient;
import dev.lull.lease.Timeouts;
import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import dev.lull.plan.ConsistentSnapshots;
import dev.lull.plan.Host;
import dev.lull.plan.Plan;
import dev.lull.plan.PlanException;
import dev.lull.plan.RunJournals;
import dev.lull.plan.SnapshotOrder;
import dev.lull.snapshot.Reserve;
import dev.lull.snapshot.SnapshotProviders;
import dev.lull.snapshot.SnapshotRecords;
import dev.lull.snapshot.reflink.ReflinkProvider;
import dev.lull.testkit.FaultyKernel;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** The plan that {@code lull snapshot take} makes, on a kernel of the test's choice; also as a process that can die. */
public final class SnapshotPlan {
    /** How long what is taken may be frozen. */
    public static final Duration TIMEOUT = Duration.ofSeconds(2);

    private static final int SIGKILL = 9;

    private SnapshotPlan() {}

    /**
     * This host, with records and journals of the test's own.
     *
     * @param state where they are
     */
    public static Host host(Kernel kernel, Path state) {
        return new Host(
                kernel,
                Freezer.on(kernel, GuardClient.DIRECTORY).named("test"),
                new SnapshotProviders(
                        List.of(
                                new ReflinkProvider(
                                        kernel, new Reserve(5, 8L << 20), InstantSource.system()))),
                new SnapshotRecords(state.resolve("snapshots")),
                new RunJournals(kernel, state.resolve("runs")),
                "test");
    }

    /** Takes a snapshot and keeps it. */
    public static void take(Host host, Path origin)
            throws PlanException, FreezeException, IOException {
        of(host, origin).run();
    }

    /** The plan that does it. */
    public static Plan of(Host host, Path origin) {
        Plan plan = new Plan();
        ConsistentSnapshots snapshots =
                new ConsistentSnapshots(
                        host,
                        new SnapshotOrder(
                                List.of(origin),
                                Timeouts.of(TIMEOUT),
                                Set.of(),
                                Optional.empty(),
                                false,
                                false),
                        List.of());
        snapshots.addOpening(plan);
        snapshots.addTo(plan);
        snapshots.keep();
        return plan;
    }

    /**
     * Takes a snapshot, and is killed at one call.
     *
     * @param arguments the directory of records and journals, the origin, the call's method, and the how manieth it is
     */
    public static void main(String[] arguments) throws Exception {
        LinuxKernel real = new LinuxKernel();
        FaultyKernel kernel = new FaultyKernel(real);
        kernel.at(arguments[2]).call(Integer.parseInt(arguments[3])).perform(SnapshotPlan::die);
        take(host(kernel, Path.of(arguments[0])), Path.of(arguments[1]));
    }

    private static void die() {
        try {
            LinuxKernel real = new LinuxKernel();
            real.kill(real.processId(), SIGKILL);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
