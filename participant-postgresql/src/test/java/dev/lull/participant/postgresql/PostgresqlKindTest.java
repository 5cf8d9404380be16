package dev.lull.participant.postgresql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lull.linux.LinuxKernel;
import dev.lull.participant.Cut;
import dev.lull.participant.Participant;
import dev.lull.participant.ParticipantException;
import dev.lull.participant.SettingException;
import dev.lull.participant.Settings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

class PostgresqlKindTest {
    private final PostgresqlKind kind = new PostgresqlKind();

    private Participant participant(Map<String, String> values) throws SettingException {
        return kind.participant(
                new LinuxKernel(), Settings.of(kind.name(), kind.settings(), values));
    }

    @Test
    void isDebiansServerIfNothingIsSaid() throws SettingException {
        Settings none = Settings.of(kind.name(), kind.settings(), Map.of());
        assertThat(Address.of(none))
                .isEqualTo(new Address("/var/run/postgresql", 5432, "postgres", "postgres"))
                .asString()
                .isEqualTo("/var/run/postgresql/.s.PGSQL.5432 as postgres");
        assertThat(participant(Map.of()).name()).isEqualTo("postgresql");
        assertThat(participant(Map.of("name", "second")).name()).isEqualTo("postgresql second");
        assertThat(participant(Map.of()).essential()).isTrue();
        assertThat(participant(Map.of()).needsOneInstant()).isTrue();
        assertThat(participant(Map.of("online", "true")).needsOneInstant()).isFalse();
    }

    @Test
    void refusesAHostOrPortThatIsNone() {
        assertThatThrownBy(() -> participant(Map.of("host", "db?user=other")))
                .isInstanceOf(SettingException.class)
                .hasMessageStartingWith("host is to be a name, an address, or the directory");
        assertThatThrownBy(() -> participant(Map.of("port", "70000")))
                .isInstanceOf(SettingException.class)
                .hasMessage("port is to be 1 to 65535");
        assertThatThrownBy(() -> participant(Map.of("password", "secret")))
                .isInstanceOf(SettingException.class)
                .hasMessageStartingWith("password is no setting of postgresql");
    }

    @Test
    void saysWhichSocketNobodyListensAt() throws Exception {
        try (Participant nobody = participant(Map.of("host", "/nowhere", "name", "main"))) {
            assertThatThrownBy(() -> nobody.prepare(new Cut(List.of(), Duration.ofSeconds(1))))
                    .isInstanceOf(ParticipantException.class)
                    .hasMessageStartingWith(
                            "connect to postgresql main: /nowhere/.s.PGSQL.5432 as postgres: ")
                    .extracting(e -> ((ParticipantException) e).hint().orElse(""))
                    .isEqualTo("is the server running? host and port say where it listens");
        }
    }

    @Test
    void theSocketFactorysArgumentIsReadAsItWasWritten() {
        assertThat(UnixSocketFactory.argument(Path.of("/a:b/.s"), OptionalInt.of(101)))
                .isEqualTo("101:/a:b/.s");
        assertThat(UnixSocketFactory.argument(Path.of("/a"), OptionalInt.empty())).isEqualTo(":/a");
    }
}
