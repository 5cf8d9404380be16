package dev.lull.guard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Mount;
import dev.lull.linux.MountTree;
import dev.lull.linux.Peer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PolicyTest {
    private static final DeviceNumber ROOT = new DeviceNumber(8, 0);
    private static final DeviceNumber SRV = new DeviceNumber(8, 1);
    private static final DeviceNumber DB = new DeviceNumber(8, 2);
    private static final MountTree MOUNTS =
            new MountTree(
                    List.of(
                            mount(20, 1, ROOT, "/", "/"),
                            mount(21, 20, SRV, "/", "/srv"),
                            mount(22, 21, DB, "/", "/srv/db"),
                            mount(23, 21, ROOT, "/home/jail", "/srv/jail"),
                            mount(24, 20, DB, "/", "/mnt/a b")));

    private @TempDir Path directory;
    private Accounts accounts;

    private static Mount mount(int id, int parent, DeviceNumber device, String root, String point) {
        return new Mount(
                id, parent, device, root, Path.of(point), List.of(), "ext4", "disk", List.of());
    }

    @BeforeEach
    void write() throws IOException {
        accounts = new Accounts(directory.resolve("passwd"), directory.resolve("group"));
        Files.writeString(
                accounts.passwd(), "root:x:0:0::/:\nalice:x:1000:1000:A:/:/bin/sh\nbad\n");
        Files.writeString(accounts.group(), "wheel:x:10:alice\nbackup:x:34:\n");
    }

    private Policy parse(String text) throws PolicyException {
        return PolicyText.parse(text.getBytes(StandardCharsets.UTF_8), accounts);
    }

    private static Caller caller(int uid, int gid, Integer... groups) {
        return new Caller(new Peer(1, uid, gid), Set.of(groups), false);
    }

    private static final Caller ALICE = caller(1000, 1000);

    @Test
    void withoutRulesRootIsAlone() throws Exception {
        for (String text : List.of("", "\n\n", "# allow alice /srv\n", "  \t # x", "\r\n")) {
            assertThat(parse(text)).isEqualTo(Policy.ROOT_ALONE);
        }
        assertThat(Policy.ROOT_ALONE.names(ALICE)).isFalse();
        assertThat(Policy.ROOT_ALONE.granted(ALICE, SRV, MOUNTS)).isEmpty();
    }

    @Test
    void aRuleAllowsJustTheFilesystemsOfItsMountPoints() throws Exception {
        Policy policy = parse("root max 1h\nallow alice /srv /mnt/nothing\tmax 90s # nightly\n");
        assertThat(policy.rootMax()).isEqualTo(Duration.ofHours(1));
        assertThat(policy.names(ALICE)).isTrue();
        assertThat(policy.granted(ALICE, SRV, MOUNTS)).contains(Duration.ofSeconds(90));
        assertThat(policy.granted(ALICE, DB, MOUNTS)).isEmpty();
        assertThat(policy.granted(ALICE, ROOT, MOUNTS)).as("/mnt/nothing's parent").isEmpty();
        assertThat(policy.granted(caller(1001, 1000), SRV, MOUNTS)).as("another user").isEmpty();
    }

    @Test
    void aTreeAllowsWhatIsMountedBelowButNotWhatIsBoundThereFromElsewhere() throws Exception {
        Policy policy = parse("allow 1000 /srv/**");
        assertThat(policy.granted(ALICE, SRV, MOUNTS)).contains(Duration.ofMinutes(5));
        assertThat(policy.granted(ALICE, DB, MOUNTS)).contains(Duration.ofMinutes(5));
        assertThat(policy.granted(ALICE, ROOT, MOUNTS)).as("bound to /srv/jail").isEmpty();
        assertThat(parse("allow alice /srv/jail").granted(ALICE, ROOT, MOUNTS))
                .as("named itself")
                .isPresent();
        assertThat(parse("allow alice /**").granted(ALICE, ROOT, MOUNTS)).isPresent();
    }

    @Test
    void aGroupIsThePrimaryOneOrAnyOther() throws Exception {
        Policy policy = parse("allow @backup /srv max 1m\nallow @77 /srv/db");
        assertThat(policy.granted(caller(5, 34), SRV, MOUNTS)).contains(Duration.ofMinutes(1));
        assertThat(policy.granted(caller(5, 5, 7, 34), SRV, MOUNTS)).isPresent();
        assertThat(policy.granted(caller(34, 5), SRV, MOUNTS)).as("a user 34").isEmpty();
        assertThat(policy.granted(caller(5, 77), DB, MOUNTS)).isPresent();
    }

    @Test
    void ofSeveralRulesTheLongestHolds() throws Exception {
        Policy policy =
                parse("allow alice /srv max 10s\nallow @34 /srv max 20s\nallow alice /srv max 5s");
        assertThat(policy.granted(caller(1000, 34), SRV, MOUNTS)).contains(Duration.ofSeconds(20));
        assertThat(policy.granted(ALICE, SRV, MOUNTS)).contains(Duration.ofSeconds(10));
    }

    @Test
    void aSpaceInAPathIsWrittenAsInFstab() throws Exception {
        assertThat(parse("allow alice /mnt/a\\040b").granted(ALICE, DB, MOUNTS)).isPresent();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "alow alice /srv | 1 | 1 | is not a rule",
                "root | 1 | 5 | root max TIME",
                "root /srv | 1 | 6 | root max TIME",
                "root max | 1 | 9 | needs a time",
                "root max 5 | 1 | 10 | has no unit",
                "root max 25h | 1 | 10 | more than 24h",
                "root max 5m 6m | 1 | 13 | nothing may follow",
                "root max 5m\\nroot max 6m | 2 | 1 | twice",
                "allow | 1 | 6 | a user",
                "allow alice | 1 | 12 | a mount point",
                "allow alice max 5m | 1 | 13 | a mount point",
                "allow carol /srv | 1 | 7 | no user carol in",
                "allow @carol /srv | 1 | 7 | no group @carol in",
                "allow root /srv | 1 | 7 | root needs no leave",
                "allow 0 /srv | 1 | 7 | root needs no leave",
                "allow 4294967295 /srv | 1 | 7 | no number",
                "allow @ /srv | 1 | 7 | no group",
                "allow alice srv | 1 | 13 | no mount point",
                "allow alice /srv/../etc | 1 | 13 | . or ..",
                "allow alice /s*v | 1 | 13 | a * stands only at the end",
                "allow alice /srv/*/** | 1 | 13 | a * stands only at the end",
                "allow alice /a\\000b | 1 | 13 | no path",
                "# x\\n\\n allow alice /srv max 0s | 3 | 23 | is zero",
                "allow alice /srv max -1s | 1 | 22 | is negative",
            })
    void aMistakeIsToldByLineAndColumn(String text, int line, int column, String what) {
        assertThatThrownBy(() -> parse(text.replace("\\n", "\n")))
                .isInstanceOfSatisfying(
                        PolicyException.class,
                        e -> {
                            assertThat(e.line()).isEqualTo(line);
                            assertThat(e.column()).isEqualTo(column);
                            assertThat(e).hasMessageContaining(what);
                        });
    }

    @Test
    void tooMuchIsRefused() {
        assertThatThrownBy(() -> parse("#".repeat(PolicyText.MAX_BYTES + 1)))
                .isInstanceOf(PolicyException.class);
        assertThatThrownBy(() -> parse("allow 7" + " /a".repeat(2001)))
                .isInstanceOf(PolicyException.class);
    }

    // ---- the file

    private PolicyFile file() throws IOException {
        return new PolicyFile(
                directory.resolve("policy"),
                accounts,
                (int) Files.getAttribute(directory, "unix:uid"));
    }

    private void write(String text, String mode) throws IOException {
        Files.writeString(file().path(), text);
        Files.setPosixFilePermissions(file().path(), PosixFilePermissions.fromString(mode));
    }

    @Test
    void aFileThatIsNotThereIsNoTrouble() throws IOException {
        assertThat(file().load())
                .isEqualTo(new PolicyFile.Loaded(Policy.ROOT_ALONE, Optional.empty()));
    }

    @Test
    void aFileOfRootsIsRead() throws IOException {
        write("allow alice /srv\n", "rw-r--r--");
        PolicyFile.Loaded loaded = file().load();
        assertThat(loaded.trouble()).isEmpty();
        assertThat(loaded.policy().names(ALICE)).isTrue();
    }

    @Test
    void oneThatOthersCanWriteSaysNothing() throws IOException {
        write("allow alice /srv\n", "rw-rw-r--");
        PolicyFile.Loaded loaded = file().load();
        assertThat(loaded.policy()).isEqualTo(Policy.ROOT_ALONE);
        assertThat(loaded.trouble().orElseThrow())
                .contains("writable by others than root")
                .contains(file().path().toString());
    }

    @Test
    void oneOfSomebodyElseSaysNothing() throws IOException {
        write("allow alice /srv\n", "rw-r--r--");
        int other = 1 + (int) Files.getAttribute(directory, "unix:uid");
        PolicyFile another = new PolicyFile(file().path(), accounts, other);
        boolean root = other == 1;
        assertThat(another.load().policy().namesOthers()).isEqualTo(root);
    }

    @Test
    void oneWithAMistakeSaysNothingAndWhereTheMistakeIs() throws IOException {
        write("allow alice /srv\nallow bob\n", "rw-r--r--");
        PolicyFile.Loaded loaded = file().load();
        assertThat(loaded.policy()).isEqualTo(Policy.ROOT_ALONE);
        assertThat(loaded.trouble().orElseThrow())
                .startsWith(file().path() + ":2:7: no user bob in ")
                .endsWith("root alone until then");
    }

    @Test
    void itsStampChangesWithIt() throws IOException {
        var before = file().stamp();
        assertThat(file().stamp()).isEqualTo(before);
        write("allow alice /srv\n", "rw-r--r--");
        var written = file().stamp();
        assertThat(written).isNotEqualTo(before);
        Files.setPosixFilePermissions(file().path(), PosixFilePermissions.fromString("rw-rw-rw-"));
        assertThat(file().stamp()).isNotEqualTo(written);
    }
}
