package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import dev.lull.it.harness.Cgroup;
import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.GuardProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Processes;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.RootNamespace;
import dev.lull.it.harness.Steered;
import dev.lull.it.harness.Timing;
import dev.lull.it.harness.Writer;
import dev.lull.testkit.Tally;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Everything that lull is made of, and everybody who uses it, lives on the very filesystem that it freezes: the JDK, the
 * jars, {@code /tmp}, {@code /var}. It always thaws, whoever dies, and whoever comes next is served.
 */
@ParameterizedClass
@EnumSource(names = {"EXT4", "XFS"})
@EnabledIfSystemProperty(named = "lull.frozen.root", matches = "true")
class FrozenRootIT {
    private static final int CYCLES = 200;
    private static final int EXTENSIONS = 20;

    private static final Duration SHORT = Duration.ofMillis(100);

    /** Of a lease that is extended twice as often as it would have to be. */
    private static final Duration EXTENDED = Duration.ofSeconds(1);

    private static final Duration TIMEOUT = Duration.ofSeconds(3);

    /** Long enough that a thaw before it was not the deadline's. */
    private static final Duration LONG = Duration.ofSeconds(40);

    private static final Duration AT_ONCE = Duration.ofSeconds(3);

    @Parameter FilesystemType type;

    private static RootNamespace root;
    private static Set<String> files;
    private static int cycles;
    private static Duration latest;
    private static int filesystems;
    private static int allCycles;
    private static Duration latestOfAll = Duration.ZERO;

    @BeforeParameterizedClassInvocation
    static void make(FilesystemType type) {
        root = null;
        root = RootNamespace.make(type);
        files = root.files();
        cycles = 0;
        latest = Duration.ZERO;
    }

    @AfterParameterizedClassInvocation
    static void close(FilesystemType type) throws IOException {
        if (root == null) {
            return;
        }
        root.close();
        filesystems++;
        allCycles += cycles;
        latestOfAll = latest.compareTo(latestOfAll) > 0 ? latest : latestOfAll;
        new Tally("frozen-root")
                .set("filesystems", filesystems)
                .set("cycles", allCycles)
                .set("latest thaw after its deadline, ms", latestOfAll.toMillis())
                .write();
        System.out.printf(
                "frozen root on %s: %d cycles, no hang, thawed at most %d ms after the deadline%n",
                type.kernelName(), cycles, latest.toMillis());
    }

    @BeforeEach
    void renew() {
        root.renew();
    }

    /** Whatever was done to them, the root can be written to, the next one is served, and nothing is left. */
    @AfterEach
    void everythingWorksAndNothingIsLeft() {
        try {
            root.renew();
            assertThat(FrozenProbe.isFrozen(root.filesystem())).isFalse();
            root.run("touch", "/tmp/after");
            root.run("rm", "/tmp/after");
            lull("hold", "--timeout", "20s", "/", "--", "true").expect(0);
            cycles++;
            lull("guard", "--stop").expect(0);
            await("nobody is left")
                    .atMost(Duration.ofSeconds(10))
                    .pollInterval(Duration.ofMillis(20))
                    .untilAsserted(() -> assertThat(root.processes()).isEmpty());
            assertThat(root.files()).isEqualTo(files);
        } finally {
            // Of a test that failed, so that the next one does not.
            endAll();
        }
    }

    /** Leases of 100 ms that end by their deadline, by release, extended twenty times, or given up. */
    @Test
    @Timeout(180)
    void thawsTwoHundredTimes() {
        try (var writer = Writer.start(root.filesystem());
                var client = root.steered(List.of())) {
            for (int cycle = 0; cycle < CYCLES; cycle++) {
                switch (cycle % 50) {
                    case 48 -> extendTwentyTimes(client, writer);
                    case 49 -> giveUp(client, writer);
                    default -> {
                        if (cycle % 2 == 0) {
                            expire(client, writer);
                        } else {
                            release(client, writer);
                        }
                    }
                }
            }
        }
        removeWritten();
    }

    /** As an administrator does it: every command starts from the frozen root, and none needs to write there. */
    @Test
    void commandsWorkWhileTheRootIsFrozen() {
        LullProcess.Result refused =
                LullProcess.with()
                        .on(root)
                        .through("sh", "-c", "cd /tmp && exec \"$@\"", "sh")
                        .run("freeze", "/")
                        .expect(2);
        assertThat(refused.errText()).contains("hint: cd /proc");
        String lease = lull("freeze", "--timeout", "15s", "/").expect(0).onlyLine();
        assertThat(FrozenProbe.isFrozen(root.filesystem())).isTrue();
        assertThat(lull("status").expect(0).outText()).contains(lease);
        for (int i = 0; i < 3; i++) {
            lull("extend", lease).expect(0);
        }
        lull("doctor", "--frozen").expect(0);
        assertThat(lull("history").expect(0).err()).isEmpty();
        assertThat(FrozenProbe.isFrozen(root.filesystem())).isTrue();
        lull("thaw", lease).expect(0);
        assertThat(FrozenProbe.isFrozen(root.filesystem())).isFalse();
        assertThat(lull("history").expect(0).outText()).contains("released");
        cycles++;
    }

