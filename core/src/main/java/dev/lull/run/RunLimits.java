package dev.lull.run;

import dev.lull.lease.Timeouts;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * How long the freezes of a program may last: what it asks for, within what its user allows. Pure.
 *
 * @param timeout where the program asks for none; empty is no limit at all
 * @param max the most that the program can ask for; at most {@link Timeouts#MAX}
 */
public record RunLimits(Optional<Duration> timeout, Duration max) {
    public static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(60);

    /** What XFS's own programs have passed to FIFREEZE's elder twin, XFS_IOC_FREEZE, since before it had a meaning. */
    private static final int LEVEL_OF_XFS = 1;

    private static final String NONE = "none";

    /** @throws IllegalArgumentException if a limit is not a lease's, or {@code timeout} is more than {@code max} */
    public RunLimits {
        Timeouts _ = Timeouts.of(max);
        timeout.ifPresent(Timeouts::of);
        if (timeout.isPresent() && timeout.get().compareTo(max) > 0) {
            throw new IllegalArgumentException("timeout must be at most max");
        }
    }

    /**
     * The timeout of a freeze.
     *
     * @param asked the low 32 bits of what FIFREEZE's argument points to, in seconds; empty if it points to nothing that
     *     can be read. 0, 1 and what is negative, which no timeout is, ask for none: the kernel ignores them all.
     */
    Optional<Duration> ofFreeze(OptionalInt asked) {
        return asked.isPresent() && asked.getAsInt() > LEVEL_OF_XFS
                ? Optional.of(atMost(asked.getAsInt()))
                : timeout;
    }

    /**
     * The time from now to the new deadline.
     *
     * @param asked in seconds, not negative; 0 is {@link #timeout}, or {@link #max} where that is none
     */
    Duration ofReset(int asked) {
        return asked == 0 ? timeout.orElse(max) : atMost(asked);
    }

    private Duration atMost(int seconds) {
        Duration duration = Duration.ofSeconds(seconds);
        return duration.compareTo(max) < 0 ? duration : max;
    }

    /** As arguments of a program. */
    List<String> words() {
        List<String> words = new ArrayList<>();
        words.add(timeout.map(t -> Long.toString(t.toMillis())).orElse(NONE));
        words.add(Long.toString(max.toMillis()));
        return words;
    }

    static RunLimits ofWords(String timeout, String max) {
        return new RunLimits(
                timeout.equals(NONE)
                        ? Optional.empty()
                        : Optional.of(Duration.ofMillis(Long.parseLong(timeout))),
                Duration.ofMillis(Long.parseLong(max)));
    }
}
