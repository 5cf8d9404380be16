package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.Writer;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code hold}: freeze, run, thaw, with the exit statuses of timeout(1). */
class HoldIT {
    private static ScratchFilesystem filesystem;

    @BeforeAll
    static void make() {
        filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
    }

    @AfterAll
    static void close() {
        filesystem.close();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 3, 123})
    void passesTheStatusOfTheCommandOn(int status) {
        hold("30s", "sh", "-c", "exit \"$1\"", "sh", Integer.toString(status)).expect(status);
        assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();
    }

    @Test
    void passesOutputOnAndPutsNoneBetween() {
        LullProcess.Result result = hold("30s", "sh", "-c", "echo out; echo err >&2").expect(0);
        assertThat(result.out()).containsExactly("out");
        assertThat(result.err()).containsExactly("err");
    }

    @Test
    void holdsWhileTheCommandRuns() {
        try (var writer = Writer.start(filesystem);
                var hold =
                        LullProcess.start(
                                "hold",
                                "--timeout",
                                "40s",
                                place(),
                                "--",
                                "sh",
                                "-c",
                                "echo frozen; sleep 3")) {
            hold.awaitOut("frozen"::equals);
            writer.awaitBlocked();
            assertThat(hold.isAlive()).isTrue();
            hold.finish().expect(0);
            writer.awaitGoing();
        }
    }

    @Test
    void tellsTheCommandItsLease() {
        LullProcess.Result result =
                hold(
                                "30s",
                                "sh",
                                "-c",
                                "\"$0\" extend \"$LULL_LEASE\" && echo \"$LULL_LEASE\"",
                                launcher())
                        .expect(0);
        assertThat(result.out().getLast()).matches("[a-z0-9]{8}");
    }

    @Test
    void says124IfTheLeaseWasNotHeldToTheEnd() {
        LullProcess.Result result = hold("1s", "sleep", "3").expect(124);
        assertThat(result.errText()).containsIgnoringCase("expired").contains("hint:");
    }

    @Test
    void says124EvenIfTheCommandSucceededAfterAll() {
        hold("1s", "sh", "-c", "sleep 2; exit 0").expect(124);
    }

    @Test
    void says125IfItFailsItself() {
        LullProcess.Result result =
                LullProcess.run(
                                "hold",
                                "--timeout",
                                "5s",
                                filesystem.resolve("absent").toString(),
                                "--",
                                "true")
                        .expect(125);
        assertThat(result.errText()).contains("absent").contains("hint:");
        LullProcess.run("hold", "--timeout", "never", place(), "--", "true").expect(125);
    }

    @Test
    void says126IfTheCommandCannotBeRun() {
        LullProcess.Result result = hold("5s", "/etc/passwd").expect(126);
        assertThat(result.errText()).contains("/etc/passwd");
        assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();
    }

    @Test
    void says127IfTheCommandIsNotThere() {
        LullProcess.Result result = hold("5s", "no-such-command").expect(127);
        assertThat(result.errText()).contains("no-such-command");
        assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();
    }

    @Test
    void says128PlusTheSignalThatEndedTheCommand() {
        hold("30s", "sh", "-c", "kill -s TERM $$").expect(128 + 15);
    }

    /** A Ctrl-C at the terminal: the command goes, the filesystem is thawed. */
    @Test
    void thawsWhenItIsTerminated() {
        try (var hold =
                LullProcess.start(
                        "hold",
                        "--timeout",
                        "60s",
                        place(),
                        "--",
                        "sh",
                        "-c",
                        "echo frozen; exec sleep 50")) {
            hold.awaitOut("frozen"::equals);
            hold.terminate();
            assertThat(hold.finish().status()).isNotZero();
            FrozenProbe.awaitThawed(filesystem, java.time.Duration.ofSeconds(5));
        }
    }

    private static LullProcess.Result hold(String timeout, String... command) {
        List<String> arguments =
                new ArrayList<>(List.of("hold", "--timeout", timeout, place(), "--"));
        arguments.addAll(List.of(command));
        return LullProcess.run(arguments.toArray(String[]::new));
    }

    private static String place() {
        return filesystem.mountPoint().toString();
    }

    private static String launcher() {
        return dev.lull.it.harness.TestNamespace.sourceTree().resolve("lull").toString();
    }
}
