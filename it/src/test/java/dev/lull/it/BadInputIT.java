package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.GuardProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.MountNamespace;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.SpeakingGuard;
import dev.lull.it.harness.TestNamespace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever is asked wrongly gets a clear line, a hint and the right exit status; nothing is frozen, nothing is left. */
class BadInputIT {
    private static final int USAGE = 2;
    private static final int CANNOT_FREEZE = 4;
    private static final int NOT_PERMITTED = 6;
    private static final int GUARD = 8;

    private static ScratchFilesystem filesystem;

    @BeforeAll
    static void make() {
        filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
    }

    @AfterAll
    static void close() {
        filesystem.close();
    }

    @AfterEach
    void nothingIsFrozen() {
        assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();
    }

    @Test
    void noSuchPath() {
        refused(USAGE, "/no/such/path", freeze("/no/such/path"));
    }

    @Test
    void notADirectory() throws IOException {
        Path file = Files.createFile(filesystem.resolve("plain"));
        refused(USAGE, file.toString(), freeze(file.toString()));
        Files.delete(file);
    }

    /** Or a script whose mount had vanished would freeze the parent. */
    @Test
    void notAMountPoint() throws IOException {
        Path directory = Files.createDirectory(filesystem.resolve("inner"));
        LullProcess.Result result =
                refused(USAGE, directory.toString(), freeze(directory.toString()));
        assertThat(result.errText()).contains(place()).contains("--any-path");

        String lease =
                LullProcess.run("freeze", "--any-path", "--timeout", "20s", directory.toString())
                        .expect(0)
                        .onlyLine();
        assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();
        LullProcess.run("thaw", lease).expect(0);
        Files.delete(directory);
    }

    @Test
    void aVanishedMountNeverMeansItsParent() throws IOException {
        Path inner = Files.createDirectory(filesystem.resolve("mounted"));
        try (var other = ScratchFilesystem.make(FilesystemType.EXT4);
                var namespace = MountNamespace.make()) {
            namespace.run("mount", "--bind", other.mountPoint().toString(), inner.toString());
            namespace.run("umount", inner.toString());
            refused(
                    USAGE,
                    inner.toString(),
                    LullProcess.with()
                            .in(namespace)
                            .run("freeze", "--timeout", "20s", inner.toString()));
        }
        Files.delete(inner);
    }

    @Test
    void aBindMountedFile() throws IOException {
        Path file = Files.createFile(filesystem.resolve("file"));
        try (var namespace = MountNamespace.make()) {
            namespace.run("mount", "--bind", file.toString(), file.toString());
            refused(
                    USAGE,
                    file.toString(),
                    LullProcess.with()
                            .in(namespace)
                            .run("freeze", "--timeout", "20s", file.toString()));
        }
        Files.delete(file);
    }

    @Test
    void twoNamesOfOneFilesystemAreFrozenOnce() {
        try (var namespace = MountNamespace.make()) {
            namespace.run("mount", "--bind", place(), "/srv");
            String lease =
                    LullProcess.with()
                            .in(namespace)
                            .run("freeze", "--timeout", "20s", place(), "/srv")
                            .expect(0)
                            .onlyLine();
            assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();
            LullProcess.run("thaw", lease).expect(0);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"tmpfs", "overlay"})
    void aFilesystemThatCannotFreeze(String type) {
        Path place = TestNamespace.current().directory(type);
        Path layers = TestNamespace.current().directory("layers");
        try {
            Program.run("mkdir", layers + "/lower", layers + "/upper", layers + "/work");
            Program.run(
                    "mount",
                    "-t",
                    type,
                    "-o",
                    type.equals("overlay")
                            ? "lowerdir="
                                    + layers
                                    + "/lower,upperdir="
                                    + layers
                                    + "/upper,workdir="
                                    + layers
                                    + "/work"
                            : "size=1m",
                    "it",
                    place.toString());
            try {
                refused(CANNOT_FREEZE, "EOPNOTSUPP", freeze(place.toString()));
                // With one that can: neither.
                refused(
                        CANNOT_FREEZE,
                        "EOPNOTSUPP",
                        LullProcess.run("freeze", "--timeout", "20s", place(), place.toString()));
            } finally {
                Program.run("umount", place.toString());
            }
        } finally {
            Program.run("rm", "-rf", place.toString(), layers.toString());
        }
    }

