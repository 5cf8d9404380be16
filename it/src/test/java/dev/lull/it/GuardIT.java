package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.GuardProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.MountNamespace;
import dev.lull.it.harness.Processes;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The guard's own coming and going, and what it does about a kernel that does not return. */
class GuardIT {
    @Test
    void anIdleGuardGoesAndLeavesNoSocket() {
        try (var namespace = ownRun();
                var guard = LullProcess.with().in(namespace).start("guard", "--idle", "1s")) {
            guard.finish(Duration.ofSeconds(30)).expect(0);
            assertThat(namespace.run("ls", "/run/lull")).doesNotContain("guard.sock");
        }
    }

    @Test
    void theNextCommandOfAStoppedGuardStartsAnother() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            hold(filesystem);
            long first = GuardProbe.pids().guard();
            LullProcess.run("guard", "--stop").expect(0);
            await("it has ended")
                    .atMost(Duration.ofSeconds(10))
                    .until(() -> Processes.isGone(first));
            hold(filesystem);
            assertThat(GuardProbe.pids().guard()).isNotEqualTo(first);
        }
    }

    /** Else a writer that has just been thawed waits until guard and canary have compiled what they ran. */
    @Test
    void whoeverThawsGoesFirstAndItsCompilerBehindOthers() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            hold(filesystem);
            GuardProbe.Pids pids = GuardProbe.pids();
            for (long pid : List.of(pids.guard(), pids.canary())) {
                assertThat(Processes.niceness(pid, "java")).isNotEmpty().containsOnly(-20);
                assertThat(Processes.niceness(pid, "C1 ")).isNotEmpty().containsOnly(5);
            }
        }
    }

    /** An autogroup, sched(7), is a whole session: what is started beside a guard in the foreground is not to go first. */
    @Test
    void aGuardInTheForegroundLeavesTheSessionItsPlace() {
        Path autogroup = Path.of("/proc/self/autogroup");
        assumeThat(autogroup).exists();
        try (var namespace = ownRun()) {
            LullProcess.Result session =
                    LullProcess.with()
                            .in(namespace)
                            .through("setsid", "-w", "sh", "-c", "\"$@\"; cat " + autogroup, "sh")
                            .run("guard", "--idle", "1s");
            assertThat(session.expect(0).outText()).contains("nice 0");
        }
    }

    /** Where /run is not tmpfs, the guard makes itself one, and writes nothing below it. */
    @Test
    void mountsATmpfsWhereThereIsNone() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var namespace = MountNamespace.make()) {
            namespace.run("umount", "/run/lull");
            assertThat(namespace.run("stat", "-f", "-c", "%T", "/run/lull")).isNotEqualTo("tmpfs");
            LullProcess.with().in(namespace).run("hold", place(filesystem), "--", "true").expect(0);
            try {
                assertThat(namespace.run("stat", "-f", "-c", "%T", "/run/lull")).isEqualTo("tmpfs");
            } finally {
                LullProcess.with().in(namespace).run("guard", "--stop").expect(0);
            }
        }
    }

    /**
     * A freeze in the kernel cannot be cancelled. One that is too late, and may succeed when nobody expects it any more,
     * is undone: by the guard, or by the sentry if the guard was killed.
     */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aFreezeThatComesTooLateIsUndone(boolean guardKilled) throws Exception {
        try (var lower = ScratchFilesystem.make(FilesystemType.XFS);
                var upper = ScratchFilesystem.of(FilesystemType.EXT4).on(lower).make()) {
            GuardProbe.start();
            Files.writeString(upper.resolve("dirty"), "x".repeat(100_000));
            lower.freeze();
            try (var freeze =
                    LullProcess.start(
                            "freeze",
                            "--no-presync",
                            "--within",
                            "1s",
                            "--timeout",
                            "30s",
                            place(upper))) {
                long guard = GuardProbe.awaitStuck();
                if (guardKilled) {
                    GuardProbe.kill9(guard);
                }
                assertThat(freeze.finish().status()).isNotZero();
                assertThat(freeze.out()).isEmpty();
            } finally {
                lower.thaw();
            }
            // Until the kernel has let go of it, it may still become frozen.
            FrozenProbe.awaitThawed(upper, Duration.ofSeconds(10));
            await("it stays thawed")
                    .during(Duration.ofSeconds(1))
                    .atMost(Duration.ofSeconds(20))
                    .until(() -> !FrozenProbe.isFrozen(upper));
            await("the next freeze is served")
                    .atMost(Duration.ofSeconds(30))
                    .untilAsserted(() -> hold(upper));
        }
    }

    /** RCU is expedited for the whole machine: nobody but the freeze itself may have that. */
    @Test
    void theExpeditedKnobIsPutBackEvenIfTheGuardIsKilled() throws Exception {
        Path knob = TestNamespace.current().directory("knob").resolve("rcu_expedited");
        Files.writeString(knob, "0\n");
        try (var lower = ScratchFilesystem.make(FilesystemType.XFS);
                var upper = ScratchFilesystem.of(FilesystemType.EXT4).on(lower).make();
                var namespace = ownRun()) {
            namespace.run("mount", "--bind", knob.toString(), "/sys/kernel/rcu_expedited");
            LullProcess.with().in(namespace).run("hold", place(upper), "--", "true").expect(0);
            assertThat(knob).hasContent("0");

            long guard = Long.parseLong(namespace.run("cat", "/run/lull/lock").strip());
            Files.writeString(upper.resolve("dirty"), "x".repeat(100_000));
            lower.freeze();
            try (var freeze =
                    LullProcess.with()
                            .in(namespace)
                            .start(
                                    "freeze",
                                    "--no-presync",
                                    "--within",
                                    "8s",
                                    "--timeout",
                                    "30s",
                                    place(upper))) {
                await("FIFREEZE is stuck below")
                        .atMost(Duration.ofSeconds(20))
                        .until(() -> Processes.isStuck(guard));
                assertThat(Files.readString(knob)).startsWith("1");
                GuardProbe.kill9(guard);
                await("the knob is put back")
                        .atMost(Duration.ofSeconds(5))
                        .until(() -> Files.readString(knob).startsWith("0"));
            } finally {
                lower.thaw();
            }
            FrozenProbe.awaitThawed(upper, Duration.ofSeconds(10));
            LullProcess.with().in(namespace).run("guard", "--stop");
        }
        Program.run("rm", "-r", knob.getParent().toString());
    }

    private static MountNamespace ownRun() {
        MountNamespace namespace = MountNamespace.make();
        namespace.run("mount", "-t", "tmpfs", "-o", "mode=711", "it", "/run/lull");
        return namespace;
    }

    private static void hold(ScratchFilesystem filesystem) {
        LullProcess.run("hold", place(filesystem), "--", "true").expect(0);
    }

    private static String place(ScratchFilesystem filesystem) {
        return filesystem.mountPoint().toString();
    }
}
