package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.MountNamespace;
import dev.lull.it.harness.Processes;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import dev.lull.it.harness.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The harness against util-linux's fsfreeze: what the other tests find must not be the harness's own doing. */
class HarnessIT {
    @ParameterizedTest
    @EnumSource
    void seesAFreezeAndAThaw(FilesystemType type) {
        try (var filesystem = ScratchFilesystem.make(type);
                var writer = Writer.start(filesystem)) {
            assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();

            filesystem.freeze();
            writer.awaitBlocked();
            assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();

            filesystem.thaw();
            writer.awaitGoing();
            assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();
            assertThat(writer.longestStall()).isGreaterThan(Duration.ofMillis(200));
        }
    }

    @Test
    void leavesNothing() throws Exception {
        Path image;
        String device;
        String mountsBefore = TestNamespace.mountinfo();
        try (var lower = ScratchFilesystem.make(FilesystemType.XFS);
                var upper = ScratchFilesystem.of(FilesystemType.EXT4).on(lower).make()) {
            image = upper.image();
            device = upper.device();
            assertThat(image).startsWith(lower.mountPoint());
            upper.freeze();
            lower.freeze();
            // Closed while both are frozen: the upper one cannot be thawed before the lower one.
            lower.thaw();
        }
        assertThat(image).doesNotExist();
        assertThat(Program.run("losetup", "--list", "--noheadings", "--output", "NAME"))
                .satisfiesAnyOf(
                        names -> assertThat(names.lines()).doesNotContain(device),
                        // Another process of this machine may have got the same device since.
                        names ->
                                assertThat(Program.run("losetup", device))
                                        .doesNotContain(image.toString()));
        assertThat(TestNamespace.mountinfo()).isEqualTo(mountsBefore);
        try (var left = Files.list(TestNamespace.current().registry())) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void aKilledWriterEndsWithTheFreeze() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var writer = Writer.start(filesystem)) {
            filesystem.freeze();
            writer.awaitBlocked();
            Processes.signal(writer.pid(), "KILL");
            // The leader is a zombie, and the thread in state D lives.
            assertThat(Processes.isGone(writer.pid())).isFalse();
            filesystem.thaw();
        }
    }

    @Test
    void aFurtherNamespaceHasMountsOfItsOwn() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var other = MountNamespace.make()) {
            Path place = TestNamespace.current().directory("other");
            other.run("mount", "--bind", filesystem.mountPoint().toString(), place.toString());
            assertThat(other.run("findmnt", "-n", "-o", "FSTYPE", place.toString()))
                    .isEqualTo("ext4");
            assertThat(TestNamespace.mountinfo()).doesNotContain(" " + place + " ");
        }
    }
}
