package dev.lull.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lull.lease.Timeouts;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RunLimitsTest {
    private static final Duration USUAL = Duration.ofMinutes(1);
    private static final Duration MOST = Duration.ofMinutes(5);
    private static final RunLimits LIMITS = new RunLimits(Optional.of(USUAL), MOST);
    private static final RunLimits NONE = new RunLimits(Optional.empty(), MOST);

    @ParameterizedTest
    @ValueSource(ints = {0, 1, -1, Integer.MIN_VALUE})
    void aProgramThatAsksForNoTimeoutHasTheUsualOne(int asked) {
        assertThat(LIMITS.ofFreeze(OptionalInt.of(asked))).contains(USUAL);
        assertThat(LIMITS.ofFreeze(OptionalInt.empty())).contains(USUAL);
        assertThat(NONE.ofFreeze(OptionalInt.of(asked))).isEmpty();
        assertThat(NONE.ofFreeze(OptionalInt.empty())).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 59, 61, 300})
    void aProgramHasWhatItAsksFor(int asked) {
        assertThat(LIMITS.ofFreeze(OptionalInt.of(asked))).contains(Duration.ofSeconds(asked));
        assertThat(NONE.ofFreeze(OptionalInt.of(asked))).contains(Duration.ofSeconds(asked));
        assertThat(LIMITS.ofReset(asked)).isEqualTo(Duration.ofSeconds(asked));
    }

    @ParameterizedTest
    @ValueSource(ints = {301, Integer.MAX_VALUE})
    void butNoMoreThanTheMost(int asked) {
        assertThat(LIMITS.ofFreeze(OptionalInt.of(asked))).contains(MOST);
        assertThat(LIMITS.ofReset(asked)).isEqualTo(MOST);
    }

    @Test
    void aResetBy0IsTheUsualOneAndBy1IsASecond() {
        assertThat(LIMITS.ofReset(0)).isEqualTo(USUAL);
        assertThat(NONE.ofReset(0)).isEqualTo(MOST);
        assertThat(LIMITS.ofReset(1)).isEqualTo(Duration.ofSeconds(1));
    }

    @Test
    void theirWordsAreReadAsTheyWereWritten() {
        for (RunLimits limits :
                List.of(
                        LIMITS,
                        NONE,
                        new RunLimits(Optional.of(Duration.ofMillis(1)), Timeouts.MAX))) {
            List<String> words = limits.words();
            assertThat(RunLimits.ofWords(words.getFirst(), words.getLast())).isEqualTo(limits);
        }
    }

    @Test
    void limitsThatNoLeaseCanHaveAreRefused() {
        for (Duration bad : List.of(Duration.ZERO, Timeouts.MAX.plusMillis(1))) {
            assertThatThrownBy(() -> new RunLimits(Optional.empty(), bad))
                    .isInstanceOf(IllegalArgumentException.class);
        }
        assertThatThrownBy(() -> new RunLimits(Optional.of(MOST.plusMillis(1)), MOST))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
