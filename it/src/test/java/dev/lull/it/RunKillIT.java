package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.GuardProbe;
import dev.lull.it.harness.Ioctls;
import dev.lull.it.harness.LeaseProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Processes;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.SupervisorProbe;
import dev.lull.it.harness.TestNamespace;
import dev.lull.it.harness.Timing;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whoever is killed: nothing stays frozen past the deadline, and what a killed program has frozen not even until then. */
class RunKillIT {
    private static final Duration AT_ONCE = Duration.ofSeconds(3);
    private static final int KILLED = 128 + 9;

    private Path go;

    @BeforeEach
    void makeSignal() {
        go = TestNamespace.current().directory("go").resolve("go");
    }

    /** Whoever answered a program's ioctls ends with it. */
    @AfterEach
    void noSupervisorIsLeft() throws Exception {
        Files.deleteIfExists(go);
        SupervisorProbe.awaitNone();
    }

    // ---- the program

    @ParameterizedTest
    @EnumSource
    void aKilledProgramsFreezeEndsAtOnce(FilesystemType type) {
        try (var filesystem = ScratchFilesystem.make(type);
                var program = Ioctls.start(filesystem, "freeze:60", "until:" + go)) {
            program.awaitOut("freeze: 0"::equals);
            program.kill9();
            FrozenProbe.awaitThawed(filesystem, AT_ONCE);
            assertThat(LeaseProbe.awaitEnd(filesystem)).isEqualTo("abandoned");
            assertThat(LeaseProbe.ended(filesystem).getFirst().reason()).contains("killed");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"TERM", "INT", "HUP", "ALRM", "SEGV"})
    void anySignalThatItEndsByCounts(String signal) {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var program = Ioctls.start(filesystem, "freeze:60", "until:" + go)) {
            program.awaitOut("freeze: 0"::equals);
            Processes.signal(program.pid(), signal);
            FrozenProbe.awaitThawed(filesystem, AT_ONCE);
            assertThat(LeaseProbe.awaitEnd(filesystem)).isEqualTo("abandoned");
        }
    }

    /** Its thread hangs in a write to what it has frozen: a killed process does not end before that. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aKilledProgramThatHangsIsOneToo(boolean anotherThread) {
        String[] words =
                anotherThread
                        ? new String[] {
                            "map:FILE", "storing", "sleep:100", "freeze:40", "until:" + go
                        }
                        : new String[] {"freeze:40", "write:FILE"};
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var program = Ioctls.start(filesystem, words)) {
            program.awaitOut("freeze: 0"::equals);
            await("a thread of it hangs").until(() -> Processes.isStuck(program.pid()));
            program.kill9();
            FrozenProbe.awaitThawed(filesystem, AT_ONCE);
            assertThat(LeaseProbe.awaitEnd(filesystem)).isEqualTo("abandoned");
        }
    }

    /** What froze has ended long ago, and well; what ran it is killed. */
    @Test
    void theFreezesOfAKilledProgramsChildrenEndToo() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var program =
                        Ioctls.start(
                                List.of(),
                                List.of(
                                        "sh",
                                        "-c",
                                        "fsfreeze -f \"$0\"; echo frozen; while [ ! -e \"$1\" ]; do :; done",
                                        filesystem.mountPoint().toString(),
                                        go.toString()))) {
            program.awaitOut("frozen"::equals);
            assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();
            program.kill9();
            FrozenProbe.awaitThawed(filesystem, AT_ONCE);
            assertThat(LeaseProbe.awaitEnd(filesystem)).isEqualTo("abandoned");
        }
    }

    /** The program itself has ended long before. */
    @Test
    void aKilledLastChildsFreezeEndsAtOnce() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var program = Ioctls.start(filesystem, "fork", "freeze:60", "until:" + go)) {
            program.awaitOut("freeze: 0"::equals);
            await("the program has ended").until(() -> !program.isAlive());
            assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();
            GuardProbe.kill9((long) pidIn(LeaseProbe.awaitFrozen(filesystem).program()));
            FrozenProbe.awaitThawed(filesystem, AT_ONCE);
            assertThat(LeaseProbe.awaitEnd(filesystem)).isEqualTo("abandoned");
        }
    }

    @Test
    void aProgramThatEndsWellLeavesItFrozen() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            Ioctls.run(filesystem, "freeze:60");
            Ioctls.run(filesystem, "child", "fork", "reset:60");
            SupervisorProbe.awaitNone();
            assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();
            Ioctls.run(filesystem, "thaw");
            assertThat(LeaseProbe.awaitEnd(filesystem)).isEqualTo("released");
        }
    }

    // ---- the program, while it freezes

    /** At some moment before, in, and after the call, which takes some milliseconds. */
    @Test
    void aProgramKilledWhileItFreezesLeavesNothingFrozen() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.XFS)) {
            for (int micros = 0; micros < 40_000; micros += 2_000) {
                filesystem.renew();
                try (var program =
                        Ioctls.start(
                                filesystem, "kill-after:" + micros, "freeze:60", "until:" + go)) {
                    program.finish().expect(KILLED);
                }
                FrozenProbe.awaitThawed(filesystem, AT_ONCE);
                LeaseProbe.awaitNone(filesystem);
            }
            assertThat(LeaseProbe.ended(filesystem))
                    .isNotEmpty()
                    .allSatisfy(lease -> assertThat(lease.state()).isEqualTo("abandoned"));
        }
    }

    @Test
    void aProgramKilledInAFreezeThatHangsLeavesNothingFrozen() {
        try (var hanging = new HangingFreeze("until:" + go)) {
            hanging.program.kill9();
            assertThat(hanging.program.finish().status()).isEqualTo(KILLED);
            hanging.goesOn();
            LeaseProbe.awaitNone(hanging.upper);
            assertThat(FrozenProbe.isFrozen(hanging.upper)).isFalse();
        }
    }

    // ---- who answers

    /** The kernel's rule: a trapped call that nobody answers is ENOSYS. The lease is the guard's. */
    @Test
    void theLeaseOutlivesWhoAnswers() throws Exception {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var program =
                        Ioctls.start(
                                filesystem,
                                "freeze:5",
                                "until:" + go,
                                "thaw",
                                "reset:60",
                                "freeze:60")) {
            program.awaitOut("freeze: 0"::equals);
            long frozen = System.nanoTime();
            var lease = LeaseProbe.awaitFrozen(filesystem);
            GuardProbe.kill9(SupervisorProbe.of(program.pid()));
            SupervisorProbe.awaitNone();
            Files.createFile(go);
            assertThat(program.finish().expect(0).out())
                    .containsExactly(
                            "freeze: 0", "thaw: ENOSYS", "reset: ENOSYS", "freeze: ENOSYS");
            assertThat(LeaseProbe.awaitFrozen(filesystem).id()).isEqualTo(lease.id());

            FrozenProbe.awaitThawed(filesystem, Timing.latest(Duration.ofSeconds(5)));
            assertThat(System.nanoTime() - frozen)
                    .isLessThan(Timing.latest(Duration.ofSeconds(5)).toNanos());
            assertThat(LeaseProbe.awaitEnd(filesystem)).isEqualTo("expired");
        }
    }

    @Test
    void lullThawEndsTheLeaseOfAProgramThatNobodyAnswers() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var program = Ioctls.start(filesystem, "freeze:60", "until:" + go)) {
            program.awaitOut("freeze: 0"::equals);
            GuardProbe.kill9(SupervisorProbe.of(program.pid()));
            SupervisorProbe.awaitNone();
            LullProcess.run("thaw", filesystem.mountPoint().toString()).expect(0);
            assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();
            assertThat(LeaseProbe.awaitEnd(filesystem)).isEqualTo("released");
        }
    }

    /** Its arming, or its freeze, is given up with whoever asked for it. */
    @Test
    void whoAnswersIsKilledWhileTheFreezeHangs() {
        try (var hanging = new HangingFreeze()) {
            GuardProbe.kill9(SupervisorProbe.of(hanging.program.pid()));
            assertThat(hanging.program.finish().expect(0).out())
                    .containsExactly("freezing", "freeze: ENOSYS");
            hanging.goesOn();
            LeaseProbe.awaitNone(hanging.upper);
            assertThat(FrozenProbe.isFrozen(hanging.upper)).isFalse();
        }
    }

    /** It is told to end with its program, by whoever ends a session or a terminal, and must not before that one has. */
    @Test
    void whoAnswersHeedsNoSignalButTheLast() throws Exception {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var program = Ioctls.start(filesystem, "freeze:60", "until:" + go, "thaw")) {
            program.awaitOut("freeze: 0"::equals);
            long supervisor = SupervisorProbe.of(program.pid());
            for (String signal : List.of("HUP", "INT", "QUIT", "TERM")) {
                Processes.signal(supervisor, signal);
            }
            Files.createFile(go);
            assertThat(program.finish().expect(0).out()).containsExactly("freeze: 0", "thaw: 0");
        }
    }

    // ---- the guard

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aKilledGuardsFreezeEndsAndTheProgramIsTold(boolean sentryToo) throws Exception {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var program =
                        Ioctls.start(
                                filesystem,
                                "freeze:4",
                                "until:" + go,
                                "reset:60",
                                "thaw",
                                "freeze:60",
                                "thaw")) {
            program.awaitOut("freeze: 0"::equals);
            var pids = GuardProbe.pids();
            List<Long> victims = new ArrayList<>(List.of(pids.guard()));
            if (sentryToo) {
                victims.add(pids.sentry());
            }
            GuardProbe.kill9(victims.toArray(Long[]::new));
            if (!sentryToo) {
                FrozenProbe.awaitThawed(filesystem, AT_ONCE);
            }
            Files.createFile(go);
            assertThat(program.finish().expect(0).out())
                    .containsExactly(
                            "freeze: 0", "reset: EINVAL", "thaw: EINVAL", "freeze: 0", "thaw: 0");
            assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();
        }
    }

    /** Its call in the kernel returns long after, and freezes for nobody. */
    @Test
    void theGuardIsKilledWhileTheFreezeHangs() {
        try (var hanging = new HangingFreeze()) {
            GuardProbe.kill9(GuardProbe.pids().guard());
            assertThat(hanging.program.finish().expect(0).out())
                    .containsExactly("freezing", "freeze: EIO");
            hanging.goesOn();
            FrozenProbe.awaitThawed(hanging.upper, Timing.latest(Duration.ofSeconds(10)));
            // Whoever comes next is served.
            assertThat(Ioctls.run(hanging.upper, "freeze:60", "thaw").out())
                    .containsExactly("freeze: 0", "thaw: 0");
        }
    }

    /** A program whose freeze does not return: the filesystem below is frozen by somebody else. */
    private static final class HangingFreeze implements AutoCloseable {
        private final ScratchFilesystem lower;
        private final ScratchFilesystem upper;
        private final LullProcess program;

        /** @param afterwards what the program does after the freeze */
        HangingFreeze(String... afterwards) {
            lower = ScratchFilesystem.make(FilesystemType.XFS);
            upper = ScratchFilesystem.of(FilesystemType.EXT4).on(lower).make();
            Program.run("touch", upper.resolve("dirty").toString());
            lower.freeze();
            List<String> words = new ArrayList<>(List.of("say:freezing", "freeze:60"));
            words.addAll(List.of(afterwards));
            program = Ioctls.start(upper, words.toArray(String[]::new));
            try {
                program.awaitOut("freezing"::equals);
                await("the guard is at work on it")
                        .atMost(Duration.ofSeconds(20))
                        .until(() -> !LeaseProbe.live(upper).isEmpty());
            } catch (AssertionError | RuntimeException e) {
                close();
                throw e;
            }
        }

        void goesOn() {
            lower.thaw();
        }

        @Override
        public void close() {
            lower.thawIfFrozen();
            program.close();
            upper.close();
            lower.close();
        }
    }

    private static int pidIn(String program) {
        return Integer.parseInt(program.replaceAll(".*\\(pid (\\d+)\\)", "$1"));
    }
}
