package dev.lull.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DurationsTest {
    @ParameterizedTest
    @CsvSource({"500ms,PT0.5S", "30s,PT30S", "2m,PT2M", "1h,PT1H", "1ms,PT0.001S", "007s,PT7S"})
    void aNumberAndAUnitIsALengthOfTime(String text, Duration expected) throws Exception {
        assertThat(Durations.parse("--timeout", text)).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "0s",
                "0ms",
                "-1s",
                "+1s",
                "1.5s",
                "1,5s",
                "1 s",
                "s",
                "ms",
                "abc",
                "1d",
                "1S",
                "1sec",
                "1e3s",
                "0x10s",
                "9999999999s",
                "99999999999999999999s",
                "none",
                "1s1s",
                "∞",
                "30\u0000s",
                "NaN"
            })
    void whatIsNoLengthOfTimeIsRefusedWithAHint(String text) {
        assertThatThrownBy(() -> Durations.parse("--timeout", text))
                .isInstanceOfSatisfying(
                        CommandException.class,
                        e -> {
                            assertThat(e.code()).isEqualTo(ExitCode.USAGE);
                            assertThat(e).hasMessageStartingWith("--timeout " + text);
                            assertThat(e.hint()).isNotEmpty();
                        });
    }

    @Test
    void aNumberWithoutUnitIsNotGuessedAt() {
        assertThatThrownBy(() -> Durations.parse("--within", "30"))
                .hasMessage("--within 30 has no unit")
                .isInstanceOfSatisfying(
                        CommandException.class,
                        e -> assertThat(e.hint()).isEqualTo("did you mean 30s or 30ms?"));
    }

    @ParameterizedTest
    @CsvSource({
        "PT0.000087S,87 µs",
        "PT0.0015S,1.50 ms",
        "PT0.0309S,30.9 ms",
        "PT0.53S,530 ms",
        "PT1.534S,1.53 s",
        "PT30S,30.0 s",
        "PT2M5S,2 min 5 s",
        "PT3H7M,3 h 7 min",
        "-PT2S,-2.00 s"
    })
    void aLengthOfTimeIsShownShortly(Duration duration, String expected) {
        assertThat(Durations.show(duration)).isEqualTo(expected);
    }
}
