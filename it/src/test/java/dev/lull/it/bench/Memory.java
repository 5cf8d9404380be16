package dev.lull.it.bench;

import dev.lull.freeze.FreezeSet;
import dev.lull.freeze.Freezer;
import dev.lull.freeze.GuardClient;
import dev.lull.freeze.Lease;
import dev.lull.guard.Reply;
import dev.lull.lease.Timeouts;
import dev.lull.linux.LinuxKernel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/** What the guard and its companions occupy when they are idle and locked. */
final class Memory {
    private Memory() {}

    static void run(boolean quick) throws Exception {
        Bench.title("memory", "resident, idle, locked, after a lease");
        try (LoopFilesystem filesystem = LoopFilesystem.make("ext4", 64, Bench.scratch());
                FreezeSet set = FreezeSet.of(filesystem.top())) {
            try (Lease lease = Freezer.system().freeze(set, Timeouts.of(Duration.ofSeconds(30)))) {
                lease.extend();
                lease.release();
            }
            Thread.sleep(1_000);
            try (GuardClient client = GuardClient.connect(new LinuxKernel())) {
                Reply.GuardStatus status = client.status();
                print("guard", status.pid(), 80);
                print("sentry", status.sentry().orElseThrow(), 40);
                System.out.println(
                        "  the canary beside them: "
                                + kibibytes(status.canary().orElseThrow(), "VmRSS:") / 1024
                                + " MiB");
            }
        }
    }

    private static void print(String name, int pid, int goal) throws IOException {
        long resident = kibibytes(pid, "VmRSS:");
        Figures.goal(
                name + ", locked: " + (kibibytes(pid, "VmLck:") > 0 ? "yes" : "NO"),
                resident / 1024 + " MiB",
                "under " + goal + " MiB",
                resident < goal * 1024L);
    }

    /** A line of {@code /proc/PID/status}, proc_pid_status(5). */
    private static long kibibytes(int pid, String name) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc", Integer.toString(pid), "status"))) {
            if (line.startsWith(name)) {
                return Long.parseLong(line.substring(name.length()).replace("kB", "").strip());
            }
        }
        throw new IOException("process " + pid + " has no " + name);
    }
}
