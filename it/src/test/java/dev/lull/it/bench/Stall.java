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
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Predicate;

/** How long one writer is held up, at the longest, while a filesystem with much dirty data is frozen and thawed. */
final class Stall {
    private static final int MEBIBYTES = 1024;
    private static final int ATTEMPTS = 5;

    private Stall() {}

    private interface Job {
        void run() throws Exception;
    }

    /** The longest stalls of one job: of all, and of those that were over before the freeze. */
    private record Longest(long ofAll, long before) {}

    static void run(boolean quick) throws Exception {
        int rounds = quick ? 1 : 5;
        // With less room, ext4 would begin to write back early (ext4_nonda_switch in
        // fs/ext4/inode.c).
        try (LoopFilesystem filesystem =
                LoopFilesystem.makeDirect("ext4", 4 * MEBIBYTES, Bench.scratch())) {
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
        Figures before = new Figures("  before its freeze");
        for (int round = 0; round < rounds; round++) {
            script.add(longest(filesystem, kind, () -> byScript(top)).ofAll());
            Longest ours = longest(filesystem, kind, () -> withLull(top));
            lull.add(ours.ofAll());
            before.add(ours.before());
        }
        script.print();
        lull.print();
        before.print();
        Figures.printRatio("lull : fsfreeze", lull.median(), script.median(), 1 / goal);
    }

    /** In nanoseconds; 0.1 ms if there was no stall as long. */
    private static Longest longest(LoopFilesystem filesystem, String kind, Job job)
            throws Exception {
        Kernel kernel = new LinuxKernel();
        Stopwatch stopwatch = new Stopwatch();
        for (int attempt = 1; ; attempt++) {
            Path dirty = filesystem.top().resolve("dirty");
            Programs.run("rm", "-f", dirty.toString());
            Programs.run("sync", "-f", filesystem.top().toString());
            filesystem.renew();
            try (Writer writer = new Writer(filesystem.top().resolve("written"), kind)) {
                write(dirty);
                long mebibytes = dirtyMebibytes();
                stopwatch.reset();
                long began = kernel.bootNanos();
                job.run();
                long ended = kernel.bootNanos();
                writer.end();
                long frozen = stopwatch.calls().getFirst().entered();
                if (mebibytes >= MEBIBYTES * 9 / 10) {
                    return new Longest(
                            writer.longest(began, ended), writer.longestEnded(began, frozen));
                }
                if (attempt == ATTEMPTS) {
                    throw new IllegalStateException(
                            "the kernel leaves only " + mebibytes + " MiB dirty");
                }
            }
        }
    }

    private static void write(Path file) throws Exception {
        Programs.run(
                "dd", "if=/dev/zero", "of=" + file, "bs=1M", "count=" + MEBIBYTES, "status=none");
    }

    /** Of the whole machine, proc_meminfo(5); little beside what has just been written. */
    private static long dirtyMebibytes() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/meminfo"))) {
            if (line.startsWith("Dirty:")) {
                return Long.parseLong(line.replaceAll("\\D", "")) / 1024;
            }
        }
        throw new IOException("/proc/meminfo tells nothing of dirty pages");
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
            String[] times = line.split(" ", -1);
            stalls.add(new long[] {Long.parseLong(times[0]), Long.parseLong(times[1])});
        }

        void end() throws IOException, InterruptedException {
            // A write that was held up to the end is told of only after it.
            Thread.sleep(200);
            process.outputWriter().close();
            process.waitFor();
            reader.join();
        }

        /** Of those that fell into a span of time, if only partly. */
        long longest(long from, long to) {
            return longest(stall -> stall[1] >= from && stall[0] <= to);
        }

        /** Of those that ended in a span of time. */
        long longestEnded(long from, long to) {
            return longest(stall -> stall[1] >= from && stall[1] <= to);
        }

        private long longest(Predicate<long[]> which) {
            return stalls.stream()
                    .filter(which)
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
