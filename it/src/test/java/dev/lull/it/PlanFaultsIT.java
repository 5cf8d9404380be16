package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import dev.lull.freeze.GuardClient;
import dev.lull.guard.RunDirectory;
import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.GuardProbe;
import dev.lull.it.harness.JavaProgram;
import dev.lull.it.harness.Processes;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.SnapshotPlan;
import dev.lull.it.harness.Stepped;
import dev.lull.it.harness.TestNamespace;
import dev.lull.it.harness.Timing;
import dev.lull.it.harness.Writer;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import dev.lull.plan.Host;
import dev.lull.plan.Plan;
import dev.lull.plan.PlanException;
import dev.lull.plan.RunJournal;
import dev.lull.plan.RunJournals;
import dev.lull.plan.Timeline;
import dev.lull.snapshot.SnapshotRecord;
import dev.lull.snapshot.SnapshotState;
import dev.lull.testkit.FaultyKernel;
import dev.lull.testkit.Strike;
import dev.lull.testkit.Strike.Signal;
import dev.lull.testkit.Tally;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.core.ConditionTimeoutException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * The plan of a snapshot on real filesystems, once for every call that it makes into the kernel: the call fails, or lasts
 * until the lease is over, or the process is killed just then. And each of its steps, which is late, or lasts longer than
 * the lease, or has one or two of guard, sentry, canary and client killed or stopped at its beginning. No snapshot is good
 * whose lease was not released, nothing stays frozen, and what the run leaves its journal removes.
 *
 * <p>There is time for every fault at every step with {@code -Dlull.plan.faults=all}, as {@code dev/reliability} has it;
 * otherwise each fault comes once, but for two processes that are stopped.
 */
class PlanFaultsIT {
    private static final int DRY_RUNS = 3;

    /** Calls of loops that last as long as they last; and of looks at this process's own files. */
    private static final Set<String> LOOPS = Set.of("poll", "receive", "openRead");

    /** The guard is looked at only when its answer takes long. */
    private static final String NOT_IN_EVERY_RUN = "thread";

    private static final int KILLED = 137;

    /** Where neither guard nor sentry is left, the client starts a new guard. */
    private static final Duration START = Duration.ofSeconds(4);

    private static final Duration AT_ONCE = Duration.ofSeconds(10);

    /** A guard starts no companion that dies more often than five times in a minute. */
    private static final int LIVES_OF_A_GUARD = 3;

    private static final boolean ALL = "all".equals(System.getProperty("lull.plan.faults"));

    private enum Role {
        GUARD,
        SENTRY,
        CANARY,
        CLIENT
    }

    /** What happens at a step. */
    private sealed interface Blow {
        static List<Blow> all() {
            List<Blow> all = new ArrayList<>(List.of(LATE, TOO_LATE));
            Strike.atOneOrTwo(Role.class).forEach(strike -> all.add(new Struck(strike)));
            return List.copyOf(all);
        }

        /** Whether it is this that happens to one of them. */
        default boolean is(Signal signal, Role victim) {
            return this instanceof Struck(Strike<Role> strike)
                    && strike.signal() == signal
                    && strike.victims().contains(victim);
        }
    }

    /** The step lasts so much longer. */
    private record Late(Duration by) implements Blow {}

    private record Struck(Strike<Role> strike) implements Blow {
        @Override
        public String toString() {
            return strike.toString();
        }
    }

    private static final Blow LATE = new Late(SnapshotPlan.TIMEOUT.dividedBy(4));
    private static final Blow TOO_LATE = new Late(SnapshotPlan.TIMEOUT.plus(Timing.GRACE));

    /** Of those there is time for all only where all are tried. */
    private static boolean lastsUntilTheDeadline(Blow blow) {
        return blow instanceof Struck(Strike<Role> strike)
                && strike.signal() == Signal.STOP
                && strike.victims().size() > 1;
    }

    /** What a run has said of its snapshot. */
    private enum Said {
        GOOD,
        FAILED,
        /** That it is good, and that something else is left of the run; or nothing, since it was killed. */
        NOTHING_FOR_SURE;

        static Said with(@Nullable Throwable thrown) {
            if (thrown == null) {
                return GOOD;
            }
            return thrown instanceof PlanException.CleanUpIncomplete ? NOTHING_FOR_SURE : FAILED;
        }
    }

