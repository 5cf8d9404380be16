package dev.lull.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lull.linux.LinuxKernel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlanFileTest {
    private static final int SELF = new LinuxKernel().effectiveUser();

    private @TempDir Path directory;
    private Path file;

    @BeforeEach
    void name() {
        file = directory.resolve("lull.yaml");
    }

    private PlanFile read(String... lines) throws IOException, CommandException {
        Files.writeString(file, String.join("\n", lines) + "\n");
        return PlanFile.read(file, SELF);
    }

    @Test
    void aPlanIsABackupWithAName() throws Exception {
        PlanFile plans =
                read(
                        "# every night",
                        "plans:",
                        "  nightly:",
                        "    paths: [/srv, /home]",
                        "    to: /backup",
                        "    timeout: 20s",
                        "    hooks: /etc/lull/hooks.d",
                        "    hook:",
                        "      - /etc/lull/a",
                        "      - /etc/lull/b",
                        "    verify-filesystem: true",
                        "    keep-snapshot: false",
                        "    level: 9",
                        "  remote:",
                        "    paths: /srv",
                        "    command: [restic, backup, .]");

        assertThat(plans.problems()).isEmpty();
        assertThat(plans.plan("nightly").words())
                .containsExactly(
                        "--to=/backup",
                        "--timeout=20s",
                        "--hooks=/etc/lull/hooks.d",
                        "--hook=/etc/lull/a",
                        "--hook=/etc/lull/b",
                        "--verify-filesystem",
                        "--level=9",
                        "/srv",
                        "/home");
        assertThat(plans.plan("remote").words())
                .containsExactly("/srv", "--", "restic", "backup", ".");
        assertThatThrownBy(() -> plans.plan("weekly"))
                .hasMessageContaining("is called weekly")
                .satisfies(e ->
                        assertThat(((CommandException) e).hint())
                                .isEqualTo("there is nightly, remote"));
    }

    /** Of a plan with good paths and a good destination, in one line from column 5. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "tineout: 3s | 3:14 | unknown key tineout; known are command, ",
                "timeout: soon | 3:14 | plan p: --timeout soon is not a duration",
                "timeout: 25h | 3:14 | plan p: --timeout 25h is too long",
                "level: 40 | 3:12 | plan p: --level 40 is out of range",
                "level: [1, 2] | 3:12 | level is to have one value",
                "keep-snapshot: 3 | 3:20 | keep-snapshot is to be true or false",
                "hooks: hooks.d | 3:12 | hooks is to be absolute, and is hooks.d",
                "hooks: {a: b} | 3:12 | hooks is to be a word, or a list of words",
                "json: true | 3:11 | unknown key json",
                "config: /x | 3:13 | unknown key config",
                "hook: x/y | 3:11 | hook is to be absolute, and is x/y",
                "command: [restic] | 3:5 | plan p: a tool and an archive",
            })
    void whatIsWrongIsToldWithItsPlace(String line, String place, String what) throws Exception {
        PlanFile plans =
                read("plans:", "  p:", "    " + line, "    paths: /srv", "    to: /backup");

        assertThat(plans.problems())
                .singleElement()
                .asString()
                .startsWith(file + ":" + place + ": " + what);
        assertThatThrownBy(() -> plans.plan("p")).hasMessage(plans.problems().getFirst());
    }

    @Test
    void allThatIsWrongIsTold() throws Exception {
        PlanFile plans =
                read(
                        "plans:",
                        "  a: {to: /backup}",
                        "  b/c: {paths: /srv}",
                        "  d: [1]",
                        "other: 1");

        assertThat(plans.problems())
                .containsExactly(
                        file + ":2:6: plan a has no paths",
                        file + ":3:8: a plan's name has no slash, and begins with no dash",
                        file + ":4:6: plan d is to be keys with values",
                        file + ":4:6: plan d has no paths",
                        file + ":5:8: unknown key other; known is plans");
    }

    @Test
    void whatIsNoYamlIsToldWithItsPlace() throws Exception {
        assertThat(read("plans:", "  p: [/srv").problems())
                .singleElement()
                .asString()
                .startsWith(file + ":3:1: ");
        assertThat(read("").problems())
                .containsExactly(file + ": the file is to be keys with values");
        assertThat(read("plans:", "  p: {paths: /a, paths: /b, to: /c}").problems())
                .singleElement()
                .asString()
                .contains("paths");
    }

    @Test
    void aFileThatOthersCanChangeIsNotRead() throws Exception {
        Files.writeString(file, "plans: {}\n");
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-rw-rw-"));
        assertThatThrownBy(() -> PlanFile.read(file, SELF))
                .hasMessageContaining("writable by others");
    }

    @Test
    void aFileThatIsNotThereIsSaidSo() {
        assertThatThrownBy(() -> PlanFile.read(file, SELF)).hasMessage("there is no " + file);
    }

    @Test
    void aParticipantThatIsNoneIsToldWithItsPlace() throws Exception {
        assertThat(
                        read(
                                        "plans:",
                                        "  nightly:",
                                        "    paths: /srv",
                                        "    to: /backup",
                                        "    participants:",
                                        "      - oracle: {port: 1}")
                                .problems())
                .containsOnly(
                        file
                                + ":6:17: participant oracle: oracle is no kind of participant; there is none");
    }
}
