package dev.lull.cli;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PlainTest {
    @Test
    void whatDrivesATerminalIsShownInstead() {
        assertThat(Plain.text("/srv/\u001b[31mred\u001b[0m\n\t\u009b1m\u007f"))
                .isEqualTo("/srv/\\x1b[31mred\\x1b[0m\\x0a\\x09\\x9b1m\\x7f");
    }

    @Test
    void whatTurnsTheDirectionOfWritingIsShownInstead() {
        assertThat(Plain.text("a\u202egpj.exe\u2028")).isEqualTo("a\\u202egpj.exe\\u2028");
    }

    @Test
    void whatPeopleWriteStays() {
        assertThat(Plain.text("/srv/Bücher und 本 😀")).isEqualTo("/srv/Bücher und 本 😀");
    }
}
