package dev.lull.snapshot.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import dev.lull.snapshot.Fit;
import dev.lull.snapshot.Origin;
import dev.lull.snapshot.PreparedSnapshot;
import dev.lull.snapshot.Snapshot;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotId;
import dev.lull.snapshot.SnapshotRecord;
import dev.lull.snapshot.SnapshotRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Scripts that fail, hang and print rubbish. Nothing is frozen here; what is mounted, the conformance suite tries. */
class CommandProviderTest {
    private static final StepLimits LIMITS =
            new StepLimits(Duration.ofSeconds(5), Duration.ofSeconds(5));
    private static final String GOOD_TAKE =
            "echo ready; read -r word || exit 0; log \"$word\"; echo done";

    @TempDir Path directory;

    private final Kernel kernel = new LinuxKernel();
    private Descriptor proc;
    private Path script;

    @BeforeEach
    void openOrigin() throws IOException {
        // Any mount will do.
        proc = kernel.openDirectory(Path.of("/proc"));
        script = directory.resolve("script");
    }

    @AfterEach
    void closeOrigin() throws IOException {
        proc.close();
    }

    /** A script whose steps are logged; what is not given does nothing. */
    private CommandProvider provider(String prepare, String take) throws IOException {
        return provider(prepare, take, LIMITS);
    }

    private CommandProvider provider(String prepare, String take, StepLimits limits)
            throws IOException {
        Files.writeString(
                script,
                """
                #!/bin/sh
                log() { echo "$1" >>%s; }
                log "$1"
                case $1 in
                prepare) %s ;;
                take) %s ;;
                esac
                """
                        .formatted(logFile(), prepare, take));
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
        return new CommandProvider(kernel, Optional.of(script), limits, InstantSource.system());
    }

    private Path logFile() {
        return directory.resolve("log");
    }

    private List<String> log() throws IOException {
        return Files.exists(logFile()) ? Files.readAllLines(logFile()) : List.of();
    }

    private SnapshotRequest request() throws IOException {
        return request(Duration.ofSeconds(5));
    }

    private SnapshotRequest request(Duration timeout) throws IOException {
        return new SnapshotRequest(SnapshotId.random(), Origin.of(kernel, proc), timeout, false);
    }

    @Test
    void stepsComeInOrder() throws Exception {
        CommandProvider provider = provider("echo volume=v7", GOOD_TAKE);
        Snapshot snapshot;
        try (PreparedSnapshot prepared = provider.prepare(request(), _ -> {})) {
            assertThat(log()).containsExactly("prepare", "take");
            snapshot = prepared.take();
        }
        snapshot.makeDurable();
        assertThat(log()).containsExactly("prepare", "take", "cut");
        assertThat(snapshot.record().names())
                .containsEntry("state.volume", "v7")
                .containsEntry("script", script.toString());
        snapshot.delete();
        assertThat(log()).containsExactly("prepare", "take", "cut", "delete");
    }

    @Test
    void aScriptThatIsGivenUpMakesNoCut() throws Exception {
        PreparedSnapshot prepared = provider("", GOOD_TAKE).prepare(request(), _ -> {});
        prepared.close();
        prepared.close();
        assertThat(log()).containsExactly("prepare", "take", "delete");
    }

    @Test
    void stepsAreToldWhatPrepareSaid() throws Exception {
        CommandProvider provider =
                provider(
                        "echo '{\"volume\": \"v 7\", \"size\": 3}'",
                        "env >" + directory.resolve("env") + "; " + GOOD_TAKE);
        SnapshotRequest request = request();
        try (PreparedSnapshot prepared = provider.prepare(request, _ -> {})) {
            prepared.take().makeDurable();
        }
        assertThat(Files.readAllLines(directory.resolve("env")))
                .contains(
                        "LULL_STATE_VOLUME=v 7",
                        "LULL_STATE_SIZE=3",
                        "LULL_SNAPSHOT_ID=" + request.id(),
                        "LULL_MOUNT_POINT=/proc",
                        "LULL_FILESYSTEM=proc",
                        "LULL_DEVICE=" + request.origin().device(),
                        "LULL_UUID=",
                        "LULL_CONTRACT=1")
                .anyMatch(line -> line.startsWith("LULL_STATE={"))
                .noneMatch(line -> line.startsWith("HOME="));
    }