    private final Kernel real = new LinuxKernel();
    private final List<String> violations = new ArrayList<>();
    private ScratchFilesystem store;
    private ScratchFilesystem origin;
    private Path state;
    private Host host;
    private @Nullable Stepped client;

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
            expect("without a fault", Said.GOOD);
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
                    expect(method.getKey() + " " + call + " fails", Said.with(attempt(kernel)));
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
            expect(method.getKey() + " lasts", Said.with(thrown));
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
            expect("killed at " + method, Said.NOTHING_FOR_SURE);
        }
        report(new Tally("plan-is-killed").set("deaths", deaths));
    }

    private @Nullable Throwable attempt(Kernel kernel) {
        return catchThrowable(
                () -> SnapshotPlan.take(SnapshotPlan.host(kernel, state), origin.mountPoint()));
    }

    /** The beginning of each, with that of the end. */
    private List<String> steps() throws Exception {
        Plan plan = SnapshotPlan.of(host, origin.mountPoint());
        plan.run();
        expect("without a fault", Said.GOOD);
        return plan.timeline().entries().stream().map(Timeline.Entry::name).toList();
    }

    @Test
    @Timeout(1800)
    void everyStepWithEveryBlow() throws Exception {
        List<String> steps = steps();
        List<Blow> blows =
                Blow.all().stream().filter(blow -> ALL || !lastsUntilTheDeadline(blow)).toList();
        assertThat(steps).contains("freeze", "snapshot", "thaw").endsWith(Plan.CLEAN_UP);
        int faults = ALL ? steps.size() * blows.size() : blows.size();
        try (var neighbour = ScratchFilesystem.make(FilesystemType.EXT4);
                var writer = Writer.start(neighbour)) {
            for (int i = 0; i < faults; i++) {
                neighbour.renew();
                store.renew();
                origin.renew();
                if (i % LIVES_OF_A_GUARD == 0) {
                    GuardProbe.stop();
                }
                Blow blow = blows.get(ALL ? i / steps.size() : i);
                String step = steps.get(i % steps.size());
                try {
                    strike(step, blow, writer);
                } catch (ConditionTimeoutException e) {
                    throw new AssertionError(blow + " at " + step + "; before: " + violations, e);
                }
            }
        } finally {
            closeClient();
        }
        report(
                new Tally("plan-steps")
                        .set("steps", steps.size())
                        .set("kinds of faults", blows.size())
                        .set("faults", faults));
    }

    private void strike(String step, Blow blow, Writer writer) throws Exception {
        String what = blow + " at " + step;
        GuardProbe.start();
        GuardProbe.Pids pids = GuardProbe.pids();
        Set<String> before = surroundings();
        Stepped stepped = client();
        stepped.goTo(step);
        // In no lease: nobody waits there while others are frozen.
        writer.awaitGoing();

        long struck = System.nanoTime();
        List<Long> victims = strike(blow, pids, stepped.pid());
        Duration late = blow instanceof Late(Duration by) ? by : Duration.ZERO;
        boolean goesOn = !blow.is(Signal.KILL, Role.CLIENT) && !blow.is(Signal.STOP, Role.CLIENT);
        if (goesOn) {
            stepped.goOn(late);
        }
        boolean somebodyCanThaw =
                !blow.is(Signal.STOP, Role.GUARD) || !blow.is(Signal.STOP, Role.SENTRY);
        if (somebodyCanThaw) {
            awaitThawed(what, struck, blow);
        }
        writer.awaitGoing();
        if (strikes(blow, Signal.STOP)) {
            awaitEndOrDeadline(stepped, struck);
        }
        resume(blow, victims);
        if (!somebodyCanThaw) {
            awaitThawed(what, System.nanoTime(), blow);
        }
        if (blow.is(Signal.STOP, Role.CLIENT)) {
            stepped.goOn(Duration.ZERO);
        }
        Optional<String> answer = stepped.awaitEnd();
        boolean killed = blow.is(Signal.KILL, Role.CLIENT);
        assertThat(answer.isEmpty()).as("%s: %s", what, answer).isEqualTo(killed);
        expect(what, said(answer));
        if (killed) {
            closeClient();
        }
        expectNobodyLeft(what, before);
    }

    private List<Long> strike(Blow blow, GuardProbe.Pids pids, long clientPid) {
        if (!(blow instanceof Struck(Strike<Role> strike))) {
            return List.of();
        }
        List<Long> victims =
                strike.victims().stream()
                        .map(victim ->
                                switch (victim) {
                                    case GUARD -> pids.guard();
                                    case SENTRY -> pids.sentry();
                                    case CANARY -> pids.canary();
                                    case CLIENT -> clientPid;
                                })
                        .toList();
        Processes.signal(strike.signal().name(), victims.toArray(Long[]::new));
        return victims;
    }

    private static boolean strikes(Blow blow, Signal signal) {
        return blow instanceof Struck(Strike<Role> strike) && strike.signal() == signal;
    }

    /** Whoever is stopped stays so, until his lease would be over, or the client does not care. */
    private static void awaitEndOrDeadline(Stepped stepped, long struck) {
        long limit = Timing.latest(SnapshotPlan.TIMEOUT).toNanos();
        await().pollInterval(Duration.ofMillis(10))
                .until(() -> stepped.hasEnded() || System.nanoTime() - struck > limit);
    }

    private static void resume(Blow blow, List<Long> victims) {
        if (strikes(blow, Signal.STOP)) {
            // One that was taken for dead has been killed and replaced.
            victims.stream()
                    .filter(pid -> !Processes.isGone(pid))
                    .forEach(pid -> Program.attempt("kill", "-s", "CONT", pid.toString()));
        }
    }

    private void awaitThawed(String what, long since, Blow blow) {
        boolean newGuard = blow.is(Signal.KILL, Role.GUARD) && blow.is(Signal.KILL, Role.SENTRY);
        Duration latest = Timing.latest(SnapshotPlan.TIMEOUT);
        Duration limit = newGuard ? latest.plus(START) : latest;
        try {
            FrozenProbe.awaitThawed(origin, limit.minusNanos(System.nanoTime() - since));
        } catch (ConditionTimeoutException e) {
            throw new AssertionError(what + ": still frozen after " + limit, e);
        }
    }

    private static Said said(Optional<String> answer) {
        return switch (answer.orElse("")) {
            case "good" -> Said.GOOD;
            case String failure when failure.startsWith("failed ") -> Said.FAILED;
            default -> Said.NOTHING_FOR_SURE;
        };
    }

    private Stepped client() {
        Stepped living = client;
        if (living == null) {
            living = Stepped.start(state, origin.mountPoint());
            client = living;
        }
        return living;
    }

    private void closeClient() {
        if (client != null) {
            client.close();
            client = null;
        }
    }

    /** What there is of mounts, and in the guard's directory. */
    private static Set<String> surroundings() throws IOException {
        Set<String> all = new TreeSet<>(TestNamespace.mountinfo().lines().toList());
        try (Stream<Path> files = Files.walk(GuardClient.DIRECTORY)) {
            files.forEach(file -> all.add("file " + file));
        }
        return all;
    }

    /** Whoever was killed has a successor before long, and nothing else is left of anybody. */
    private void expectNobodyLeft(String what, Set<String> before) {
        try {
            await().atMost(AT_ONCE)
                    .pollInterval(Duration.ofMillis(20))
                    .untilAsserted(() -> {
                        GuardProbe.start();
                        GuardProbe.Pids now = GuardProbe.pids();
                        assertThat(GuardProbe.processes())
                                .containsExactlyInAnyOrder(now.guard(), now.sentry(), now.canary());
                        assertThat(surroundings()).isEqualTo(before);
                    });
        } catch (ConditionTimeoutException e) {
            violations.add(what + ": left behind: " + e.getMessage());
        }
    }

    /** Looks for the promises; and cleans up, as the next run would. */
    private void expect(String what, Said said) throws IOException {
        FrozenProbe.awaitThawed(origin, Duration.ofSeconds(5));
        removeLeftovers(what);
        List<SnapshotRecord> left = host.records().list().records();
        if (said == Said.GOOD && left.size() != 1) {
            violations.add(what + ": told to be taken, and there are " + left);
        }
        for (SnapshotRecord snapshot : left) {
            if (snapshot.state() != SnapshotState.GOOD) {
                violations.add(what + ": left behind: " + snapshot);
            } else if (said == Said.FAILED) {
                violations.add(what + ": failed, and is good: " + snapshot);
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
        addOpen("self", rest);
        if (client != null && !Processes.isGone(client.pid())) {
            addOpen(Long.toString(client.pid()), rest);
        }
        Program.run("losetup", "--list", "--noheadings", "--output", "BACK-FILE")
                .lines()
                .filter(file -> file.contains("/.lull/"))
                .filter(file -> file.startsWith(store.mountPoint().toString()))
                .forEach(file -> rest.add("loop device of " + file));
        return List.copyOf(rest);
    }

    private void addOpen(String process, Set<String> rest) throws IOException {
        try (Stream<Path> descriptors = Files.list(Path.of("/proc", process, "fd"))) {
            for (Path descriptor : descriptors.toList()) {
                String file = target(descriptor);
                if (file.startsWith(store.mountPoint().toString())
                        || file.startsWith(origin.mountPoint().toString())
                        || file.startsWith(state.toString())
                        || file.startsWith("/dev/loop")) {
                    rest.add("open in " + process + " " + file);
                }
            }
        }
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
