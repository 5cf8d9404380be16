package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.Writer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code lull doctor}: says and shows, and freezes nothing. */
class DoctorIT {
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void showsWhoHangsOnAFrozenFilesystemWhoeverFrozeIt(boolean byLull) {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var writer = Writer.start(filesystem)) {
            if (byLull) {
                LullProcess.run("freeze", "--timeout", "60s", place(filesystem)).expect(0);
            } else {
                filesystem.freeze();
            }
            writer.awaitBlocked();
            LullProcess.Result result = LullProcess.run("doctor", "--frozen");
            assertThat(result.outText()).contains(place(filesystem), Long.toString(writer.pid()));
            assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();

            LullProcess.run("thaw", "--foreign", place(filesystem)).expect(0);
            writer.awaitGoing();
        }
    }

    @Test
    void saysWhatAFreezeWouldDoAndDoesNot() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.XFS);
                var writer = Writer.start(filesystem)) {
            int before = writer.count();
            LullProcess.Result result = LullProcess.run("doctor", place(filesystem));
            assertThat(result.outText()).as("%s", result).contains(place(filesystem));
            assertThat(writer.count()).isGreaterThan(before);
            assertThat(LullProcess.run("doctor", "/proc").status()).isNotZero();
        }
    }

    private static String place(ScratchFilesystem filesystem) {
        return filesystem.mountPoint().toString();
    }
}
