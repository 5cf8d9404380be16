package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.TestNamespace;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** {@code lull demo}, as somebody runs it who sees lull for the first time. */
class DemoIT {
    @Test
    @Timeout(value = 4, unit = TimeUnit.MINUTES)
    void showsTheJobAndLeavesNothing() {
        String mounts = TestNamespace.mountinfo();
        String files = varTmp();
        try (var demo = LullProcess.start("demo", "--no-install")) {
            LullProcess.Result result = demo.finish(Duration.ofMinutes(3)).expect(0);
            String shown = result.outText() + "\n" + result.errText();
            assertThat(shown)
                    .contains("freeze", "snapshot", "thaw", "held, and proven", "longest write");
        }
        assertThat(TestNamespace.mountinfo()).isEqualTo(mounts);
        assertThat(varTmp()).isEqualTo(files);
    }

    @Test
    @Timeout(value = 4, unit = TimeUnit.MINUTES)
    void tellsItAsJson() {
        try (var demo = LullProcess.start("demo", "--no-install", "--json")) {
            LullProcess.Result result = demo.finish(Duration.ofMinutes(3)).expect(0);
            assertThat(result.outText())
                    .startsWith("{")
                    .contains(
                            "\"longestWriteNanos\":", "\"windowNanos\"", "\"restoredEqual\":true");
            assertThat(result.errText()).contains("held, and proven");
        }
    }

    // Other runs of these tests may come and go there.
    private static String varTmp() {
        return Program.run("find", "/var/tmp", "-maxdepth", "1", "-name", "lull-demo*");
    }
}
