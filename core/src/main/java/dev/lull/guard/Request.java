package dev.lull.guard;

import java.time.Duration;
import java.util.List;
import java.util.Map;
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
            case Register _, Await _, Answer _, Rest _, Resume _ -> Optional.empty();
        };
    }

    /** The guard and its leases. */
    record Status() implements Request {}

    /** The ended leases, newest first. */
    record History(int limit) implements Request {}

    /** Answered when the lease has ended. */
    record Wait(String lease) implements Request {}

    /**
     * Registers this connection's process to be brought to rest for snapshots of some filesystems, until it disconnects.
     * One descriptor per path travels with it, in order.
     *
     * @param protocol the client's {@link Wire#PROTOCOL}
     * @param name what to call it
     * @param limit how long it may take for an answer
     * @param paths the directories or files as the process names them, for display only
     */
    record Register(int protocol, String name, Duration limit, List<String> paths)
            implements Request {
        public Register {
            paths = List.copyOf(paths);
        }
    }

    /** Answered when something is asked of the process that has registered on this connection. */
    record Await() implements Request {}

    /**
     * What came of the last that was asked.
     *
     * @param outcome what came of it
     * @param message for a person: why, if it could not be done
     * @param evidence of a rest, for the manifest, by name: a log position, for example
     */
    record Answer(Outcome outcome, String message, Map<String, String> evidence)
            implements Request {
        public Answer {
            evidence = Map.copyOf(evidence);
        }

        /** What came of an order. */
        public enum Outcome {
            DONE("done"),
            FAILED("failed"),
            /** It is to go on, and has done so before. */
            NOT_AT_REST("not at rest");

            private final String word;

            Outcome(String word) {
                this.word = word;
            }

            public String word() {
                return word;
            }

            static Outcome ofWord(String word) throws WireException {
                for (Outcome outcome : values()) {
                    if (outcome.word.equals(word)) {
                        return outcome;
                    }
                }
                throw new WireException("outcome is none of done, failed and not at rest");
            }
        }
    }

    /**
     * Brings registered processes to rest. Answered when each has said something, or is late. They go on when they are
     * told to, when this connection closes, or when the time is over.
     *
     * @param participants by {@link ParticipantView#id}
     * @param longest how long they may be kept at rest once all are
     */
    record Rest(List<Integer> participants, Duration longest) implements Request {
        public Rest {
            participants = List.copyOf(participants);
        }
    }

    /** Lets those go on that this connection has brought to rest. Answered when each has said something, or is late. */
    record Resume() implements Request {}

    /** Asks the guard to end once it has no lease; with {@code now}, all leases are revoked first. */
    record Stop(boolean now) implements Request {}
}
