package dev.lull.lease;

import java.time.Duration;
import java.util.Optional;

/**
 * A lease's two limits. Both are needed: the one bounds how long freezing may take, which nothing can cancel, the other
 * how long writers may wait after it.
 *
 * @param within how long it may take until the whole set is frozen; past it all is undone. More than zero.
 * @param timeout how long the set may then stay frozen unless extended; more than zero. Empty is no limit at all, which
 *     the guard grants to root only.
 */
public record Timeouts(Duration within, Optional<Duration> timeout) {
    public static final Duration DEFAULT_WITHIN = Duration.ofSeconds(10);
    public static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(30);

    /**
     * The most that the guard grants for either limit, unless its policy says otherwise: a few times the 120 s after which
     * the kernel reports a hung task.
     */
    public static final Duration USUAL_MAX = Duration.ofMinutes(5);

    /** The most that either limit may be, and a policy can grant. */
    public static final Duration MAX = Duration.ofHours(24);

    public static final Timeouts DEFAULT =
            new Timeouts(DEFAULT_WITHIN, Optional.of(DEFAULT_TIMEOUT));

    /** @throws IllegalArgumentException if a limit is zero, negative or more than {@link #MAX} */
    public Timeouts {
        requireSane("within", within);
        timeout.ifPresent(t -> requireSane("timeout", t));
    }

    public static Timeouts of(Duration within, Duration timeout) {
        return new Timeouts(within, Optional.of(timeout));
    }

    public static Timeouts of(Duration timeout) {
        return of(DEFAULT_WITHIN, timeout);
    }

    private static void requireSane(String name, Duration value) {
        if (value.isZero() || value.isNegative()) {
            throw new IllegalArgumentException(name + " must be more than zero");
        }
        if (value.compareTo(MAX) > 0) {
            throw new IllegalArgumentException(name + " must be at most " + MAX.toSeconds() + "s");
        }
    }
}
