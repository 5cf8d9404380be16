package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.Ioctls;
import dev.lull.it.harness.LeaseProbe;
import dev.lull.it.harness.ScratchFilesystem;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Signals while a freeze is made: a thousand freezes under a signal every 0.3 ms. */
class RunSignalsIT {
    private static final Pattern COUNTS =
            Pattern.compile("done (\\d+) interrupted (\\d+) wrong (\\d+)");

    /**
     * Either it is frozen under a lease, or the call was interrupted and nothing is; with SA_RESTART, as with the plain
     * kernel, it is never interrupted.
     */
    @ParameterizedTest
    @CsvSource({
        "alarms,EXT4,250",
        "alarms,XFS,250",
        "alarms-restart,EXT4,250",
        "alarms-restart,XFS,250"
    })
    void neverFreezeWithoutALease(String alarms, FilesystemType type, int times) {
        try (var filesystem = ScratchFilesystem.make(type)) {
            String told = Ioctls.run(filesystem, alarms, "repeat:" + times).outText();
            Matcher counts = COUNTS.matcher(told);
            assertThat(counts.matches()).as(told).isTrue();
            int done = Integer.parseInt(counts.group(1));
            int interrupted = Integer.parseInt(counts.group(2));
            assertThat(counts.group(3)).as("neither this nor that").isEqualTo("0");
            assertThat(done + interrupted).isEqualTo(times);
            assertThat(done).as("a signal must not keep it from freezing").isPositive();
            if (alarms.equals("alarms-restart")) {
                assertThat(interrupted).isZero();
            }
            assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();
            assertThat(
                            LeaseProbe.ended(filesystem).stream()
                                    .filter(lease -> lease.state().equals("released")))
                    .as("one lease for each")
                    .hasSize(done);
        }
    }
}
