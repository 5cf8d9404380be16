package dev.lull.cli;

import dev.lull.freeze.FreezeException;
import dev.lull.guard.LeaseView;
import dev.lull.guard.Reply;
import dev.lull.guard.Request;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** What is done with leases by name, over whichever connection: the fast one, or the one that can start a guard. */
final class GuardCalls {
    /** A connection's way to make a call. */
    @FunctionalInterface
    interface Caller {
        Reply call(Request request) throws FreezeException;
    }

    private static final int ID_LENGTH = 8;

    private GuardCalls() {}

    /** Whether a word is a lease's id. A directory of such a name is written with a slash: {@code ./backups1}. */
    static boolean isLease(String word) {
        return word.length() == ID_LENGTH
                && word.chars().allMatch(c -> (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'));
    }

    static Reply.GuardStatus status(Caller guard) throws FreezeException {
        return (Reply.GuardStatus) guard.call(new Request.Status());
    }

    static void extend(Caller guard, String lease, Optional<Duration> timeout)
            throws FreezeException {
        guard.call(new Request.Extend(lease, timeout));
    }

    /** Ends a lease: a detached one is released, somebody's attached one is revoked. */
    static List<LeaseView> thaw(Caller guard, String lease) throws FreezeException {
        Request thaw = new Request.Thaw(Optional.of(lease), Optional.empty(), false, false);
        return ((Reply.Ended) guard.call(thaw)).leases();
    }

    static List<LeaseView> thawAll(Caller guard) throws FreezeException {
        Request all = new Request.Thaw(Optional.empty(), Optional.empty(), true, false);
        return ((Reply.Ended) guard.call(all)).leases();
    }
}
