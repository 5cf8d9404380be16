package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.Writer;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Freeze and thaw on each filesystem. */
class FreezeIT {
    @ParameterizedTest
    @EnumSource
    void writersWaitForTheThawAndReadersDoNot(FilesystemType type) {
        try (var filesystem = ScratchFilesystem.make(type);
                var writer = Writer.start(filesystem)) {
            String lease =
                    LullProcess.run("freeze", "--timeout", "40s", place(filesystem))
                            .expect(0)
                            .onlyLine();

            writer.awaitBlocked();
            assertThat(Program.run("stat", "-c", "%F", filesystem.resolve("written").toString()))
                    .isEqualTo("regular file");
            assertThat(LullProcess.run("status", "--json").expect(0).outText())
                    .contains(lease, "\"frozen\"");

            LullProcess.run("thaw", lease).expect(0);
            writer.awaitGoing();
            assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();
        }
    }

    /** ext4_freeze empties the journal and clears the flag: an image taken now needs no replay to be read. */
    @ParameterizedTest
    @EnumSource(names = {"EXT3", "EXT4"})
    void theFrozenImageNeedsNoRecovery(FilesystemType type) {
        try (var filesystem = ScratchFilesystem.make(type);
                var writer = Writer.startDurable(filesystem)) {
            assertThat(features(filesystem)).contains("needs_recovery");
            String lease =
                    LullProcess.run("freeze", "--timeout", "40s", place(filesystem))
                            .expect(0)
                            .onlyLine();
            assertThat(features(filesystem)).doesNotContain("needs_recovery");
            LullProcess.run("thaw", lease).expect(0);
            writer.awaitGoing();
            assertThat(features(filesystem)).contains("needs_recovery");
        }
    }

    private static List<String> features(ScratchFilesystem filesystem) {
        return Program.run("dumpe2fs", "-h", filesystem.image().toString())
                .lines()
                .filter(line -> line.startsWith("Filesystem features:"))
                .flatMap(line -> List.of(line.split("\\s+", -1)).stream())
                .toList();
    }

    @Test
    void aSetIsFrozenWholeAndThawedByOneOfItsPaths() {
        try (var one = ScratchFilesystem.make(FilesystemType.EXT4);
                var two = ScratchFilesystem.make(FilesystemType.BTRFS);
                var writer = Writer.start(one);
                var other = Writer.start(two)) {
            LullProcess.run("freeze", "--timeout", "40s", place(one), place(two)).expect(0);
            writer.awaitBlocked();
            other.awaitBlocked();
            LullProcess.run("thaw", place(two)).expect(0);
            writer.awaitGoing();
            other.awaitGoing();
        }
    }

    @Test
    void thawAllEndsEveryLease() {
        try (var one = ScratchFilesystem.make(FilesystemType.EXT4);
                var two = ScratchFilesystem.make(FilesystemType.EXT4)) {
            LullProcess.run("freeze", "--timeout", "40s", place(one)).expect(0);
            LullProcess.run("freeze", "--timeout", "40s", place(two)).expect(0);
            LullProcess.run("thaw", "--all").expect(0);
            assertThat(FrozenProbe.isFrozen(one)).isFalse();
            assertThat(FrozenProbe.isFrozen(two)).isFalse();
        }
    }

    /** A set is frozen whole, or undone and reported. */
    @Test
    void nothingIsFrozenIfOneOfTheSetCannotBe() {
        try (var one = ScratchFilesystem.make(FilesystemType.EXT4);
                var two = ScratchFilesystem.make(FilesystemType.EXT4);
                var writer = Writer.start(one)) {
            two.freeze();
            var result =
                    LullProcess.run("freeze", "--timeout", "40s", place(one), place(two)).expect(5);
            assertThat(result.errText()).contains(place(two)).contains("hint:");
            writer.awaitGoing();
            assertThat(FrozenProbe.isFrozen(one)).isFalse();
            assertThat(FrozenProbe.isFrozen(two)).as("somebody else's freeze stays").isTrue();
            two.thaw();
        }
    }

    /** util-linux's words, with a timeout that it does not have. */
    @Test
    void fsfreezeTakesTheOptionsOfUtilLinux() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var writer = Writer.start(filesystem)) {
            LullProcess.run("fsfreeze", "-f", place(filesystem)).expect(0);
            writer.awaitBlocked();
            LullProcess.run("fsfreeze", "-u", place(filesystem)).expect(0);
            writer.awaitGoing();
            // As there: it thaws whoever froze.
            filesystem.freeze();
            LullProcess.run("fsfreeze", "--unfreeze", place(filesystem)).expect(0);
            writer.awaitGoing();
            assertThat(LullProcess.run("fsfreeze", "-u", place(filesystem)).status()).isNotZero();
        }
    }

    private static String place(ScratchFilesystem filesystem) {
        return filesystem.mountPoint().toString();
    }
}
