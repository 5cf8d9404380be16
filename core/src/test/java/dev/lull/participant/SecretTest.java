package dev.lull.participant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lull.linux.LinuxKernel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SecretTest {
    private static final int SELF = new LinuxKernel().effectiveUser();

    private @TempDir Path directory;
    private Path file;

    @BeforeEach
    void write() throws IOException {
        file = directory.resolve("password");
        Files.writeString(file, "hushhush\nand a remark\n");
        mode("rw-------");
    }

    private void mode(String mode) throws IOException {
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));
    }

    private static Secret secret(String key, String value) throws SettingException {
        return Secret.of(Settings.of("db", Secret.SETTINGS, Map.of(key, value))).orElseThrow();
    }

    private String read() throws SettingException, IOException {
        return new String(secret("password-file", file.toString()).read(SELF, Map.of()));
    }

    @Test
    void isTheFirstLineOfItsFile() throws Exception {
        assertThat(read()).isEqualTo("hushhush");
    }

    @Test
    void ofACredentialIsInTheDirectoryThatSystemdNames() throws Exception {
        Secret secret = secret("credential", "password");

        assertThat(secret.read(SELF, Map.of("CREDENTIALS_DIRECTORY", directory.toString())))
                .isEqualTo("hushhush".toCharArray());
        assertThatThrownBy(() -> secret.read(SELF, Map.of()))
                .hasMessageContaining("$CREDENTIALS_DIRECTORY is not set");
        assertThatThrownBy(() -> secret("credential", "../password"))
                .hasMessage("credential is to be a name, without a slash");
    }

    @Test
    void isNotShown() throws Exception {
        assertThat(secret("password-file", file.toString()).toString())
                .isEqualTo("the password in " + file)
                .doesNotContain("hush");
    }

    @Test
    void isRefusedIfOthersKnowItOrItIsNone() throws Exception {
        mode("rw-r-----");
        assertThatThrownBy(this::read)
                .hasMessage(file + " can be read by others (mode 640): chmod 600");
        mode("rw--w----");
        assertThatThrownBy(this::read).hasMessageContaining("writable by others");
        mode("rw-------");
        Files.writeString(file, "\nhush");
        assertThatThrownBy(this::read).hasMessage(file + " is empty");
        Files.writeString(file, "h".repeat(5000));
        assertThatThrownBy(this::read).hasMessage(file + " is larger than 4096 bytes");
        Files.delete(file);
        assertThatThrownBy(this::read).hasMessageContaining("cannot read " + file);
    }

    @Test
    void thereIsOneAtMost() throws Exception {
        assertThat(Secret.of(Settings.of("db", Secret.SETTINGS, Map.of()))).isEmpty();
        assertThatThrownBy(() ->
                        Secret.of(
                                Settings.of(
                                        "db",
                                        Secret.SETTINGS,
                                        Map.of("password-file", "/a", "credential", "b"))))
                .hasMessage("credential and password-file are both set");
    }
}
