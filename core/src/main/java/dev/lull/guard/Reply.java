package dev.lull.guard;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** What the guard answers; see docs/protocol.md for the form on the socket. */
public sealed interface Reply {
    /** A lease is armed: its id, and its filesystems, which can be fewer than the paths (two names of one). */
    record Armed(LeaseView lease) implements Reply {}

    /**
     * The whole set is frozen, proven by every canary.
     *
     * @param lease the lease's id
     * @param deadline CLOCK_BOOTTIME nanoseconds; empty if it has no timeout
     */
    record Frozen(String lease, OptionalLong deadline) implements Reply {}

    /** The lease has a new deadline, in CLOCK_BOOTTIME nanoseconds; empty if it has no timeout. */
    record Extended(String lease, OptionalLong deadline) implements Reply {}

    /** Leases that have ended: the one released or waited for, those thawed, or the history. */
    record Ended(List<LeaseView> leases) implements Reply {
        public Ended {
            leases = List.copyOf(leases);
        }
    }

    /**
     * The guard's state.
     *
     * @param version Lull's version
     * @param protocol {@link Wire#PROTOCOL}
     * @param pid the guard's process id, in its own namespace
     * @param sentry the sentry's process id; empty while there is none
     * @param canary the canary's process id; empty while there is none
     * @param upSince CLOCK_BOOTTIME nanoseconds
     * @param now CLOCK_BOOTTIME nanoseconds when this was said
     * @param leases those not ended
     * @param participants processes that have registered to be brought to rest
     * @param warnings what an administrator should know, in words
     */
    record GuardStatus(
            String version,
            int protocol,
            int pid,
            Optional<Integer> sentry,
            Optional<Integer> canary,
            long upSince,
            long now,
            List<LeaseView> leases,
            List<ParticipantView> participants,
            List<String> warnings)
            implements Reply {
        public GuardStatus {
            leases = List.copyOf(leases);
            participants = List.copyOf(participants);
            warnings = List.copyOf(warnings);
        }
    }

    /**
     * A process has registered.
     *
     * @param participant its {@link ParticipantView#id}
     */
    record Registered(int participant) implements Reply {}

    /**
     * What a registered process is to do, and to answer.
     *
     * @param order what
     * @param longest of a rest: after so long, or when the connection closes, it is to go on without being told
     */
    record Ordered(Order order, Duration longest) implements Reply {
        /** What can be asked. */
        public enum Order {
            REST("rest"),
            RESUME("resume");

            private final String word;

            Order(String word) {
                this.word = word;
            }

            public String word() {
                return word;
            }

            static Order ofWord(String word) throws WireException {
                for (Order order : values()) {
                    if (order.word.equals(word)) {
                        return order;
                    }
                }
                throw new WireException("order is neither rest nor resume");
            }
        }
    }

    /** What those have said that were brought to rest, or were to go on. */
    record Heard(List<ParticipantView> participants) implements Reply {
        public Heard {
            participants = List.copyOf(participants);
        }
    }

    /** Done, with nothing to tell. */
    record Done() implements Reply {}

    /**
     * The guard refused, or failed.
     *
     * @param kind which failure, for a program
     * @param message one line, lower case, with path and errno where there is one
     * @param errno the errno's name, such as {@code EBUSY}
     * @param path what it was about
     * @param hint what to do, or empty
     * @param lease the ended lease, where a freeze failed or a lease was found ended
     */
    record Failure(
            Kind kind,
            String message,
            Optional<String> errno,
            Optional<String> path,
            Optional<String> hint,
            Optional<LeaseView> lease)
            implements Reply {
        public static Failure of(Kind kind, String message, String hint) {
            return new Failure(
                    kind,
                    message,
                    Optional.empty(),
                    Optional.empty(),
                    hint.isEmpty() ? Optional.empty() : Optional.of(hint),
                    Optional.empty());
        }

        /** The error's name on the socket is {@code dev.lull.Guard.<word>}. */
        public enum Kind {
            /** The request makes no sense: malformed, limits out of range, wrong descriptors. */
            INVALID("Invalid"),
            /** No lease of that name, now or in the history. */
            NO_SUCH_LEASE("NoSuchLease"),
            /** The lease has ended; EINVAL, as the 2008 interface has it. */
            NOT_HELD("NotHeld"),
            /** The kernel would not freeze it. */
            CANNOT_FREEZE("CannotFreeze"),
            /** It is frozen, and not by Lull; or by another lease. */
            FROZEN_BY_OTHER("FrozenByOther"),
            /** The peer may not. */
            NOT_PERMITTED("NotPermitted"),
            /** Something in the kernel does not return. */
            STUCK("Stuck"),
            /** The client speaks another protocol. */
            OTHER_VERSION("OtherVersion"),
            /** The guard itself failed. */
            FAILED("Failed");

            private final String word;

            Kind(String word) {
                this.word = word;
            }

            public String word() {
                return word;
            }

            /** The kind of that word; {@link #FAILED} for one that this version does not know. */
            public static Kind ofWord(String word) {
                for (Kind kind : values()) {
                    if (kind.word.equals(word)) {
                        return kind;
                    }
                }
                return FAILED;
            }
        }
    }
}
