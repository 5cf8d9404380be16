package dev.lull.guard;

import dev.lull.guard.Reply.Failure;
import dev.lull.lease.DurationText;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.MountTree;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * What one lease's holder may, by the policy of the moment in which it was armed. Immutable, for any thread; asks nobody
 * and waits for nothing.
 */
record Permit(Caller caller, Policy policy) {
    /**
     * A filesystem to be frozen.
     *
     * @param path as the client calls it, for display alone
     */
    record Subject(String path, DeviceNumber device) {}

    /** Whether the limits are more than may be asked for, as far as that can be told without the filesystems. */
    Optional<Failure> refusesLimits(Request.Arm arm) {
        if (caller.root()) {
            return tooLong("within", arm.within())
                    .or(() -> arm.timeout().flatMap(timeout -> tooLong("timeout", timeout)));
        }
        return arm.timeout().isEmpty()
                ? Optional.of(
                        notPermitted(
                                "no timeout at all is for root",
                                "name a time, and extend the lease while it is needed"))
                : Optional.empty();
    }

    private Optional<Failure> tooLong(String which, Duration asked) {
        if (asked.compareTo(policy.rootMax()) <= 0) {
            return Optional.empty();
        }
        return Optional.of(
                Failure.of(
                        Failure.Kind.INVALID,
                        which
                                + " "
                                + DurationText.of(asked)
                                + " is more than "
                                + DurationText.of(policy.rootMax()),
                        "ask for less with --"
                                + which
                                + " and extend the lease while it is needed; root max in "
                                + PolicyFile.DEFAULT.path()
                                + " allows more"));
    }

    /**
     * For how long the set may be frozen in all, the least of what each filesystem's rules say.
     *
     * @return empty if there is no such limit, as for root
     * @throws Refused if not every filesystem is allowed, or not for so long
     */
    Optional<Duration> forAll(List<Subject> subjects, MountTree mounts, Request.Arm arm)
            throws Refused {
        if (caller.root()) {
            return Optional.empty();
        }
        Optional<Duration> least = Optional.empty();
        for (Subject subject : subjects) {
            Duration granted =
                    policy.granted(caller, subject.device(), mounts)
                            .orElseThrow(() -> new Refused(notAllowed(subject)));
            if (least.isEmpty() || granted.compareTo(least.get()) < 0) {
                least = Optional.of(granted);
            }
            requireWithin(subject, "within", arm.within(), granted);
            if (arm.timeout().isPresent()) {
                requireWithin(subject, "timeout", arm.timeout().get(), granted);
            }
        }
        return least;
    }

    private void requireWithin(Subject subject, String which, Duration asked, Duration granted)
            throws Refused {
        if (asked.compareTo(granted) > 0) {
            throw new Refused(
                    notPermitted(
                            who()
                                    + " may freeze "
                                    + subject.path()
                                    + " for "
                                    + DurationText.of(granted)
                                    + " at most, not with "
                                    + which
                                    + " "
                                    + DurationText.of(asked),
                            "ask for less with --" + which));
        }
    }

    private Failure notAllowed(Subject subject) {
        return new Failure(
                Failure.Kind.NOT_PERMITTED,
                who() + " may not freeze " + subject.path() + " (" + subject.device() + ")",
                Optional.empty(),
                Optional.of(subject.path()),
                Optional.of(
                        "lull doctor " + subject.path() + " shows who may; root writes the policy"),
                Optional.empty());
    }

    /**
     * Whether a lease may not be extended so far.
     *
     * @param lease its id
     * @param max from {@link #forAll}
     * @param frozenSince when its first filesystem was frozen, by the clock of {@code now}
     * @param timeout from now
     */
    Optional<Failure> refusesExtension(
            String lease, Optional<Duration> max, long frozenSince, long now, Duration timeout) {
        if (max.isEmpty()) {
            return tooLong("timeout", timeout);
        }
        Duration left = max.get().minusNanos(now - frozenSince);
        if (timeout.compareTo(left) <= 0) {
            return Optional.empty();
        }
        return Optional.of(
                notPermitted(
                        "lease "
                                + lease
                                + " may be held for "
                                + DurationText.of(max.get())
                                + " in all, extended or not; "
                                + Math.max(0, left.toSeconds())
                                + "s are left",
                        "ask for less with --timeout, or end it in time"));
    }

    /**
     * Whether the process may not be brought to rest for snapshots of a filesystem, or not take so long for it.
     *
     * @param mounts of the guard's own mount namespace
     * @param limit how long it may take for an answer
     */
    Optional<Failure> refusesParticipant(Subject subject, MountTree mounts, Duration limit) {
        if (caller.root()) {
            return Optional.empty();
        }
        Optional<Duration> most = policy.participates(caller, subject.device(), mounts);
        if (most.isEmpty()) {
            return Optional.of(
                    notPermitted(
                            who()
                                    + " may not register for "
                                    + subject.path()
                                    + " ("
                                    + subject.device()
                                    + ")",
                            "root writes the policy: participant USER MOUNTPOINT"));
        }
        return limit.compareTo(most.get()) <= 0
                ? Optional.empty()
                : Optional.of(
                        notPermitted(
                                who()
                                        + " may keep backups of "
                                        + subject.path()
                                        + " waiting for "
                                        + DurationText.of(most.get())
                                        + " at most, not "
                                        + DurationText.of(limit),
                                "ask for a shorter limit"));
    }

    String who() {
        return "user " + Integer.toUnsignedString(caller.peer().uid());
    }

    static Failure notPermitted(String message, String hint) {
        return Failure.of(Failure.Kind.NOT_PERMITTED, message, hint);
    }

    /** The set may not be frozen. */
    static final class Refused extends Exception {
        private final transient Failure failure;

        Refused(Failure failure) {
            super(failure.message());
            this.failure = failure;
        }

        Failure failure() {
            return failure;
        }
    }
}
