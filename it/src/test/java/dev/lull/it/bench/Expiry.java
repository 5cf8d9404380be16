package dev.lull.it.bench;

import dev.lull.freeze.FreezeSet;
import dev.lull.freeze.Freezer;
import dev.lull.freeze.GuardClient;
import dev.lull.freeze.Lease;
import dev.lull.guard.LeaseView;
import dev.lull.guard.Request;
import dev.lull.lease.Timeouts;
import dev.lull.linux.LinuxKernel;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** How late the thaw comes when nobody releases a lease and every processor is busy. */
final class Expiry {
    private static final int MILLIS = 100;
    private static final int WARM = 5;
    private static final long GOAL = 10_000_000;

    private Expiry() {}

    static void run(boolean quick) throws Exception {
        int rounds = quick ? 30 : 200;
        Bench.title(
                "expiry",
                "after the deadline, " + MILLIS + " ms after the freeze; every processor busy");
        Side program = new Side("C");
        Side lull = new Side("lull");
        try (LoopFilesystem filesystem = LoopFilesystem.make("ext4", 64, Bench.scratch());
                FreezeSet set = FreezeSet.of(filesystem.top());
                GuardClient observer = GuardClient.connect(new LinuxKernel())) {
            Stopwatch stopwatch = new Stopwatch();
            String[] command = {
                Programs.compiled("expire"), filesystem.top().toString(), Integer.toString(MILLIS)
            };
            try (AutoCloseable busy = Programs.busyProcessors()) {
                for (int round = -WARM; round < rounds; round++) {
                    filesystem.newFiles(1);
                    stopwatch.reset();
                    long deadline = Long.parseLong(Programs.run(command));
                    Stopwatch.Call thaw = thaw(stopwatch);
                    if (round >= 0) {
                        program.add(deadline, thaw);
                    }
                    filesystem.newFiles(1);
                    stopwatch.reset();
                    deadline = withLull(set, observer);
                    thaw = thaw(stopwatch);
                    stopwatch.keep();
                    if (round >= 0) {
                        lull.add(deadline, thaw);
                    }
                }
            }
        }
        program.print();
        lull.print();
        Figures.printLimit("lull issues FITHAW, p99", lull.issued.quantile(0.99), GOAL);
        Figures.printRatio(
                "its return, lull : C, median",
                lull.returned.median(),
                program.returned.median(),
                1.3);
        Figures.printRatio(
                "its return, lull : C, p99",
                lull.returned.quantile(0.99),
                program.returned.quantile(0.99),
                1.3);
    }

    private static Stopwatch.Call thaw(Stopwatch stopwatch) throws Exception {
        List<Stopwatch.Call> thaws =
                stopwatch.calls().stream()
                        .filter(call -> call.kind() == Stopwatch.Kind.THAW && call.succeeded())
                        .toList();
        if (thaws.size() != 1) {
            throw new IllegalStateException("not one thaw: " + stopwatch.calls());
        }
        return thaws.getFirst();
    }

    /** @return the deadline that a lease had which came to it */
    private static long withLull(FreezeSet set, GuardClient observer) throws Exception {
        try (Lease lease = Freezer.system().freeze(set, Timeouts.of(Duration.ofMillis(MILLIS)))) {
            long deadline = Long.MIN_VALUE;
            for (LeaseView view : observer.status().leases()) {
                if (view.id().equals(lease.id())) {
                    deadline = view.deadline().orElseThrow();
                }
            }
            observer.call(
                    new Request.Wait(lease.id()), List.of(), Optional.of(Duration.ofSeconds(30)));
            return deadline;
        }
    }

    /** How late one side is. */
    private static final class Side {
        final Figures issued;
        final Figures returned;

        Side(String name) {
            issued = new Figures(name + ": FITHAW issued");
            returned = new Figures(name + ": FITHAW returned");
        }

        void add(long deadline, Stopwatch.Call thaw) {
            if (deadline == Long.MIN_VALUE) {
                throw new IllegalStateException("the lease was over before it could be looked at");
            }
            issued.add(thaw.entered() - deadline);
            returned.add(thaw.left() - deadline);
        }

        void print() {
            issued.printTail();
            returned.printTail();
        }
    }
}
