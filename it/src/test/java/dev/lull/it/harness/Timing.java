package dev.lull.it.harness;

import java.time.Duration;

/** The one promise about time: FITHAW is issued by the deadline + 1 s, whatever dies or hangs. */
public final class Timing {
    /** What the guard and the sentry may be late by. */
    public static final Duration GRACE = Duration.ofSeconds(1);

    /** From FITHAW's issue until a writer, on a machine with two busy cores, has been seen to go on. */
    public static final Duration SEEN = Duration.ofMillis(700);

    private Timing() {}

    /** How long after a freeze with this timeout has been told of, a writer must be seen to go on. */
    public static Duration latest(Duration timeout) {
        return timeout.plus(GRACE).plus(SEEN);
    }
}
