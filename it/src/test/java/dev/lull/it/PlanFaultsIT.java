package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.lull.freeze.GuardClient;
import dev.lull.guard.RunDirectory;
import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.GuardProbe;
import dev.lull.it.harness.JavaProgram;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.SnapshotPlan;
import dev.lull.it.harness.TestNamespace;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import dev.lull.plan.Host;
import dev.lull.plan.PlanException;
import dev.lull.plan.RunJournal;
import dev.lull.plan.RunJournals;
import dev.lull.snapshot.SnapshotRecord;
import dev.lull.snapshot.SnapshotState;
import dev.lull.testkit.FaultyKernel;
import dev.lull.testkit.Tally;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The plan of a snapshot on real filesystems, once for every call that it makes into the kernel: the call fails, or lasts
 * until the lease is over, or the process is killed just then. No snapshot is good whose lease was not released, nothing
 * stays frozen, and what the run leaves its journal removes.
 */
class PlanFaultsIT {
    private static final int DRY_RUNS = 3;

    /** Calls of loops that last as long as they last; and of looks at this process's own files. */
    private static final Set<String> LOOPS = Set.of("poll", "receive", "openRead");

    /** The guard is looked at only when its answer takes long. */
    private static final String NOT_IN_EVERY_RUN = "thread";

    private static final int KILLED = 137;

    private final Kernel real = new LinuxKernel();
    private final List<String> violations = new ArrayList<>();
    private ScratchFilesystem store;
    private ScratchFilesystem origin;
    private Path state;
    private Host host;

    @BeforeEach
    void make() throws IOException {
        GuardProbe.start();
        store = ScratchFilesystem.of(FilesystemType.XFS).mebibytes(600).make();
        origin = ScratchFilesystem.of(FilesystemType.EXT4).on(store).make();
        Files.writeString(origin.resolve("file"), "content");
        state = TestNamespace.current().directory("state");
        host = SnapshotPlan.host(real, state);
    }

    @AfterEach
    void remove() {
        Program.run("rm", "-rf", state.toString());
        origin.close();
        store.close();
    }

    /** Per method, how often it is called at least. */
    private Map<String, Integer> calls() throws Exception {
        Map<String, Integer> least = new LinkedHashMap<>();
        for (int dry = 0; dry < DRY_RUNS; dry++) {
            FaultyKernel kernel = new FaultyKernel(real);
            SnapshotPlan.take(SnapshotPlan.host(kernel, state), origin.mountPoint());
            expect("without a fault", null);
            Map<String, Integer> counts = new LinkedHashMap<>();
            for (String call : kernel.calls()) {
                String method = call.split(" ", 2)[0];
                boolean own = method.equals("status") && call.startsWith("status descriptor ");
                counts.merge(method, own ? 0 : 1, Integer::sum);
            }
            counts.remove(NOT_IN_EVERY_RUN);
            LOOPS.forEach(method -> counts.computeIfPresent(method, (_, n) -> Math.min(n, 2)));
            counts.forEach((method, count) -> least.merge(method, count, Math::min));
        }
        assertThat(violations).isEmpty();
        assertThat(least).containsKeys("cloneFile", "send", "mounts", "tryLock");
        return least;
    }

    @Test
    void everyCallFails() throws Exception {
        int faults = 0;
        for (Map.Entry<String, Integer> method : calls().entrySet()) {
            for (int call = 1; call <= method.getValue(); call++) {
                store.renew();
                origin.renew();
                faults++;
                try (FaultyKernel kernel = new FaultyKernel(real)) {
                    kernel.at(method.getKey()).call(call).fail(Errno.EIO);
                    expect(method.getKey() + " " + call + " fails", attempt(kernel));
                }
            }
        }
        report(new Tally("plan-calls-fail").set("faults", faults));
    }

    /** With what is in the window being slower than the lease: the clone, and the release. */
    @Test
    void theWindowLastsLongerThanTheLease() throws Exception {
        int releases = calls().get("send");
        Map<String, Integer> last = Map.of("cloneFile", calls().get("cloneFile"), "send", releases);
        for (Map.Entry<String, Integer> method : last.entrySet()) {
            FaultyKernel kernel = new FaultyKernel(real);
            kernel.at(method.getKey()).call(method.getValue()).perform(this::awaitExpiry);
            Throwable thrown = attempt(kernel);
            kernel.verifyAllHit();
            assertThat(thrown).as("%s", method).isInstanceOf(PlanException.NotHeld.class);
            assertThat(host.records().list().records()).isEmpty();
            expect(method.getKey() + " lasts", thrown);
        }
        report(new Tally("plan-calls-last").set("faults", last.size()));
    }

