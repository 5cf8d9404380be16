package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.GuardProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.Writer;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Somebody else freezes and thaws what Lull holds. */
class ForeignIT {
    @ParameterizedTest
    @EnumSource
    void aForeignThawLosesTheLease(FilesystemType type) {
        try (var filesystem = ScratchFilesystem.make(type)) {
            String lease = freeze(filesystem);
            filesystem.thaw();
            awaitEnd(lease, "lost");
            assertThat(LullProcess.run("extend", lease).expect(3).errText()).contains("EINVAL");
            LullProcess.run("thaw", lease).expect(3);
        }
    }

    /** FITHAW answers 0 to this: only the canary knows. */
    @ParameterizedTest
    @EnumSource
    void aForeignThawAndFreezeLosesTheLease(FilesystemType type) {
        try (var filesystem = ScratchFilesystem.make(type)) {
            String lease = freeze(filesystem);
            filesystem.thaw();
            filesystem.freeze();
            LullProcess.run("thaw", lease).expect(3);
            awaitEnd(lease, "lost");
            assertThat(FrozenProbe.isFrozen(filesystem)).as("it is theirs").isTrue();
            filesystem.thaw();
        }
    }

    /** Nor is it thawed at the deadline that the lease had, nor when guard and sentry die. */
    @ParameterizedTest
    @EnumSource(names = {"EXT4", "XFS", "BTRFS"})
    void aForeignFreezeOutlivesTheLeaseThatWasLost(FilesystemType type) {
        try (var filesystem = ScratchFilesystem.make(type)) {
            LullProcess.run("freeze", "--timeout", "2s", place(filesystem)).expect(0);
            filesystem.thaw();
            filesystem.freeze();
            await("it stays frozen")
                    .during(Duration.ofSeconds(4))
                    .atMost(Duration.ofSeconds(10))
                    .until(() -> FrozenProbe.isFrozen(filesystem));
            GuardProbe.Pids pids = GuardProbe.pids();
            GuardProbe.kill9(pids.sentry(), pids.guard());
            // The successor.
            GuardProbe.start();
            assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();
            filesystem.thaw();
        }
    }

    @Test
    void holdSays124AfterAForeignThawAndFreeze() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var hold =
                        LullProcess.start(
                                "hold",
                                "--timeout",
                                "40s",
                                place(filesystem),
                                "--",
                                "sh",
                                "-c",
                                "echo frozen; sleep 2")) {
            hold.awaitOut("frozen"::equals);
            filesystem.thaw();
            filesystem.freeze();
            assertThat(hold.finish().expect(124).errText()).contains("hint:");
            filesystem.thawIfFrozen();
        }
    }

    /** Promise 3: when the loss is known, the new freeze is somebody else's, and stays. */
    @Test
    void aFreezeThatSomebodyMadeAfterALossIsLeftAlone() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            String lease = freeze(filesystem);
            filesystem.thaw();
            awaitEnd(lease, "lost");
            filesystem.freeze();
            LullProcess.run("thaw", lease).expect(3);
            LullProcess.run("thaw", "--all").expect(0);
            assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();
            filesystem.thaw();
        }
    }

    @Test
    void whatSomebodyElseHasFrozenIsRefusedAndLeftAlone() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.XFS)) {
            filesystem.freeze();
            var refused =
                    LullProcess.run("freeze", "--timeout", "20s", place(filesystem)).expect(5);
            assertThat(refused.errText()).contains(place(filesystem)).contains("hint:");
            assertThat(refused.out()).isEmpty();
            assertThat(LullProcess.run("thaw", place(filesystem)).status()).isNotZero();
            assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();

            LullProcess.run("thaw", "--foreign", place(filesystem)).expect(0);
            assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();
        }
    }

    @Test
    void whatAnotherLeaseHoldsIsRefused() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var writer = Writer.start(filesystem)) {
            String lease = freeze(filesystem);
            assertThat(
                            LullProcess.run("freeze", "--timeout", "5s", place(filesystem))
                                    .expect(5)
                                    .errText())
                    .contains(lease);
            writer.awaitBlocked();
            LullProcess.run("thaw", lease).expect(0);
            writer.awaitGoing();
        }
    }

    private static String freeze(ScratchFilesystem filesystem) {
        return LullProcess.run("freeze", "--timeout", "40s", place(filesystem))
                .expect(0)
                .onlyLine();
    }

    private static void awaitEnd(String lease, String state) {
        await("lease " + lease + " is " + state)
                .atMost(Duration.ofSeconds(30))
                .untilAsserted(() ->
                        assertThat(LullProcess.run("history", "--json").expect(0).outText())
                                .containsPattern("(?s)\"" + lease + "\"[^{]*\"" + state + '"'));
    }

    private static String place(ScratchFilesystem filesystem) {
        return filesystem.mountPoint().toString();
    }
}
