package dev.lull.guard;

import dev.lull.guard.GuardHost.Role;
import dev.lull.testkit.Strike;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

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

    /** What happens. */
    sealed interface Blow {
        /** Everything that can happen to a call, and everything that can happen to one or two processes. */
        static List<Blow> all() {
            List<Blow> all = new ArrayList<>(List.of(Trouble.values()));
            Strike.atOneOrTwo(Role.class).forEach(strike -> all.add(new Struck(strike)));
            return List.copyOf(all);
        }
    }

    /** What happens to the call, or to the connection; everybody lives. */
    enum Trouble implements Blow {
        /** The call fails with EIO. */
        FAIL,
        /** The call does not return until all is over. */
        HANG,
        /** The call is late, and not too late for the lease. */
        LATE,
        /** The call is later than the deadline. */
        TOO_LATE,
        /** The connection between client and guard is closed. */
        HANG_UP
    }

    /** Processes are killed, or stopped until all is over. */
    record Struck(Strike<Role> strike) implements Blow {
        @Override
        public String toString() {
            return strike.toString();
        }
    }

    /** Whether a lease that has nothing to do with it must not notice. */
    boolean isOfTheHolderOnly() {
        return switch (blow) {
            case Trouble.HANG_UP -> true;
            case Trouble _ -> point.role() == Role.HOLDER;
            case Struck(Strike<Role> strike) -> strike.victims().equals(Set.of(Role.HOLDER));
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
