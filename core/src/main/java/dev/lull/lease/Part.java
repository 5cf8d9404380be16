package dev.lull.lease;

import dev.lull.linux.Errno;
import java.util.Optional;

/**
 * How far one filesystem of the set has come.
 *
 * @param phase where it is
 * @param since since when, CLOCK_BOOTTIME nanoseconds
 * @param errno what the kernel answered, where it refused
 */
public record Part(Phase phase, long since, Optional<Errno> errno) {
    /** In the order in which they come. */
    public enum Phase {
        /** Not touched. */
        IDLE,
        /** FIFREEZE was called and has not returned. */
        FREEZING,
        /** FIFREEZE succeeded; the canary is not known to be asleep yet. */
        FROZEN,
        /** The canary sleeps. */
        PROVEN,
        /** FITHAW was called and has not returned. */
        THAWING,
        /** Thawed, or it never was frozen. */
        DONE
    }

    static Part idle(long now) {
        return new Part(Phase.IDLE, now, Optional.empty());
    }

    Part to(Phase next, long now) {
        return new Part(next, now, errno);
    }

    Part refused(Errno answer, long now) {
        return new Part(Phase.DONE, now, Optional.of(answer));
    }

    boolean frozen() {
        return phase == Phase.FROZEN || phase == Phase.PROVEN;
    }
}
