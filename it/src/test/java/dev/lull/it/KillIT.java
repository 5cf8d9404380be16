package dev.lull.it;

import static dev.lull.it.KillIT.Victim.CLIENT;
import static dev.lull.it.KillIT.Victim.GUARD;
import static dev.lull.it.KillIT.Victim.SENTRY;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.GuardProbe;
import dev.lull.it.harness.HolderProgram;
import dev.lull.it.harness.JavaProgram;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Processes;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.Timing;
import dev.lull.it.harness.Writer;
import java.io.BufferedReader;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whoever dies or hangs: what was frozen is thawed by the deadline + 1 s, and nobody is told that it was held. */
class KillIT {
    private static final Duration TIMEOUT = Duration.ofSeconds(4);

    /** Long enough that a thaw before it was not the deadline's. */
    private static final Duration LONG = Duration.ofSeconds(60);

    private static final Duration AT_ONCE = Duration.ofSeconds(3);

    /** Where neither guard nor sentry is left, the client starts a new guard. */
    private static final Duration START = Duration.ofSeconds(4);

    enum Victim {
        CLIENT,
        GUARD,
        SENTRY
    }

    static Stream<Set<Victim>> oneOrTwo() {
        return Stream.of(
                Set.of(CLIENT),
                Set.of(GUARD),
                Set.of(SENTRY),
                Set.of(CLIENT, GUARD),
                Set.of(CLIENT, SENTRY),
                Set.of(GUARD, SENTRY));
    }