    @Test
    void aFreezeThatNobodyTouchesExpires() {
        try (var writer = Writer.start(root.filesystem())) {
            String lease = lull("freeze", "--timeout", "2s", "/").expect(0).onlyLine();
            long deadline = System.nanoTime() + Duration.ofSeconds(2).toNanos();
            writer.awaitBlocked();
            requireThawed(writer, deadline);
            assertThat(lull("extend", lease).expect(3).errText()).contains("EINVAL");
        }
        removeWritten();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void aKilledClientsFreezeEndsAtOnce(int time) {
        try (var client = root.steered(List.of())) {
            client.freeze(LONG);
            assertThat(FrozenProbe.isFrozen(root.filesystem())).isTrue();
            GuardProbe.kill9(client.pid());
            requireThawedAtOnce();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void aKilledGuardsFreezeEndsAtOnce(int time) {
        try (var client = root.steered(List.of())) {
            client.freeze(LONG);
            GuardProbe.kill9(pids().guard());
            requireThawedAtOnce();
            assertThat(client.release()).isEqualTo("lost");
        }
    }

    /** Nobody is left to thaw: the next command starts its guard from the frozen root. */
    @ParameterizedTest
    @ValueSource(strings = {"status", "thaw", "hold"})
    void whatAllOfThemLeftFrozenIsThawedByTheNextCommand(String command) {
        String lease = lull("freeze", "--timeout", "40s", "/").expect(0).onlyLine();
        killAll();
        assertThat(FrozenProbe.isFrozen(root.filesystem())).isTrue();
        switch (command) {
            case "thaw" -> lull("thaw", lease).expect(3);
            case "hold" -> lull("hold", "/", "--", "true").expect(0);
            default -> lull(command).expect(0);
        }
        requireThawedAtOnce();
    }

    /** Nobody reads what the guard and its companions say, and the pipe is full. */
    @Test
    void aFullPipeAsStderrKeepsNothingFrozen() throws Exception {
        try (var guard =
                        LullProcess.with()
                                .on(root)
                                .through(
                                        "sh",
                                        "-c",
                                        // A pipe of its own, of which it has the reading end too.
                                        "{ head -c 65536 /dev/zero >&2; exec \"$@\"; }"
                                                + " 2>&1 >/dev/null | exec sleep 1000",
                                        "sh")
                                .start("guard");
                var writer = Writer.start(root.filesystem());
                var client = root.steered(List.of())) {
            GuardProbe.Pids pids = pids();
            assertThat(
                            Files.readSymbolicLink(Path.of("/proc/" + pids.guard() + "/fd/2"))
                                    .toString())
                    .startsWith("pipe:");
            // A JVM that has only just begun takes a SIGQUIT for its end.
            release(client, writer);
            quit(pids, client);
            for (int i = 0; i < 5; i++) {
                expire(client, writer);
                release(client, writer);
            }
            client.freeze(LONG);
            quit(pids, client);
            GuardProbe.kill9(pids.guard());
            requireThawedAtOnce();
            assertThat(client.release()).isIn("lost", "expired");
        } finally {
            endAll();
        }
        removeWritten();
    }

    /** {@code killall -QUIT java}. The client's dump goes to a pipe. */
    @Test
    void threadDumpsEndNothing() {
        try (var client = root.steered(List.of())) {
            client.freeze(LONG);
            GuardProbe.Pids pids = pids();
            quit(pids, client);
            client.extend();
            assertThat(pids()).isEqualTo(pids);
            assertThat(FrozenProbe.isFrozen(root.filesystem())).isTrue();
            assertThat(client.release()).isEqualTo("released");
            cycles++;
        }
    }

    @Test
    void busyCoresKeepNothingFrozen() {
        var spinners = new ArrayList<Process>();
        try (var writer = Writer.start(root.filesystem());
                var client = root.steered(List.of())) {
            // The guard is there before: three JVMs to be started are another matter.
            release(client, writer);
            for (int i = 0; i < Runtime.getRuntime().availableProcessors(); i++) {
                spinners.add(root.start("sh", "-c", "while :; do :; done"));
            }
            for (int i = 0; i < 3; i++) {
                expire(client, writer);
                release(client, writer);
            }
            client.freeze(LONG);
            GuardProbe.kill9(pids().guard());
            requireThawedAtOnce();
        } finally {
            spinners.forEach(Process::destroyForcibly);
        }
        removeWritten();
    }

    /**
     * Guard, sentry, canary and client are in a memory cgroup that is full: every page that any of them needs has to be
     * reclaimed first, and what is reclaimed is read again from the frozen root. Somebody else in it allocates until he
     * is killed for it, again and again.
     */
    @Test
    void memoryPressureKeepsNothingFrozen() {
        assumeThat(Cgroup.has("memory")).as("a memory controller of version 1").isTrue();
        try (var cgroup = Cgroup.make("memory");
                var writer = Writer.start(root.filesystem())) {
            Process pressure = null;
            // Started in there, so that their memory is charged to it.
            try (var client = root.steered(cgroup.enter())) {
                release(client, writer);
                moveInto(cgroup);
                cgroup.write("memory.force_empty", "0");
                long limit = cgroup.number("memory.usage_in_bytes") + (16 << 20);
                cgroup.write("memory.limit_in_bytes", Long.toString(limit));
                pressure =
                        root.start(
                                "sh",
                                "-c",
                                "echo $$ >\"$0\" && echo 1000 >/proc/self/oom_score_adj &&"
                                        + " while :; do tail /dev/zero; done",
                                cgroup.procs());
                long failures = cgroup.number("memory.failcnt");
                await("memory is short")
                        .atMost(Duration.ofSeconds(10))
                        .until(() -> cgroup.number("memory.failcnt") > failures + 100);
                for (int i = 0; i < 4; i++) {
                    expire(client, writer);
                    client.freeze(LONG);
                    cgroup.write("memory.force_empty", "0");
                    long asked = System.nanoTime();
                    assertThat(client.release()).isEqualTo("released");
                    requireThawed(writer, asked);
                }
                client.freeze(LONG);
                GuardProbe.kill9(pids().guard());
                requireThawedAtOnce();
                assertThat(cgroup.statistic("workingset_refault_file")).isPositive();
            } finally {
                if (pressure != null) {
                    pressure.destroyForcibly();
                }
                endAll();
            }
        }
        removeWritten();
    }

    /** The kernel writes the dump to the working directory, which is on the frozen root. */
    @Test
    void aClientThatDumpsCoreKeepsNothingFrozen() {
        try (var client = root.steered(dumpingCore())) {
            client.freeze(LONG);
            Processes.signal(client.pid(), "ABRT");
            requireThawedAtOnce();
            client.awaitGone();
        }
        root.run("sh", "-c", "rm -f /tmp/core*");
    }

    /** The JVM's own handler writes its report there first, and hangs in that until the deadline. */
    @Test
    void aClientThatCrashesKeepsNothingFrozen() {
        try (var writer = Writer.start(root.filesystem());
                var client = root.steered(dumpingCore())) {
            Steered.Frozen frozen = client.freeze(TIMEOUT);
            writer.awaitBlocked();
            Processes.signal(client.pid(), "SEGV");
            requireThawed(writer, frozen.deadline());
            client.awaitGone();
        }
        removeWritten();
        root.run("sh", "-c", "rm -f /tmp/core* /tmp/hs_err*");
    }

    private static List<String> dumpingCore() {
        // 32 MiB of it do.
        return List.of("sh", "-c", "cd /tmp && ulimit -c 65536 && exec \"$@\"", "sh");
    }

    /** As a service manager or a container's end does it. The guard that the client started has left that cgroup. */
    @ParameterizedTest
    @ValueSource(strings = {"memory", "systemd"})
    void theWholeCgroupOfTheClientIsKilled(String hierarchy) {
        assumeThat(Cgroup.has(hierarchy)).as("the hierarchy " + hierarchy).isTrue();
        try (var cgroup = Cgroup.make(hierarchy);
                var client = root.steered(cgroup.enter())) {
            client.freeze(LONG);
            GuardProbe.Pids pids = pids();
            List<Long> inside = cgroup.processes();
            assertThat(inside).contains(client.pid()).doesNotContain(pids.guard());
            GuardProbe.kill9(inside.toArray(Long[]::new));
            requireThawedAtOnce();
            assertThat(pids()).isEqualTo(pids);
            client.awaitGone();
        }
    }

    /** Without a tmpfs on {@code /run} the guard mounts its own on a directory of the root that it freezes. */
    @Test
    void runMayBeOnTheRootToo() throws Exception {
        root.run("umount", "/run");
        try (var writer = Writer.start(root.filesystem());
                var client = root.steered(List.of())) {
            release(client, writer);
            assertThat(root.run("stat", "-f", "-c", "%T", "/run/lull")).isEqualTo("tmpfs");
            assertThat(root.run("stat", "-f", "-c", "%T", "/run")).isNotEqualTo("tmpfs");
            for (int i = 0; i < 5; i++) {
                expire(client, writer);
                release(client, writer);
            }
            client.freeze(LONG);
            GuardProbe.kill9(pids().guard());
            requireThawedAtOnce();
            assertThat(client.release()).isIn("lost", "expired");

            lull("freeze", "--timeout", "40s", "/").expect(0);
            killAll();
            assertThat(FrozenProbe.isFrozen(root.filesystem())).isTrue();
            lull("status").expect(0);
            requireThawedAtOnce();
        } finally {
            endAll();
            await("nobody stands on /run/lull")
                    .atMost(Duration.ofSeconds(10))
                    .pollInterval(Duration.ofMillis(50))
                    .untilAsserted(() -> root.run("umount", "/run/lull"));
            Files.delete(root.filesystem().resolve("run/lull"));
            root.run("mount", "-t", "tmpfs", "-o", "mode=0755", "lull-it", "/run");
        }
        removeWritten();
    }

    // ---- cycles

    private static void expire(Steered client, Writer writer) {
        Steered.Frozen frozen = client.freeze(SHORT);
        assertThat(client.awaitEnd()).isEqualTo("expired");
        requireFrozen(writer, frozen.told(), frozen.deadline());
        requireThawed(writer, frozen.deadline());
    }

    private static void release(Steered client, Writer writer) {
        Steered.Frozen frozen = client.freeze(LONG);
        LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
        long asked = System.nanoTime();
        assertThat(client.release()).isEqualTo("released");
        requireFrozen(writer, frozen.told(), asked);
        requireThawed(writer, asked);
    }

    private static void extendTwentyTimes(Steered client, Writer writer) {
        Steered.Frozen first = client.freeze(EXTENDED);
        Steered.Frozen last = first;
        for (int i = 0; i < EXTENSIONS; i++) {
            LockSupport.parkNanos(EXTENDED.dividedBy(EXTENSIONS / 2).toNanos());
            last = client.extend();
        }
        assertThat(last.told() - first.told()).isGreaterThan(EXTENDED.toNanos());
        assertThat(client.awaitEnd()).isEqualTo("expired");
        requireFrozen(writer, first.told(), last.deadline());
        requireThawed(writer, last.deadline());
    }

    private static void giveUp(Steered client, Writer writer) {
        Steered.Frozen frozen = client.freeze(LONG);
        long asked = System.nanoTime();
        client.giveUp();
        requireFrozen(writer, frozen.told(), asked);
        requireThawed(writer, asked);
    }

    private static void requireFrozen(Writer writer, long from, long until) {
        assertThat(writer.writes())
                .as("no write while frozen")
                .noneMatch(write -> write.begun() > from && write.done() < until);
    }

    /** @param due when it was to be thawed, in nanoseconds of {@link System#nanoTime} */
    private static void requireThawed(Writer writer, long due) {
        Duration late = Duration.ofNanos(writer.awaitDone(due).done() - due);
        assertThat(late).isLessThan(Timing.latest(Duration.ZERO));
        if (late.compareTo(latest) > 0) {
            latest = late;
        }
        cycles++;
    }

    private static void requireThawedAtOnce() {
        FrozenProbe.awaitThawed(root.filesystem(), AT_ONCE);
        cycles++;
    }

    // ---- those who are there

    private static LullProcess.Result lull(String... arguments) {
        return LullProcess.with().on(root).run(arguments);
    }

    private static GuardProbe.Pids pids() {
        return GuardProbe.pids(root.socket());
    }

    private static void quit(GuardProbe.Pids pids, Steered client) {
        for (long pid : List.of(pids.guard(), pids.sentry(), pids.canary(), client.pid())) {
            Processes.signal(pid, "QUIT");
        }
    }

    private static void moveInto(Cgroup cgroup) {
        GuardProbe.Pids pids = pids();
        cgroup.add(pids.guard(), pids.sentry(), pids.canary());
    }

    /** The guard is stopped first, so that neither it nor the sentry can act on the other's death. */
    private static void killAll() {
        GuardProbe.Pids pids = pids();
        Processes.signal(pids.guard(), "STOP");
        GuardProbe.kill9(pids.sentry(), pids.guard(), pids.canary());
        await("all of them are gone")
                .until(() -> Processes.isGone(pids.guard()) && Processes.isGone(pids.sentry()));
    }

    /** Ends everybody in there, as at the end of a machine. */
    private static void endAll() {
        root.filesystem().thawIfFrozen();
        await("nobody is left")
                .atMost(Duration.ofSeconds(10))
                .pollInterval(Duration.ofMillis(20))
                .until(() -> {
                    List<Long> left = root.processes();
                    left.forEach(pid -> Program.attempt("kill", "-s", "KILL", pid.toString()));
                    return left.isEmpty();
                });
    }

    private static void removeWritten() {
        try {
            Files.deleteIfExists(root.filesystem().resolve("written"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
