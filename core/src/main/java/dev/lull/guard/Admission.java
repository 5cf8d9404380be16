package dev.lull.guard;

import dev.lull.guard.Reply.Failure;
import java.util.Collection;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToLongFunction;

/**
 * Who may do what with the guard, by its policy; and how much of it each user may take, so that there is enough for the
 * others and always for root. Belongs to the guard's loop.
 */
final class Admission {
    /** In all. At this many, who comes next waits in the socket's queue: only root can make them so many. */
    static final int MAX_CONNECTIONS = 512;

    static final int MAX_LEASES = 256;

    private static final int CONNECTIONS_OF_ONE = 32;
    private static final int CONNECTIONS_OF_OTHERS = 256;
    private static final int LEASES_OF_ONE = 8;
    private static final int LEASES_OF_OTHERS = 128;

    /**
     * Bytes of half calls and of replies that nobody reads. The guard's heap has 12 MiB, and what does not fit ends it.
     */
    private static final int BYTES_OF_ONE = 256 << 10;

    private static final int BYTES_OF_OTHERS = 1 << 20;
    private static final int BYTES = 3 << 20;

    /** Descriptors that came with half calls. */
    private static final int DESCRIPTORS_OF_ONE = 2 * Wire.MAX_PATHS;

    private static final int DESCRIPTORS_OF_OTHERS = 4 * Wire.MAX_PATHS;

    private Policy policy = Policy.ROOT_ALONE;
    private Optional<String> trouble = Optional.empty();

    /** From now on. Leases that are armed already go by the policy that they were armed under. */
    void goBy(PolicyFile.Loaded loaded) {
        policy = loaded.policy();
        trouble = loaded.trouble();
    }

    boolean opensToOthers() {
        return policy.namesOthers();
    }

    /** Why the policy is not the one that somebody wrote, in words. */
    Optional<String> trouble() {
        return trouble;
    }

    Permit permit(Caller caller) {
        return new Permit(caller, policy);
    }

    /** Whether somebody who has just connected is to be turned away. */
    Optional<Failure> refuses(Caller caller, Collection<Connection> connections) {
        if (caller.root()) {
            return Optional.empty();
        }
        if (!policy.names(caller)) {
            return Optional.of(
                    Permit.notPermitted(
                            permit(caller).who() + " may not hold leases",
                            "be root, or have root name you in " + PolicyFile.DEFAULT.path()));
        }
        Share share = Share.of(caller, connections, Connection::caller, _ -> 1);
        return share.own() >= CONNECTIONS_OF_ONE || share.others() >= CONNECTIONS_OF_OTHERS
                ? Optional.of(
                        Failure.of(
                                Failure.Kind.FAILED,
                                "too many connections of " + permit(caller).who(),
                                "close some; others share what is left"))
                : Optional.empty();
    }

    /** Whether what somebody asks is for root alone, whatever lease it is about. */
    Optional<Failure> refuses(Caller caller, Request request) {
        if (caller.root()) {
            return Optional.empty();
        }
        return switch (request) {
            case Request.Stop _ -> forRoot("only root can stop the guard");
            case Request.History _ -> forRoot("only root sees the history");
            case Request.Rest _ -> forRoot("only root brings others to rest");
            case Request.Thaw thaw when thaw.all() -> forRoot("only root thaws all leases");
            case Request.Thaw thaw when thaw.foreign() ->
                    forRoot("only root thaws what somebody else froze");
            default -> Optional.empty();
        };
    }

    private static Optional<Failure> forRoot(String what) {
        return Optional.of(
                Permit.notPermitted(what, "lull status shows your own leases; thaw those by name"));
    }

    /** Whether there are leases enough already. */
    Optional<Failure> refuses(Caller caller, Request.Arm arm, Collection<LiveLease> leases) {
        if (leases.size() >= MAX_LEASES) {
            return Optional.of(
                    Failure.of(Failure.Kind.FAILED, "too many leases", "lull status shows them"));
        }
        Share share = Share.of(caller, leases, lease -> lease.permit().caller(), _ -> 1);
        if (!caller.root()
                && (share.own() >= LEASES_OF_ONE || share.others() >= LEASES_OF_OTHERS)) {
            return Optional.of(
                    Failure.of(
                            Failure.Kind.FAILED,
                            "too many leases of " + permit(caller).who(),
                            "lull status shows them"));
        }
        return permit(caller).refusesLimits(arm);
    }

    /**
     * Whether a connection keeps more here than there is room for, with all others.
     *
     * @throws WireException if it does; it must be dropped
     */
    void requireRoom(Connection connection, Collection<Connection> connections)
            throws WireException {
        if (connection.bytesKept() == 0 && connection.descriptorsKept() == 0) {
            return;
        }
        Caller caller = connection.caller();
        Share bytes = Share.of(caller, connections, Connection::caller, Connection::bytesKept);
        if (bytes.all() > BYTES) {
            throw new WireException("the guard keeps too much that is half said or not read");
        }
        if (caller.root()) {
            return;
        }
        Share descriptors =
                Share.of(caller, connections, Connection::caller, Connection::descriptorsKept);
        if (bytes.own() > BYTES_OF_ONE
                || bytes.others() > BYTES_OF_OTHERS
                || descriptors.own() > DESCRIPTORS_OF_ONE
                || descriptors.others() > DESCRIPTORS_OF_OTHERS) {
            throw new WireException(
                    "too much of " + permit(caller).who() + " is half said or not read");
        }
    }

    /**
     * How much of something there is.
     *
     * @param own of the same user
     * @param others of all who are not root
     * @param all of everybody
     */
    private record Share(long own, long others, long all) {
        static <T> Share of(
                Caller caller,
                Collection<T> things,
                Function<T, Caller> owner,
                ToLongFunction<T> size) {
            long own = 0;
            long others = 0;
            long all = 0;
            for (T thing : things) {
                Caller its = owner.apply(thing);
                long amount = size.applyAsLong(thing);
                all += amount;
                if (!its.root()) {
                    others += amount;
                    own += its.peer().uid() == caller.peer().uid() ? amount : 0;
                }
            }
            return new Share(own, others, all);
        }
    }
}
