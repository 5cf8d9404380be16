package dev.lull.guard;

import dev.lull.lease.LeaseEvent;
import dev.lull.lease.LeaseState;
import dev.lull.lease.Part;
import dev.lull.lease.Terms;
import dev.lull.lease.Timeouts;
import dev.lull.lease.Transition;
import dev.lull.linux.Peer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/** A lease in the guard: its state, its members, and who waits for what of it. Belongs to the guard's loop. */
final class LiveLease {
    private final String id;
    private final long serial;
    private final Request.Arm request;
    private final Permit permit;
    private final long beganAt = System.currentTimeMillis();
    private final long beganNanos;
    private List<Member> members = List.of();
    private @Nullable Terms terms;
    private Optional<Duration> max = Optional.empty();
    private LeaseState state = new LeaseState.Armed();
    private long endedAt;

    /** The connection it was armed on, while that is open. */
    @Nullable Connection connection;

    /** Who waits for {@code Arm} and {@code Freeze} to be answered. */
    @Nullable Connection awaitingArmed;

    @Nullable Connection awaitingFrozen;

    /** Who waits for its end. */
    final List<Connection> awaitingEnd = new ArrayList<>();

    /** When it needs no expedited grace periods any more; empty if it does not, and the far end while it freezes. */
    OptionalLong expediteUntil = OptionalLong.empty();

    boolean recorded;
    boolean toldStuck;
    long sentryMissingSince;

    /** The deadline that the sentry goes by. */
    long sentryKnows;

    /** When it is to be told of another one; 0 if it need not. */
    long sentryDue;

    long cleaningSince;

    LiveLease(
            String id,
            long serial,
            Request.Arm request,
            Permit permit,
            Connection connection,
            long now) {
        this.id = id;
        this.serial = serial;
        this.request = request;
        this.permit = permit;
        this.connection = connection;
        this.awaitingArmed = connection;
        this.beganNanos = now;
    }

    String id() {
        return id;
    }

    /** Its number with the companions; never used twice in a guard's life. */
    long serial() {
        return serial;
    }

    Request.Arm request() {
        return request;
    }

    Peer holder() {
        return permit.caller().peer();
    }

    Permit permit() {
        return permit;
    }

    long beganNanos() {
        return beganNanos;
    }

    List<Member> members() {
        return members;
    }

    LeaseState state() {
        return state;
    }

    /**
     * @param longest from {@link Permit#forAll}
     */
    void prepared(List<Member> prepared, Optional<Duration> longest) {
        max = longest;
        members = List.copyOf(prepared);
        List<Terms.Member> told = new ArrayList<>();
        for (Member member : members) {
            told.add(new Terms.Member(member.level(), member.provable()));
        }
        terms = new Terms(new Timeouts(request.within(), request.timeout()), told);
    }

    /** Whether sentry and canary have every member. */
    boolean kept() {
        return members.stream().allMatch(m -> m.keptBySentry && m.keptByCanary);
    }

    boolean isPrepared() {
        return terms != null;
    }

    /** Takes one step and says what is to be done. */
    Transition step(LeaseEvent event, long now) {
        Terms agreed = terms;
        if (agreed == null) {
            throw new IllegalStateException("lease " + id + " is not prepared");
        }
        Transition transition = Transition.of(agreed, state, event, now);
        state = transition.state();
        return transition;
    }

    /** Ends a lease whose preparation did not come to an end. */
    void endUnprepared(LeaseState.Ended ended) {
        state = ended;
    }

    void endedNow() {
        endedAt = System.currentTimeMillis();
    }

    boolean ended() {
        return state instanceof LeaseState.Ended;
    }

    /** Whether anything of it can be frozen. */
    boolean atWork() {
        return !(state instanceof LeaseState.Armed || state instanceof LeaseState.Ended);
    }

    List<Part> parts() {
        return switch (state) {
            case LeaseState.Armed _ -> List.of();
            case LeaseState.Freezing f -> f.parts();
            case LeaseState.Frozen f -> f.parts();
            case LeaseState.Thawing t -> t.parts();
            case LeaseState.Ended e -> e.parts();
        };
    }

    String reason() {
        return switch (state) {
            case LeaseState.Thawing t -> t.reason();
            case LeaseState.Ended e -> e.reason();
            default -> "";
        };
    }

    OptionalLong deadline() {
        return state instanceof LeaseState.Frozen f ? f.deadline() : OptionalLong.empty();
    }

    LeaseView view(long now) {
        List<Part> parts = parts();
        List<LeaseView.FilesystemView> views = new ArrayList<>();
        for (int i = 0; i < members.size(); i++) {
            views.add(
                    members.get(i)
                            .view(
                                    i < parts.size() ? Optional.of(parts.get(i)) : Optional.empty(),
                                    now));
        }
        return new LeaseView(
                id,
                state.word(),
                reason(),
                request.attached(),
                request.program(),
                holder().pid(),
                holder().uid(),
                request.within().toMillis(),
                request.timeout().isPresent()
                        ? OptionalLong.of(request.timeout().get().toMillis())
                        : OptionalLong.empty(),
                deadline(),
                beganAt,
                ended() ? OptionalLong.of(endedAt) : OptionalLong.empty(),
                window(),
                views);
    }

    /**
     * Whether it may not be held so much longer.
     *
     * @param timeout from now; the lease's own if there is none
     */
    Optional<Reply.Failure> refusesExtension(Optional<Duration> timeout, long now) {
        Optional<Duration> asked = timeout.or(request::timeout);
        if (asked.isEmpty()) {
            // Root's, without a limit.
            return Optional.empty();
        }
        long frozenSince =
                members.stream()
                        .mapToLong(Member::freezeCalled)
                        .filter(called -> called != 0)
                        .min()
                        .orElse(now);
        return permit.refusesExtension(id, max, frozenSince, now, asked.get());
    }

    private OptionalLong window() {
        if (!ended()) {
            return OptionalLong.empty();
        }
        long from = Long.MAX_VALUE;
        long to = 0;
        for (Member member : members) {
            if (member.freezeCalled() != 0 && member.thawReturned() != 0) {
                from = Math.min(from, member.freezeCalled());
                to = Math.max(to, member.thawReturned());
            }
        }
        return to == 0 ? OptionalLong.empty() : OptionalLong.of(to - from);
    }
}