    private void awaitExpiry() {
        assertThat(FrozenProbe.isFrozen(origin)).isTrue();
        FrozenProbe.awaitThawed(origin, SnapshotPlan.TIMEOUT.plusSeconds(3));
    }

    @Test
    void theProcessIsKilled() throws Exception {
        int deaths = 0;
        for (Map.Entry<String, Integer> method : calls().entrySet()) {
            store.renew();
            origin.renew();
            Process process =
                    JavaProgram.of(
                                    SnapshotPlan.class,
                                    state.toString(),
                                    origin.mountPoint().toString(),
                                    method.getKey(),
                                    method.getValue().toString())
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start();
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).as("%s", method).isEqualTo(KILLED);
            deaths++;
            expect("killed at " + method, new IOException("killed"));
        }
        report(new Tally("plan-is-killed").set("deaths", deaths));
    }

    private @Nullable Throwable attempt(Kernel kernel) {
        return catchThrowable(
                () -> SnapshotPlan.take(SnapshotPlan.host(kernel, state), origin.mountPoint()));
    }

    /** Looks for the promises; and cleans up, as the next run would. */
    private void expect(String what, @Nullable Throwable thrown) throws IOException {
        FrozenProbe.awaitThawed(origin, Duration.ofSeconds(5));
        removeLeftovers(what);
        List<SnapshotRecord> left = host.records().list().records();
        boolean mayBeGood = thrown == null || thrown instanceof PlanException.CleanUpIncomplete;
        if (thrown == null && left.size() != 1) {
            violations.add(what + ": told to be taken, and there are " + left);
        }
        for (SnapshotRecord snapshot : left) {
            if (snapshot.state() != SnapshotState.GOOD) {
                violations.add(what + ": left behind: " + snapshot);
            } else if (!mayBeGood && !what.startsWith("killed")) {
                violations.add(what + ": failed with " + thrown + ", and is good: " + snapshot);
            } else if (!lastEnd().equals("released")) {
                violations.add(what + ": good, and its lease ended as " + lastEnd());
            }
            host.delete(snapshot);
        }
        List<String> rest = rest();
        if (!rest.isEmpty()) {
            violations.add(what + ": left behind: " + rest);
        }
    }

    private void removeLeftovers(String what) throws IOException {
        try (RunJournals.Abandoned abandoned = host.journals().abandoned()) {
            for (RunJournal journal : abandoned.journals()) {
                journal.removeLeftovers(host);
                journal.end(host);
            }
            if (!abandoned.unreadable().isEmpty()) {
                violations.add(what + ": unreadable: " + abandoned.unreadable());
            }
        }
    }

    private String lastEnd() throws IOException {
        return new RunDirectory(real, GuardClient.DIRECTORY).history(1).getFirst().state();
    }

    /** Files, descriptors, mounts and loop devices that a run has left. */
    private List<String> rest() throws IOException {
        Set<String> rest = new TreeSet<>();
        for (Path top : List.of(state, store.mountPoint())) {
            try (Stream<Path> files = Files.walk(top)) {
                files.filter(Files::isRegularFile)
                        .filter(file -> !file.equals(origin.image()))
                        .forEach(file -> rest.add("file " + file));
            }
        }
        try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
            for (Path descriptor : descriptors.toList()) {
                String file = target(descriptor);
                if (file.startsWith(store.mountPoint().toString())
                        || file.startsWith(origin.mountPoint().toString())
                        || file.startsWith(state.toString())
                        || file.startsWith("/dev/loop")) {
                    rest.add("open " + file);
                }
            }
        }
        Program.run("losetup", "--list", "--noheadings", "--output", "BACK-FILE")
                .lines()
                .filter(file -> file.contains("/.lull/"))
                .filter(file -> file.startsWith(store.mountPoint().toString()))
                .forEach(file -> rest.add("loop device of " + file));
        return List.copyOf(rest);
    }

    private static String target(Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).toString();
        } catch (IOException _) {
            return "closed since";
        }
    }

    private void report(Tally tally) throws IOException {
        violations.forEach(System.out::println);
        tally.set("violations", violations.size()).write();
        assertThat(violations).isEmpty();
    }
}
