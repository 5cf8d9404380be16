package dev.lull.it.bench;

import dev.lull.freeze.ArmedLease;
import dev.lull.freeze.FreezeSet;
import dev.lull.freeze.Freezer;
import dev.lull.freeze.Lease;
import dev.lull.lease.Timeouts;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** How long it takes until many filesystems, none of which lies on another, are all frozen. */
final class Together {
    private static final int COUNT = 32;
    private static final int FILES = 50;
    private static final int WARM = 2;
    private static final long GOAL = 50_000_000;

    private Together() {}

    static void run(boolean quick) throws Exception {
        int rounds = quick ? 3 : 9;
        Bench.title(
                "together",
                COUNT + " ext4 that are unrelated, " + FILES + " new files on each before each");
        List<LoopFilesystem> filesystems = new ArrayList<>();
        try {
            for (int i = 0; i < COUNT; i++) {
                filesystems.add(LoopFilesystem.make("ext4", 64, Bench.scratch()));
            }
            run(filesystems, rounds);
        } finally {
            for (LoopFilesystem filesystem : filesystems) {
                filesystem.close();
            }
        }
    }

    private static void run(List<LoopFilesystem> filesystems, int rounds) throws Exception {
        Path[] tops = filesystems.stream().map(LoopFilesystem::top).toArray(Path[]::new);
        List<String> freeze = script("fsfreeze -f", tops);
        List<String> thaw = script("fsfreeze -u", tops);
        Figures script = new Figures(COUNT + " x fsfreeze");
        Figures lull = new Figures("lull");
        for (int round = -WARM; round < rounds; round++) {
            newFiles(filesystems);
            long apart = Programs.time(freeze);
            Programs.time(thaw);
            newFiles(filesystems);
            long together = withLull(tops);
            if (round >= 0) {
                script.add(apart);
                lull.add(together);
            }
        }
        script.print();
        lull.print();
        Figures.printLimit("lull", lull.median(), GOAL);
        Figures.printRatio("lull : fsfreeze", lull.median(), script.median(), 0.1);
    }

    /** A script that does the same to one after the other. */
    private static List<String> script(String command, Path[] tops) {
        List<String> all =
                new ArrayList<>(
                        List.of("sh", "-ec", "for top; do " + command + " \"$top\"; done", "sh"));
        for (Path top : tops) {
            all.add(top.toString());
        }
        return all;
    }

    private static void newFiles(List<LoopFilesystem> filesystems) throws Exception {
        for (LoopFilesystem filesystem : filesystems) {
            filesystem.newFiles(FILES);
        }
    }

    /** @return nanoseconds from asking for the freeze until all is known to be frozen */
    private static long withLull(Path[] tops) throws Exception {
        try (FreezeSet set = FreezeSet.of(tops);
                ArmedLease armed = Freezer.system().arm(set, Timeouts.of(Duration.ofSeconds(30)))) {
            long began = System.nanoTime();
            try (Lease lease = armed.freeze()) {
                long took = System.nanoTime() - began;
                if (!lease.release().held()) {
                    throw new IllegalStateException("not held");
                }
                return took;
            }
        }
    }
}
