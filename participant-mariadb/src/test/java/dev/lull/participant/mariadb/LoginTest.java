package dev.lull.participant.mariadb;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lull.participant.SettingException;
import dev.lull.participant.Settings;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LoginTest {
    private static Login login(Map<String, String> values) throws SettingException {
        return Login.of(Settings.of("mariadb", Login.SETTINGS, values));
    }

    @Test
    void rootComesOverDebiansSocketIfNothingIsSaid() throws Exception {
        Login login = login(Map.of());
        assertThat(login.place()).isEqualTo(new Login.Socket(Path.of("/run/mysqld/mysqld.sock")));
        assertThat(login.user()).isEqualTo("root");
        assertThat(login.secret()).isEmpty();
    }

    @Test
    void aHostHasTheUsualPort() throws Exception {
        Login login = login(Map.of("host", "::1", "user", "lull", "password-file", "/etc/secret"));
        assertThat(login.place()).isEqualTo(new Login.Tcp("::1", 3306)).hasToString("[::1]:3306");
        assertThat(login.secret()).hasToString("Optional[the password in /etc/secret]");
    }

    @Test
    void whatMakesNoSenseIsRefused() {
        refused(Map.of("host", "a", "socket", "/s"), "host and socket are both set");
        refused(Map.of("port", "3307"), "port is set, and host is not");
        refused(Map.of("host", "a", "port", "70000"), "port is to be from 1 to 65535");
        refused(
                Map.of("host", "a/?allowLocalInfile=true"),
                "host is to be a name or an address, and is a/?");
    }

    private static void refused(Map<String, String> values, String message) {
        assertThatThrownBy(() -> login(values))
                .isInstanceOf(SettingException.class)
                .hasMessageStartingWith(message);
    }

    @Test
    void onlyThisMachineIsLoopback() {
        assertThat(new Login.Tcp("127.0.0.1", 1).isLoopback()).isTrue();
        assertThat(new Login.Tcp("localhost", 1).isLoopback()).isTrue();
        assertThat(new Login.Tcp("127.0.0.1.example", 1).isLoopback()).isFalse();
        assertThat(new Login.Tcp("db", 1).isLoopback()).isFalse();
    }
}
