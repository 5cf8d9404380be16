package dev.lull.participant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SettingsTest {
    private static final List<Setting> KNOWN =
            List.of(
                    new Setting("port", Setting.Type.NUMBER),
                    new Setting("socket", Setting.Type.PATH),
                    new Setting("user", Setting.Type.TEXT),
                    new Setting("online", Setting.Type.FLAG));

    private static Settings of(String text) throws SettingException {
        return Settings.of("db", KNOWN, ParticipantText.parse(text).values());
    }

    @Test
    void areReadAsWhatTheyAre() throws Exception {
        Settings settings =
                of("db,port=5432,socket=/run/../run/db,user=lull,online=true,limit=20s");

        assertThat(settings.number("port")).contains(5432);
        assertThat(settings.path("socket")).contains(Path.of("/run/db"));
        assertThat(settings.text("user")).contains("lull");
        assertThat(settings.flag("online", false)).isTrue();
        assertThat(settings.duration("limit")).contains(Duration.ofSeconds(20));
        assertThat(settings.essential()).isTrue();
        assertThat(settings.title()).isEqualTo("db");
        assertThat(of("db,name=shop,essential=false").title()).isEqualTo("db shop");
        assertThat(of("db,name=shop,essential=false").essential()).isFalse();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "db,prot=1 | prot is no setting of db; known are essential, limit, name, online, port, socket, user",
                "db,port=a | port is to be a whole number, and is a",
                "db,port=-1 | port is to be a whole number, and is -1",
                "db,socket=run | socket is to be an absolute path, and is run",
                "db,online=yes | online is to be true or false, and is yes",
                "db,limit=20 | limit 20 has no unit",
                "db,user= | user has no value",
            })
    void whatIsWrongIsSaid(String text, String problem) {
        assertThatThrownBy(() -> of(text))
                .isInstanceOfSatisfying(
                        SettingException.class, e -> assertThat(problem).startsWith(e.key()))
                .hasMessage(problem);
    }

    @Test
    void oneWordHoldsAllOfThem() throws Exception {
        ParticipantText text = ParticipantText.parse("db,user=a,,b,,,socket=/run/x=y");

        assertThat(text.kind()).isEqualTo("db");
        assertThat(text.values())
                .containsExactly(Map.entry("user", "a,b,"), Map.entry("socket", "/run/x=y"));
        assertThat(ParticipantText.parse(text.text())).isEqualTo(text);
        assertThat(ParticipantText.parse("db").values()).isEmpty();
        assertThatThrownBy(() -> ParticipantText.parse("db,user"))
                .hasMessage("user has no value: write KIND,KEY=VALUE,KEY=VALUE");
        assertThatThrownBy(() -> ParticipantText.parse("db,user=a,user=b"))
                .hasMessage("user is set twice");
    }

    @Test
    void whatWasRestoredIsFoundByThePathThatItHad() {
        Restored restored =
                new Restored(
                        "db",
                        Map.of(),
                        Map.of(
                                Path.of("/"), Path.of("/r/root"),
                                Path.of("/srv/db"), Path.of("/r/db")),
                        Path.of("/s"));

        assertThat(restored.place(Path.of("/srv/db/data"))).contains(Path.of("/r/db/data"));
        assertThat(restored.place(Path.of("/srv/other"))).contains(Path.of("/r/root/srv/other"));
    }
}
