package dev.lull.guard;

import dev.lull.guard.GuardHost.Role;

/**
 * What goes wrong in a {@link GuardLife}, and where.
 *
 * @param point the call into the kernel
 * @param moment before, in the middle of, or after it
 * @param blow what happens then
 */
record Fault(Point point, Moment moment, Blow blow) {
    /**
     * One call of one process.
     *
     * @param message whether it is a call that sends a message between client and guard: then only such are counted
     * @param call the how manieth, from 1
     */
    record Point(Role role, String method, boolean message, int call) {}

    /** When, as seen from the call. */
    enum Moment {
        BEFORE,
        /** Only of messages: half of the bytes are on their way. */
        HALFWAY,
        AFTER
    }

    /** What happens. Who is killed is so with {@code kill -9}, who is stopped with {@code kill -STOP}. */
    enum Blow {
        /** The call fails with EIO. */
        FAIL,
        /** The call does not return until all is over. */
        HANG,
        /** The call is late, and not too late for the lease. */
        LATE,
        /** The call is later than the deadline. */
        TOO_LATE,
        KILL_ITSELF,
        KILL_GUARD,
        KILL_SENTRY,
        KILL_HOLDER,
        KILL_GUARD_AND_CANARY,
        KILL_SENTRY_AND_CANARY,
        KILL_GUARD_AND_SENTRY,
        KILL_GUARD_AND_HOLDER,
        STOP_GUARD,
        STOP_SENTRY,
        STOP_HOLDER,
        /** The connection between client and guard is closed. */
        HANG_UP;

        /** Whether it touches nobody but the client. */
        boolean hitsHolderOnly() {
            return this == KILL_HOLDER || this == STOP_HOLDER || this == HANG_UP;
        }
    }

    /** Whether a lease that has nothing to do with it must not notice. */
    boolean isOfTheHolderOnly() {
        return blow.hitsHolderOnly() || (point.role() == Role.HOLDER && hitsCaller());
    }

    private boolean hitsCaller() {
        return switch (blow) {
            case FAIL, HANG, LATE, TOO_LATE, KILL_ITSELF -> true;
            default -> false;
        };
    }

    @Override
    public String toString() {
        return blow
                + " "
                + moment
                + " "
                + point.role()
                + "'s "
                + (point.message() ? "message " : point.method() + " ")
                + point.call();
    }
}
