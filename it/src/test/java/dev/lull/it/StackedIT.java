package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.GuardProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import dev.lull.it.harness.Timing;
import dev.lull.it.harness.Writer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** An ext4 whose image lies on an XFS, both in one set. Frozen or thawed in the wrong order, they deadlock. */
class StackedIT {
    private ScratchFilesystem lower;
    private ScratchFilesystem upper;

    @BeforeEach
    void make() {
        lower = ScratchFilesystem.make(FilesystemType.XFS);
        upper = ScratchFilesystem.of(FilesystemType.EXT4).on(lower).make();
    }

    @AfterEach
    void close() {
        // The upper one cannot be thawed before the lower one.
        lower.thawIfFrozen();
        upper.close();
        lower.close();
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void eitherOrderOfTheNamesWorks(boolean upperFirst) {
        try (var writer = Writer.startDurable(upper);
                var below = Writer.startDurable(lower)) {
            String lease = freeze("40s", upperFirst);
            writer.awaitBlocked();
            below.awaitBlocked();
            LullProcess.run("thaw", lease).expect(0);
            writer.awaitGoing();
            below.awaitGoing();
        }
    }

    @Test
    void bothAreThawedAtTheDeadline() {
        try (var writer = Writer.startDurable(upper)) {
            freeze("2s", true);
            long told = System.nanoTime();
            writer.awaitGoing(Duration.ofSeconds(15));
            assertThat(System.nanoTime() - told)
                    .isLessThan(Timing.latest(Duration.ofSeconds(2)).toNanos());
            assertThat(FrozenProbe.isFrozen(lower)).isFalse();
        }
    }

    @Test
    void bothAreThawedWithoutTheGuard() {
        try (var writer = Writer.startDurable(upper)) {
            freeze("20s", false);
            writer.awaitBlocked();
            GuardProbe.kill9(GuardProbe.pids().guard());
            writer.awaitGoing(Timing.latest(Duration.ofSeconds(20)));
            assertThat(FrozenProbe.isFrozen(lower)).isFalse();
        }
    }

    private String freeze(String timeout, boolean upperFirst) {
        List<String> places =
                new ArrayList<>(
                        List.of(upper.mountPoint().toString(), lower.mountPoint().toString()));
        if (!upperFirst) {
            Collections.reverse(places);
        }
        return LullProcess.run("freeze", "--timeout", timeout, places.get(0), places.get(1))
                .expect(0)
                .onlyLine();
    }

    /** Written back, and touched, is the file that the device uses, not whatever has its path. */
    @Test
    void aFileThatOnlyHasThePathOfTheImageIsLeftAlone() throws IOException {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            Path other = TestNamespace.current().directory("other").resolve("file");
            Files.writeString(other, "somebody's");
            FileTime then = FileTime.fromMillis(1_000_000_000_000L);
            Files.setLastModifiedTime(other, then);
            FileTime before = Files.getLastModifiedTime(filesystem.image());
            Program.run("mount", "--bind", other.toString(), filesystem.image().toString());
            try {
                LullProcess.run("hold", filesystem.mountPoint().toString(), "--", "true").expect(0);
                assertThat(Files.getLastModifiedTime(other)).isEqualTo(then);
            } finally {
                Program.run("umount", filesystem.image().toString());
            }
            LullProcess.run("hold", filesystem.mountPoint().toString(), "--", "true").expect(0);
            assertThat(Files.getLastModifiedTime(filesystem.image())).isGreaterThan(before);
        }
    }
}
