package dev.lull.lease;

import dev.lull.linux.Errno;
import java.time.Duration;
import java.util.Optional;

/** What can happen to a lease. */
public sealed interface LeaseEvent {
    /** The holder wants the set frozen. */
    record Freeze() implements LeaseEvent {}

    /** FIFREEZE of a member returned; without an errno it succeeded. */
    record FreezeReturned(int member, Optional<Errno> errno) implements LeaseEvent {}

    /** The member's canary sleeps in the superblock's write lock. */
    record CanaryAsleep(int member) implements LeaseEvent {}

    /**
     * The member's canary is awake, or gone, or would not go to sleep.
     *
     * @param thawed whether it said so itself after it had been sent to sleep on the frozen filesystem: then our freeze is
     *     over, and a freeze that is there now is somebody else's. Otherwise ours may still be in force.
     */
    record CanaryAwake(int member, boolean thawed) implements LeaseEvent {}

    /**
     * The holder wants more time: the deadline becomes now + timeout.
     *
     * @param timeout another timeout than the lease's, for this once
     */
    record Extend(Optional<Duration> timeout) implements LeaseEvent {}

    /** The holder is done. */
    record Release() implements LeaseEvent {}

    /** The lease is ended for another reason than its holder's wish. */
    record Cut(End end, String reason) implements LeaseEvent {}

    /** FITHAW of a member returned; without an errno it succeeded. */
    record ThawReturned(int member, Optional<Errno> errno) implements LeaseEvent {}

    /** Nothing but time. */
    record Tick() implements LeaseEvent {}
}
