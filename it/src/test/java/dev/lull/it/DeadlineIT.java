package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.HolderProgram;
import dev.lull.it.harness.JavaProgram;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Processes;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.Timing;
import dev.lull.it.harness.Writer;
import java.time.Duration;
import java.util.Comparator;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Nothing stays frozen past its deadline, and whoever froze learns that it ended. */
class DeadlineIT {
    @Test
    void aFreezeThatNobodyTouchesEndsAtItsDeadline() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var writer = Writer.start(filesystem)) {
            long asked = System.nanoTime();
            String lease =
                    LullProcess.run("freeze", "--timeout", "2s", place(filesystem))
                            .expect(0)
                            .onlyLine();
            long told = System.nanoTime();

            writer.awaitBlocked();
            writer.awaitGoing(Duration.ofSeconds(10));

            Writer.Write held =
                    writer.writes().stream()
                            .max(Comparator.comparing(Writer.Write::took))
                            .orElseThrow();
            assertThat(held.done() - asked)
                    .as("not before the deadline")
                    .isGreaterThan(Duration.ofSeconds(2).toNanos());
            assertThat(held.done() - told)
                    .as("by the deadline + 1 s")
                    .isLessThan(Timing.latest(Duration.ofSeconds(2)).toNanos());

            assertThat(LullProcess.run("history", "--json").expect(0).outText())
                    .contains(lease, "\"expired\"");
            assertThat(LullProcess.run("thaw", lease).expect(3).errText()).contains(lease);
        }
    }

    @Test
    void anExtendedFreezeOutlivesItsFirstDeadline() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var writer = Writer.start(filesystem)) {
            String lease =
                    LullProcess.run("freeze", "--timeout", "3s", place(filesystem))
                            .expect(0)
                            .onlyLine();
            writer.awaitBlocked();
            for (int round = 0; round < 3; round++) {
                await("it stays frozen")
                        .during(Duration.ofMillis(1200))
                        .atMost(Duration.ofMillis(2800))
                        .until(() -> FrozenProbe.isFrozen(filesystem));
                LullProcess.run("extend", lease).expect(0);
            }
            assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();
            LullProcess.run("thaw", lease).expect(0);
            writer.awaitGoing();
            assertThat(writer.longestStall()).isGreaterThan(Duration.ofMillis(3600));
        }
    }

    @Test
    void extendAfterTheDeadlineSaysEinval() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.XFS)) {
            String lease =
                    LullProcess.run("freeze", "--timeout", "1s", place(filesystem))
                            .expect(0)
                            .onlyLine();
            FrozenProbe.awaitThawed(filesystem, Duration.ofSeconds(10));
            LullProcess.Result late = LullProcess.run("extend", lease).expect(3);
            assertThat(late.errText()).contains(lease, "EINVAL").contains("hint:");
            assertThat(late.out()).isEmpty();
        }
    }

    /** The deadlock that the timeout was invented for. */
    @Test
    void whoeverWritesToItsOwnFrozenFilesystemIsFreedAndTold() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            long asked = System.nanoTime();
            LullProcess.Result result =
                    LullProcess.run(
                            "hold",
                            "--timeout",
                            "2s",
                            place(filesystem),
                            "--",
                            "touch",
                            filesystem.resolve("mine").toString());
            assertThat(System.nanoTime() - asked).isGreaterThan(Duration.ofSeconds(2).toNanos());
            assertThat(result.expect(124).errText()).contains("hint:");
            assertThat(filesystem.resolve("mine")).exists();
        }
    }

    @Test
    void aProgramThatWritesToItsOwnFrozenFilesystemIsFreedAndTold() throws Exception {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.BTRFS)) {
            Process holder =
                    JavaProgram.of(HolderProgram.class, "2000", place(filesystem))
                            .redirectError(ProcessBuilder.Redirect.INHERIT)
                            .start();
            try (var lines = holder.inputReader()) {
                assertThat(lines.readLine()).isEqualTo("frozen");
                long told = System.nanoTime();
                await("its own write is stuck").until(() -> Processes.isStuck(holder.pid()));
                assertThat(lines.readLine()).isEqualTo("not held");
                assertThat(System.nanoTime() - told)
                        .isLessThan(Timing.latest(Duration.ofSeconds(2)).toNanos());
            }
            assertThat(holder.waitFor(10, TimeUnit.SECONDS)).isTrue();
            assertThat(filesystem.resolve("mine")).exists();
        }
    }

    private static String place(ScratchFilesystem filesystem) {
        return filesystem.mountPoint().toString();
    }
}
