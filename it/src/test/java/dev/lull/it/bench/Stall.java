package dev.lull.it.bench;

import dev.lull.freeze.ArmedLease;
import dev.lull.freeze.FreezeSet;
import dev.lull.freeze.Freezer;
import dev.lull.freeze.Lease;
import dev.lull.lease.Timeouts;
import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** How long one writer is held up, at the longest, while a filesystem with much dirty data is frozen and thawed. */
final class Stall {
    private static final int MEBIBYTES = 1024;

    private Stall() {}

    private interface Job {
        void run() throws Exception;
    }

    static void run(boolean quick) throws Exception {
        int rounds = quick ? 1 : 5;
        try (LoopFilesystem filesystem =
                LoopFilesystem.make("ext4", 3 * MEBIBYTES / 2, Bench.scratch())) {
            if (!quick) {
                // The first time the image itself still grows.
                longest(filesystem, "plain", () -> byScript(filesystem.top()));
            }
            compare(filesystem, "plain", "never fsyncs", rounds, 100);
            System.out.println();
            compare(filesystem, "fsync", "fsyncs each write", rounds, 4);
        }
    }

    private static void compare(
            LoopFilesystem filesystem, String kind, String does, int rounds, double goal)
            throws Exception {
        Bench.title(
                "stall",
                "the longest of a 4 KiB writer that "
                        + does
                        + "; ext4, "
                        + MEBIBYTES
                        + " MiB dirty; pre-sync included");
        Path top = filesystem.top();
        Figures script = new Figures("fsfreeze -f; fsfreeze -u");
        Figures lull = new Figures("lull");
        for (int round = 0; round < rounds; round++) {
            script.add(longest(filesystem, kind, () -> byScript(top)));
            lull.add(longest(filesystem, kind, () -> withLull(top)));
        }
        script.print();
        lull.print();
        Figures.printRatio("lull : fsfreeze", lull.median(), script.median(), 1 / goal);
    }

    /** @return the longest stall during the job, in nanoseconds; 0.1 ms if there was none as long */
    private static long longest(LoopFilesystem filesystem, String kind, Job job) throws Exception {
        Path dirty = filesystem.top().resolve("dirty");
        Programs.run("rm", "-f", dirty.toString());
        Programs.run("sync", "-f", filesystem.top().toString());
        filesystem.renew();
        Kernel kernel = new LinuxKernel();
        try (Writer writer = new Writer(filesystem.top().resolve("written"), kind)) {
            Programs.run(
                    "dd",
                    "if=/dev/zero",
                    "of=" + dirty,
                    "bs=1M",
                    "count=" + MEBIBYTES,
                    "status=none");
            long began = kernel.bootNanos();
            job.run();
            return writer.longest(began, kernel.bootNanos());
        }
    }

    private static void byScript(Path top) throws Exception {
        Programs.run("sh", "-ec", "fsfreeze -f \"$1\"; fsfreeze -u \"$1\"", "sh", top.toString());
    }

    private static void withLull(Path top) throws Exception {
        try (FreezeSet set = FreezeSet.of(top);
                ArmedLease armed = Freezer.system().arm(set, Timeouts.of(Duration.ofSeconds(30)));
                Lease lease = armed.freeze()) {
            if (!lease.release().held()) {
                throw new IllegalStateException("not held");
            }
        }
    }

    /** {@code it/src/bench/writer.c} at work. */
    private static final class Writer implements AutoCloseable {
        private final Process process;
        private final List<long[]> stalls = Collections.synchronizedList(new ArrayList<>());
        private final Thread reader;

        Writer(Path file, String kind) throws IOException, InterruptedException {
            process = Programs.start(Programs.compiled("writer"), file.toString(), kind);
            BufferedReader lines = process.inputReader();
            String first = lines.readLine();
            while (first != null && !first.equals("ready")) {
                first = lines.readLine();
            }
            reader = new Thread(() -> lines.lines().forEach(this::take), "writer");
            reader.start();
        }

        private void take(String line) {
            String[] times = line.split(" ");
            stalls.add(new long[] {Long.parseLong(times[0]), Long.parseLong(times[1])});
        }

        /** The longest that overlaps a span of time. */
        long longest(long from, long to) throws IOException, InterruptedException {
            // A write that was held up to the end of the span is told of only after it.
            Thread.sleep(200);
            process.outputWriter().close();
            process.waitFor();
            reader.join();
            return stalls.stream()
                    .filter(stall -> stall[1] >= from && stall[0] <= to)
                    .mapToLong(stall -> stall[1] - stall[0])
                    .max()
                    .orElse(100_000);
        }

        @Override
        public void close() throws InterruptedException {
            process.destroyForcibly().waitFor();
        }
    }
}