    @Test
    void procCannotFreeze() {
        refused(CANNOT_FREEZE, "EOPNOTSUPP", freeze("/proc"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-1s",
                "0s",
                "0ms",
                "1000000h",
                "99999999999999999999s",
                "6m",
                "soon",
                "1.5s",
                "10",
                "s",
                "",
                "٣s",
                "1e3s"
            })
    void aTimeoutThatMakesNoSense(String timeout) {
        refused(USAGE, "--timeout", LullProcess.run("freeze", "--timeout=" + timeout, place()));
        refused(USAGE, "--within", LullProcess.run("freeze", "--within=" + timeout, place()));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "freeze",
                "hold",
                "thaw",
                "extend",
                "fsfreeze",
                "thaw --foreign",
                "freeze --no-such-option /",
                "no-such-command"
            })
    void argumentsThatMakeNoSense(String line) {
        String[] words = line.split(" ", -1);
        LullProcess.Result result = LullProcess.run(words);
        result.expect(words[0].equals("hold") ? 125 : USAGE);
        assertThat(result.errText()).isNotBlank().doesNotContain("Exception");
        assertThat(result.out()).isEmpty();
    }

    @Test
    void aLeaseThatIsNone() {
        refused(3, "zzzzzzzz", LullProcess.run("thaw", "zzzzzzzz"));
        refused(3, "EINVAL", LullProcess.run("extend", "zzzzzzzz"));
    }

    @Test
    void notRoot() {
        try (var namespace = MountNamespace.make()) {
            // The tree may lie where only root can go.
            namespace.run("mount", "--bind", TestNamespace.sourceTree().toString(), "/mnt");
            for (List<String> command :
                    List.of(
                            List.of("freeze", "--timeout", "5s", "/srv"),
                            List.of("status"),
                            List.of("thaw", "abcdefgh"),
                            List.of("fsfreeze", "-f", "/srv"))) {
                namespace.run("mount", "--bind", place(), "/srv");
                refused(
                        NOT_PERMITTED,
                        "root",
                        LullProcess.with()
                                .in(namespace)
                                .through(
                                        "setpriv",
                                        "--reuid=65534",
                                        "--regid=65534",
                                        "--clear-groups",
                                        "--")
                                .launcher(Path.of("/mnt/lull"))
                                .run(command.toArray(String[]::new)));
            }
        }
    }

    @Test
    void stdoutOnWhatIsToBeFrozen() throws IOException {
        Path file = filesystem.resolve("out");
        LullProcess.Result result =
                LullProcess.with().stdout(file).run("freeze", "--timeout", "20s", place());
        refused(USAGE, "stdout", result);
        assertThat(Files.size(file)).isZero();
        Files.delete(file);
    }

    @Test
    void stderrOnWhatIsToBeFrozen() throws IOException {
        Path file = filesystem.resolve("err");
        LullProcess.with().stderr(file).run("freeze", "--timeout", "20s", place()).expect(USAGE);
        assertThat(Files.readString(file)).contains("stderr").contains("hint:");
        Files.delete(file);
    }

    @Test
    void workingDirectoryOnWhatIsToBeFrozen() {
        refused(
                USAGE,
                "working directory",
                LullProcess.with()
                        .workingDirectory(filesystem.mountPoint())
                        .run("freeze", "--timeout", "20s", "."));
    }

    @Test
    void holdRefusesAsWell() throws IOException {
        Path file = filesystem.resolve("out");
        LullProcess.Result result =
                LullProcess.with().stdout(file).run("hold", place(), "--", "true");
        refused(125, "stdout", result);
        Files.delete(file);
    }

    @Test
    void aGuardOfAnotherVersion() throws IOException {
        GuardProbe.stop();
        try (var _ =
                SpeakingGuard.saying(
                        "{\"parameters\":{\"version\":\"9.9\",\"protocol\":9,\"pid\":1,\"upSince\":1,\"now\":1,"
                                + "\"leases\":[],\"warnings\":[]}}\0")) {
            refused(GUARD, "9.9", freeze(place()));
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "rubbish\0",
                "{\"parameters\":7}\0",
                "{\"error\":\"dev.lull.Guard.Exploded\",\"parameters\":{}}\0"
            })
    void aGuardThatTalksRubbish(String words) throws IOException {
        GuardProbe.stop();
        try (var _ = SpeakingGuard.saying(words)) {
            LullProcess.Result result = freeze(place());
            assertThat(result.status()).as("%s", result).isIn(1, GUARD);
            assertThat(result.errText()).contains("hint:").doesNotContain("Exception");
        }
    }

    private static LullProcess.Result freeze(String path) {
        return LullProcess.run("freeze", "--timeout", "20s", path);
    }

    /** One line that says what, then a hint; nothing on stdout, nothing frozen. */
    private static LullProcess.Result refused(int status, String what, LullProcess.Result result) {
        result.expect(status);
        assertThat(result.errText())
                .as("%s", result)
                .contains(what)
                .contains("\nhint: ")
                .doesNotContain("Exception");
        assertThat(result.err().getFirst()).as("lower case").matches("lull: \\P{Lu}.*");
        assertThat(result.out()).isEmpty();
        assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();
        return result;
    }

    private static String place() {
        return filesystem.mountPoint().toString();
    }
}
