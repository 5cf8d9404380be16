package dev.lull.guard;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** What a client asks of the guard; see docs/protocol.md for the form on the socket. */
public sealed interface Request {
    /**
     * Prepares a lease: everything slow, nothing frozen yet. One descriptor per path travels with it, in order.
     *
     * @param protocol the client's {@link Wire#PROTOCOL}
     * @param paths the directories as the user named them, for display only
     * @param attached whether the lease ends as soon as this connection closes
     * @param within how long freezing may take
     * @param timeout how long it may stay frozen; empty is no limit, for root only
     * @param presync whether to write back dirty data beforehand
     * @param expedite whether RCU grace periods may be expedited around the freeze
     * @param program what to call the holder on the screen
     */
    record Arm(
            int protocol,
            List<String> paths,
            boolean attached,
            Duration within,
            Optional<Duration> timeout,
            boolean presync,
            boolean expedite,
            String program)
            implements Request {
        public Arm {
            paths = List.copyOf(paths);
        }
    }

    /** Freezes what was armed on this connection. Answered when the whole set is frozen, or undone. */
    record Freeze(String lease) implements Request {}

    /** Sets the deadline to now + timeout; another timeout if one is given. */
    record Extend(String lease, Optional<Duration> timeout) implements Request {}

    /** Ends the lease as its holder: the one who armed it on this connection, or who names a detached one of his. */
    record Release(String lease) implements Request {}

    /** Ends a lease whose holder was killed, and can neither release it nor be told how it ended. */
    record Abandon(String lease) implements Request {}

    /**
     * Thaws for somebody who need not be the holder. Exactly one of: a lease, one descriptor of a filesystem travelling
     * with the request, or everything.
     *
     * @param lease a lease's id
     * @param path the descriptor's path as the user named it, for display
     * @param all every lease there is
     * @param foreign whether to thaw the descriptor's filesystem even if no lease froze it
     */
    record Thaw(Optional<String> lease, Optional<String> path, boolean all, boolean foreign)
            implements Request {}

    /** The lease that it is about, if it names one. */
    default Optional<String> named() {
        return switch (this) {
            case Freeze freeze -> Optional.of(freeze.lease());
            case Extend extend -> Optional.of(extend.lease());
            case Release release -> Optional.of(release.lease());
            case Abandon abandon -> Optional.of(abandon.lease());
            case Wait wait -> Optional.of(wait.lease());
            case Thaw thaw -> thaw.lease();
            case Arm _, Status _, History _, Stop _ -> Optional.empty();
        };
    }

    /** The guard and its leases. */
    record Status() implements Request {}

    /** The ended leases, newest first. */
    record History(int limit) implements Request {}

    /** Answered when the lease has ended. */
    record Wait(String lease) implements Request {}

    /** Asks the guard to end once it has no lease; with {@code now}, all leases are revoked first. */
    record Stop(boolean now) implements Request {}
}
