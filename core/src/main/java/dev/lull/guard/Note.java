package dev.lull.guard;

import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Errno;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** What a thread that may block tells the guard's loop, which may not. */
sealed interface Note {
    /** The lease's members are known, in freezing order, and for how long they may be frozen in all. */
    record Prepared(LiveLease lease, List<Member> members, Optional<Duration> max)
            implements Note {}

    /** It cannot be prepared; the descriptors are closed. */
    record Unprepared(LiveLease lease, Reply.Failure failure) implements Note {}

    /** The pre-sync rounds of a member are over; a failure is one that the freeze would meet as well. */
    record PreSynced(LiveLease lease, Member member, Optional<Errno> errno) implements Note {}

    /** FIFREEZE returned; if it succeeded the canary may sleep already, as it nearly always does. */
    record FreezeReturned(LiveLease lease, Member member, Optional<Errno> errno, boolean asleep)
            implements Note {}

    /** A canary that did not sleep when FIFREEZE returned fell asleep, or would not. */
    record CanarySettled(LiveLease lease, Member member, boolean asleep) implements Note {}

    /** FITHAW returned. */
    record ThawReturned(LiveLease lease, Member member, Optional<Errno> errno) implements Note {}

    /** A member's descriptors are closed. */
    record Closed(LiveLease lease) implements Note {}

    /** Which filesystem somebody wants thawed; empty if it cannot be told. */
    record Identified(
            Connection connection,
            Request.Thaw thaw,
            Descriptor directory,
            Optional<DeviceNumber> device)
            implements Note {}

    /**
     * What filesystems a process wants to be brought to rest for, which have not been twice the same; or why it may not.
     */
    record Recognized(
            Connection connection,
            Request.Register request,
            List<DeviceNumber> devices,
            Optional<Reply.Failure> refusal)
            implements Note {}

    /** A thaw that somebody asked for by name, of a filesystem that no lease holds, returned. */
    record ForeignThawReturned(Connection connection, String path, Optional<Errno> errno)
            implements Note {}

    /** What the policy's file says by now. */
    record PolicyRead(PolicyFile.Loaded loaded) implements Note {}

    /** A companion process was started, or could not be. */
    record CompanionStarted(String name, Optional<Companion> companion, String trouble)
            implements Note {}
}
