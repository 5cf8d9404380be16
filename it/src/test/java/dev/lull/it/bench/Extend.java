package dev.lull.it.bench;

import dev.lull.freeze.FreezeSet;
import dev.lull.freeze.Freezer;
import dev.lull.freeze.Lease;
import dev.lull.lease.Timeouts;
import java.time.Duration;

/** How long a lease takes to be extended over a connection that is open. */
final class Extend {
    private static final long GOAL = 150_000;

    private Extend() {}

    static void run(boolean quick) throws Exception {
        int rounds = quick ? 500 : 2_000;
        Bench.title("extend", "one lease, one connection");
        Figures lull = new Figures("lull");
        try (LoopFilesystem filesystem = LoopFilesystem.make("ext4", 64, Bench.scratch());
                FreezeSet set = FreezeSet.of(filesystem.top());
                Lease lease = Freezer.system().freeze(set, Timeouts.of(Duration.ofSeconds(30)))) {
            for (int round = -rounds; round < rounds; round++) {
                long began = System.nanoTime();
                lease.extend();
                if (round >= 0) {
                    lull.add(System.nanoTime() - began);
                }
            }
            lease.release();
        }
        lull.printTail();
        Figures.printLimit("median", lull.median(), GOAL);
    }
}
