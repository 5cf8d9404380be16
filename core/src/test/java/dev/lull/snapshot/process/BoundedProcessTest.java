package dev.lull.snapshot.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.lull.linux.LinuxKernel;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class BoundedProcessTest {
    private static final Duration LONG = Duration.ofSeconds(30);
    private static final Duration SHORT = Duration.ofMillis(300);

    @TempDir Path directory;

    private static BoundedProcess shell(String commands, boolean input) throws IOException {
        return BoundedProcess.start(
                new LinuxKernel(),
                List.of("/bin/sh", "-c", commands),
                Map.of("PATH", Programs.PATH, "ONLY", "this"),
                input,
                1000);
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    @Test
    void givesStatusOutputAndErrors() throws Exception {
        try (BoundedProcess process = shell("echo out; echo err >&2; exit 3", false)) {
            BoundedProcess.Ended ended = process.awaitEnd(LONG);
            assertThat(ended.status()).isEqualTo(3);
            assertThat(text(ended.output())).isEqualTo("out\n");
            assertThat(ended.errors()).isEqualTo("err\n");
        }
    }

    @Test
    void hasItsEnvironmentAndNoOther() throws Exception {
        try (BoundedProcess process = shell("env; pwd", false)) {
            assertThat(text(process.awaitEnd(LONG).output()).lines())
                    .contains("ONLY=this", "/")
                    .noneMatch(line -> line.startsWith("HOME=") || line.startsWith("JAVA_HOME="));
        }
    }

    @Test
    void hasNoInputUnlessItIsSentSome() throws Exception {
        try (BoundedProcess process = shell("cat", false)) {
            assertThat(process.awaitEnd(LONG).output()).isEmpty();
        }
        try (BoundedProcess process = shell("read -r word; echo \"$word!\"", true)) {
            process.send("hello\n".getBytes(StandardCharsets.UTF_8));
            assertThat(process.awaitLine(LONG)).contains("hello!");
            assertThat(process.awaitLine(LONG)).isEmpty();
        }
    }

    @Test
    void linesAreTakenOneByOne() throws Exception {
        try (BoundedProcess process = shell("printf 'a\\n\\nb\\nrest'", false)) {
            assertThat(process.awaitLine(LONG)).contains("a");
            assertThat(process.awaitLine(LONG)).contains("");
            assertThat(process.awaitLine(LONG)).contains("b");
            assertThat(process.awaitLine(LONG)).contains("rest");
            assertThat(process.awaitLine(LONG)).isEmpty();
            assertThat(process.awaitEnd(LONG).output()).isEmpty();
        }
    }

    @Test
    void atTheLimitTheWholeGroupIsKilled() throws Exception {
        Path pid = directory.resolve("pid");
        try (BoundedProcess process =
                shell(
                        "sleep 1000 & echo $! >"
                                + pid
                                + ".new; mv "
                                + pid
                                + ".new "
                                + pid
                                + "; wait",
                        false)) {
            await().until(() -> Files.exists(pid));
            assertThatThrownBy(() -> process.awaitEnd(SHORT))
                    .isInstanceOf(ProcessLimitException.class)
                    .hasMessageContaining("300ms")
                    .hasMessageContaining("killed");
            assertThat(process.isAlive()).isFalse();
            long child = Long.parseLong(Files.readString(pid).strip());
            await().until(() -> isGone(child));
        }
    }

    /** A zombie that nobody has reaped yet is gone as well. */
    private static boolean isGone(long pid) throws IOException {
        Path stat = Path.of("/proc", Long.toString(pid), "stat");
        try {
            return Files.readString(stat).contains(") Z ");
        } catch (IOException _) {
            return Files.notExists(stat);
        }
    }

    @Test
    void noLineInTimeIsALimitToo() throws Exception {
        try (BoundedProcess process = shell("printf half; exec sleep 1000", false)) {
            assertThatThrownBy(() -> process.awaitLine(SHORT))
                    .isInstanceOf(ProcessLimitException.class);
            assertThat(process.isAlive()).isFalse();
        }
    }

    @Test
    void tooMuchOutputIsKilled() throws Exception {
        try (BoundedProcess process = shell("yes", false)) {
            assertThatThrownBy(() ->
                            process.awaitLine(LONG)
                                    .ifPresent(_ -> {
                                        throw new IllegalStateException(
                                                "not reached, or the next one fails");
                                    }))
                    .isInstanceOfAny(ProcessLimitException.class, IllegalStateException.class);
            assertThatThrownBy(() -> process.awaitEnd(Duration.ofSeconds(10)))
                    .isInstanceOf(ProcessLimitException.class);
            assertThat(process.isAlive()).isFalse();
        }
        try (BoundedProcess process = shell("head -c 1001 /dev/zero", false)) {
            assertThatThrownBy(() -> process.awaitEnd(LONG))
                    .hasMessageContaining("more than 1000 bytes");
        }
        try (BoundedProcess process = shell("head -c 1000 /dev/zero", false)) {
            assertThat(process.awaitEnd(LONG).output()).hasSize(1000);
        }
    }

    @Test
    void theEndOfManyErrorsIsKept() throws Exception {
        try (BoundedProcess process = shell("seq 1 10000 >&2; echo last >&2", false)) {
            assertThat(process.awaitEnd(LONG).errors()).endsWith("10000\nlast\n").hasSize(4096);
        }
    }

    @Test
    void closingEndsIt() throws Exception {
        BoundedProcess process = shell("exec sleep 1000", false);
        process.close();
        process.close();
        assertThat(process.isAlive()).isFalse();
    }

    @Test
    void whatCannotBeStartedSaysSo() throws Exception {
        try (BoundedProcess process =
                BoundedProcess.start(
                        new LinuxKernel(),
                        List.of("/no/such/program"),
                        Map.of("PATH", Programs.PATH),
                        false,
                        10)) {
            BoundedProcess.Ended ended = process.awaitEnd(LONG);
            // setsid(1) is what says it.
            assertThat(ended.status()).isEqualTo(127);
            assertThat(ended.errors()).contains("/no/such/program");
        }
    }
}