    @Test
    void whatTakeSaysIsRememberedToo() throws Exception {
        CommandProvider provider =
                provider(
                        "echo volume=v7",
                        "echo ready; read -r word; echo snapshot=s9; echo done; echo late >&2");
        try (PreparedSnapshot prepared = provider.prepare(request(), _ -> {})) {
            Snapshot snapshot = prepared.take();
            snapshot.makeDurable();
            assertThat(snapshot.record().names())
                    .containsEntry("state.volume", "v7")
                    .containsEntry("state.snapshot", "s9");
        }
    }

    @Test
    void endingWithoutDoneIsDone() throws Exception {
        try (PreparedSnapshot prepared =
                provider("", "echo ready; read -r word; log cut").prepare(request(), _ -> {})) {
            prepared.take().makeDurable();
        }
        assertThat(log()).containsExactly("prepare", "take", "cut");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "echo hello world",
                "head -c 100 /dev/urandom; echo",
                "printf 'a=\\001\\n'",
                "echo '{\"a\":'",
                "yes",
                "echo estimate=soon",
                "echo freeze=maybe",
                "echo writes_to=relative",
                "echo writes_to=/no/such/directory",
                "echo bad luck >&2; exit 3",
                "kill -9 $$",
            })
    void aPrepareThatFailsIsUndone(String prepare) throws Exception {
        CommandProvider provider = provider(prepare, GOOD_TAKE);
        assertThatThrownBy(() -> provider.prepare(request(), _ -> {}))
                .isInstanceOf(SnapshotException.class)
                .hasMessageContaining(script.toString());
        assertThat(log()).containsExactly("prepare", "delete");
    }

    @Test
    void theScriptsLastWordsAreInTheMessage() throws Exception {
        CommandProvider provider = provider("echo first >&2; echo no such volume >&2; exit 3", "");
        assertThatThrownBy(() -> provider.prepare(request(), _ -> {}))
                .hasMessageContaining("exit status 3")
                .hasMessageContaining("no such volume");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "echo rubbish; sleep 1000",
                "exit 0",
                "exit 7",
                "sleep 1000",
            })
    void aTakeThatIsNeverReadyIsUndone(String take) throws Exception {
        CommandProvider provider =
                provider("", take, new StepLimits(Duration.ofMillis(700), Duration.ofSeconds(5)));
        assertThatThrownBy(() -> provider.prepare(request(), _ -> {}))
                .isInstanceOf(SnapshotException.class);
        assertThat(log()).containsExactly("prepare", "take", "delete");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "echo ready; read -r word; exit 4",
                "echo ready; read -r word; echo rubbish; sleep 1000",
                "echo ready; read -r word; sleep 1000",
                "echo ready; read -r word; yes a=b",
                "echo ready; exec <&-; exit 1",
            })
    void aCutThatFailsIsUndone(String take) throws Exception {
        CommandProvider provider = provider("", take);
        PreparedSnapshot prepared = provider.prepare(request(Duration.ofMillis(1500)), _ -> {});
        assertThatThrownBy(prepared::take)
                .isInstanceOf(SnapshotException.class)
                .hasMessageContaining(script + " take");
        prepared.close();
        assertThat(log()).containsExactly("prepare", "take", "delete");
    }

    @Test
    void aTakeThatFailsAfterItsCutIsNotDurable() throws Exception {
        try (PreparedSnapshot prepared =
                provider("", "echo ready; read -r word; echo done; echo lost >&2; exit 9")
                        .prepare(request(), _ -> {})) {
            Snapshot snapshot = prepared.take();
            assertThatThrownBy(snapshot::makeDurable)
                    .isInstanceOf(SnapshotException.class)
                    .hasMessageContaining("exit status 9")
                    .hasMessageContaining("lost");
        }
    }

    @Test
    void deletingWaitsForATakeThatIsNotFinished() throws Exception {
        try (PreparedSnapshot prepared =
                provider("", "echo ready; read -r word; echo done; sleep 0.3; log finished")
                        .prepare(request(), _ -> {})) {
            prepared.take().delete();
        }
        assertThat(log()).containsExactly("prepare", "take", "finished", "delete");
    }

    @Test
    void estimateFreezeAndTargetsAreTheScripts() throws Exception {
        try (PreparedSnapshot prepared =
                provider(
                                "echo estimate=300ms; echo freeze=no; echo writes_to=/proc:/sys",
                                GOOD_TAKE)
                        .prepare(request(), _ -> {})) {
            assertThat(prepared.estimate()).isEqualTo(Duration.ofMillis(300));
            assertThat(prepared.wantsFreeze()).isFalse();
            assertThat(prepared.writesTo()).hasSize(2).contains(Origin.of(kernel, proc).device());
        }
        try (PreparedSnapshot prepared = provider("", GOOD_TAKE).prepare(request(), _ -> {})) {
            assertThat(prepared.wantsFreeze()).isTrue();
            assertThat(prepared.writesTo()).isEmpty();
        }
        CommandProvider slow = provider("echo estimate=1m", GOOD_TAKE);
        assertThatThrownBy(() -> slow.prepare(request(), _ -> {}))
                .isInstanceOf(SnapshotException.TooSlow.class);
    }

    @Test
    void aMountThatMountsNothingIsAFailure() throws Exception {
        Path target = Files.createDirectory(directory.resolve("target"));
        try (PreparedSnapshot prepared = provider("", GOOD_TAKE).prepare(request(), _ -> {})) {
            Snapshot snapshot = prepared.take();
            snapshot.makeDurable();
            assertThatThrownBy(() -> snapshot.mount(target))
                    .isInstanceOf(SnapshotException.class)
                    .hasMessageContaining("nothing is mounted");
        }
        assertThat(log()).endsWith("mount", "unmount");
    }

    @Test
    void aScriptThatOthersCanChangeIsNotRun() throws Exception {
        CommandProvider provider = provider("", GOOD_TAKE);
        SnapshotRecord snapshot;
        try (PreparedSnapshot prepared = provider.prepare(request(), _ -> {})) {
            snapshot = prepared.intent();
        }
        Files.delete(logFile());

        for (String mode : List.of("rwxrwxr-x", "rwxr-xrwx", "rw-r--r--")) {
            Files.setPosixFilePermissions(script, PosixFilePermissions.fromString(mode));
            assertThat(provider.fits(Origin.of(kernel, proc))).isInstanceOf(Fit.No.class);
            assertThatThrownBy(() -> provider.prepare(request(), _ -> {}))
                    .isInstanceOf(SnapshotException.class);
            assertThatThrownBy(() -> provider.open(snapshot)).isInstanceOf(SnapshotException.class);
        }
        Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
        assertThat(provider.fits(Origin.of(kernel, proc))).isInstanceOf(Fit.Yes.class);
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
        assertThat(provider.fits(Origin.of(kernel, proc))).isInstanceOf(Fit.No.class);
        assertThat(log()).isEmpty();
    }

    @Test
    void aScriptMustBeNamedAbsolutelyAndBeThere() throws Exception {
        for (Path path : List.of(Path.of("script"), directory.resolve("absent"), directory)) {
            CommandProvider provider =
                    new CommandProvider(kernel, Optional.of(path), LIMITS, InstantSource.system());
            assertThat(provider.fits(Origin.of(kernel, proc))).isInstanceOf(Fit.No.class);
            assertThatThrownBy(() -> provider.prepare(request(), _ -> {}))
                    .isInstanceOf(SnapshotException.class);
        }
        CommandProvider none =
                new CommandProvider(kernel, Optional.empty(), LIMITS, InstantSource.system());
        assertThat(none.fits(Origin.of(kernel, proc))).isInstanceOf(Fit.No.class);
        assertThatThrownBy(() -> none.prepare(request(), _ -> {}))
                .isInstanceOf(SnapshotException.Unsupported.class);
    }
}