    @ParameterizedTest
    @MethodSource("oneOrTwo")
    void anyOneOrTwoOfThemDie(Set<Victim> victims) {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var writer = Writer.start(filesystem);
                // Its command outlives the deadline.
                var hold = hold(filesystem, TIMEOUT, "exec sleep 6")) {
            hold.awaitOut("frozen"::equals);
            long told = System.nanoTime();
            kill(victims, hold.pid());

            writer.awaitGoing(Duration.ofSeconds(15));
            assertThat(System.nanoTime() - told).isLessThan(latest(victims).toNanos());
            if (!victims.contains(CLIENT)) {
                assertThat(hold.finish().expect(124).errText()).contains("hint:");
            }
            requireService(filesystem);
        }
    }

    /** A process killed with a thread in state D is a zombie whose sockets stay open until the thaw. */
    @ParameterizedTest
    @MethodSource("oneOrTwo")
    void anyOneOrTwoOfThemDieWithAThreadOfTheClientStuck(Set<Victim> victims) throws Exception {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            Process holder =
                    JavaProgram.of(
                                    HolderProgram.class,
                                    Long.toString(TIMEOUT.toMillis()),
                                    filesystem.mountPoint().toString())
                            .redirectError(ProcessBuilder.Redirect.INHERIT)
                            .start();
            try (BufferedReader lines = holder.inputReader()) {
                assertThat(lines.readLine()).isEqualTo("frozen");
                long told = System.nanoTime();
                await("the client's thread is stuck").until(() -> Processes.isStuck(holder.pid()));
                kill(victims, holder.pid());

                FrozenProbe.awaitThawed(filesystem, Duration.ofSeconds(15));
                assertThat(System.nanoTime() - told).isLessThan(latest(victims).toNanos());
                if (!victims.contains(CLIENT)) {
                    assertThat(lines.readLine()).isEqualTo("not held");
                }
            } finally {
                holder.destroyForcibly();
                assertThat(holder.waitFor(10, TimeUnit.SECONDS)).isTrue();
            }
            requireService(filesystem);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aDeadClientsFreezeEndsAtOnce(boolean stuck) throws Exception {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.XFS)) {
            Process holder =
                    JavaProgram.of(
                                    HolderProgram.class,
                                    Long.toString(LONG.toMillis()),
                                    filesystem.mountPoint().toString())
                            .redirectError(ProcessBuilder.Redirect.INHERIT)
                            .start();
            try (BufferedReader lines = holder.inputReader()) {
                assertThat(lines.readLine()).isEqualTo("frozen");
                if (stuck) {
                    await("its thread is stuck").until(() -> Processes.isStuck(holder.pid()));
                }
                GuardProbe.kill9(holder.pid());
                FrozenProbe.awaitThawed(filesystem, AT_ONCE);
            } finally {
                holder.destroyForcibly();
                assertThat(holder.waitFor(10, TimeUnit.SECONDS)).isTrue();
            }
            assertThat(LullProcess.run("history", "--json").expect(0).outText())
                    .contains("\"abandoned\"");
        }
    }

    @Test
    void aDeadGuardsFreezeEndsAtOnce() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.BTRFS)) {
            String lease = freeze(filesystem, LONG);
            GuardProbe.kill9(GuardProbe.pids().guard());
            FrozenProbe.awaitThawed(filesystem, AT_ONCE);
            assertThat(LullProcess.run("extend", lease).expect(3).errText()).contains("EINVAL");
            LullProcess.run("thaw", lease).expect(3);
            requireService(filesystem);
        }
    }

    /** It closes no socket and fires no timer: only the sentry's own clock helps. */
    @Test
    void aStoppedGuardKeepsNothingFrozen() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var writer = Writer.start(filesystem)) {
            String lease = freeze(filesystem, TIMEOUT);
            long told = System.nanoTime();
            long guard = GuardProbe.pids().guard();
            Processes.signal(guard, "STOP");
            try {
                writer.awaitGoing(Duration.ofSeconds(15));
                assertThat(System.nanoTime() - told).isLessThan(Timing.latest(TIMEOUT).toNanos());
            } finally {
                Processes.signal(guard, "CONT");
            }
            LullProcess.run("thaw", lease).expect(3);
            requireService(filesystem);
        }
    }

    /** Stopped when nothing was frozen: it must not be the guard's companion for the next freeze as it is. */
    @Test
    void aStoppedSentryDoesNotKeepAnythingFrozen() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var writer = Writer.start(filesystem)) {
            freeze(filesystem, TIMEOUT);
            long told = System.nanoTime();
            long sentry = GuardProbe.pids().sentry();
            Processes.signal(sentry, "STOP");
            writer.awaitGoing(Duration.ofSeconds(15));
            assertThat(System.nanoTime() - told).isLessThan(Timing.latest(TIMEOUT).toNanos());
            // The guard may have replaced it.
            if (!Processes.isGone(sentry)) {
                Processes.signal(sentry, "CONT");
            }
            requireService(filesystem);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"status", "history", "doctor", "thaw", "extend", "hold"})
    void whatAllOfThemLeftFrozenIsThawedByTheNextCommand(String command) {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var other = ScratchFilesystem.make(FilesystemType.EXT4)) {
            String lease = freeze(filesystem, LONG);
            GuardProbe.Pids pids = GuardProbe.pids();
            // So that neither can act on the other's death.
            Processes.signal(pids.guard(), "STOP");
            GuardProbe.kill9(pids.sentry(), pids.guard(), pids.canary());
            await("both are gone")
                    .until(() -> Processes.isGone(pids.guard()) && Processes.isGone(pids.sentry()));
            assertThat(FrozenProbe.isFrozen(filesystem)).as("nobody is left to thaw").isTrue();

            switch (command) {
                case "thaw" -> LullProcess.run("thaw", lease).expect(3);
                case "extend" -> LullProcess.run("extend", lease).expect(3);
                case "hold" ->
                        LullProcess.run("hold", other.mountPoint().toString(), "--", "true")
                                .expect(0);
                case "doctor" -> LullProcess.run("doctor", other.mountPoint().toString());
                default -> LullProcess.run(command).expect(0);
            }
            FrozenProbe.awaitThawed(filesystem, AT_ONCE);
            requireService(filesystem);
        }
    }

    /**
     * The guard's own thaw hangs in the kernel, since the filesystem below has been frozen by somebody else. Killed then,
     * the guard cannot end, and keeps its lock.
     */
    @Test
    void aGuardKilledWithAThawStuckInTheKernelBlocksNoCommandForGood() {
        try (var lower = ScratchFilesystem.make(FilesystemType.XFS);
                var upper = ScratchFilesystem.of(FilesystemType.EXT4).on(lower).make()) {
            freeze(upper, Duration.ofSeconds(1));
            lower.freeze();
            long guard = GuardProbe.pids().guard();
            await("the guard's thaw is stuck")
                    .atMost(Duration.ofSeconds(10))
                    .until(() -> Processes.isStuck(guard));
            LullProcess.run("status").expect(0);
            GuardProbe.kill9(guard);

            LullProcess.Result blocked = LullProcess.run("status");
            assertThat(blocked.status()).as("%s", blocked).isIn(0, 8);

            lower.thaw();
            FrozenProbe.awaitThawed(upper, Duration.ofSeconds(10));
            await("the service is back")
                    .atMost(Duration.ofSeconds(20))
                    .until(() ->
                            LullProcess.run("hold", lower.mountPoint().toString(), "--", "true")
                                            .status()
                                    == 0);
        }
    }

    private static Duration latest(Set<Victim> victims) {
        Duration promised = Timing.latest(TIMEOUT);
        return victims.containsAll(Set.of(GUARD, SENTRY)) ? promised.plus(START) : promised;
    }

    private static LullProcess hold(ScratchFilesystem filesystem, Duration timeout, String then) {
        return LullProcess.start(
                "hold",
                "--timeout",
                timeout.toMillis() + "ms",
                filesystem.mountPoint().toString(),
                "--",
                "sh",
                "-c",
                "echo frozen; " + then);
    }

    private static String freeze(ScratchFilesystem filesystem, Duration timeout) {
        return LullProcess.run(
                        "freeze",
                        "--timeout",
                        timeout.toMillis() + "ms",
                        filesystem.mountPoint().toString())
                .expect(0)
                .onlyLine();
    }

    private static void kill(Set<Victim> victims, long client) {
        GuardProbe.Pids pids = GuardProbe.pids();
        GuardProbe.kill9(
                victims.stream()
                        .map(victim ->
                                switch (victim) {
                                    case CLIENT -> client;
                                    case GUARD -> pids.guard();
                                    case SENTRY -> pids.sentry();
                                })
                        .toArray(Long[]::new));
    }

    /** Whatever was killed, the next one who comes is served. */
    private static void requireService(ScratchFilesystem filesystem) {
        LullProcess.run(
                        "hold",
                        "--timeout",
                        "20s",
                        filesystem.mountPoint().toString(),
                        "--",
                        "true")
                .expect(0);
        GuardProbe.pids();
    }

    /** {@code killall -QUIT java}: what administrators do to see what JVMs are at. */
    @Test
    void whoeverAsksForThreadDumpsEndsNothing() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            String lease =
                    LullProcess.run(
                                    "freeze",
                                    "--timeout",
                                    "60s",
                                    filesystem.mountPoint().toString())
                            .expect(0)
                            .onlyLine();
            GuardProbe.Pids pids = GuardProbe.pids();
            for (long pid : List.of(pids.guard(), pids.sentry(), pids.canary())) {
                Processes.signal(pid, "QUIT");
            }
            assertThat(LullProcess.run("extend", lease).expect(0).err()).isEmpty();
            assertThat(GuardProbe.pids()).isEqualTo(pids);
            assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();
            LullProcess.run("thaw", lease).expect(0);
            assertThat(LullProcess.run("history", "--json").expect(0).outText())
                    .contains("\"released\"");
        }
    }
}
