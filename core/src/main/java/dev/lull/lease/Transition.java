package dev.lull.lease;

import dev.lull.lease.LeaseState.Armed;
import dev.lull.lease.LeaseState.Ended;
import dev.lull.lease.LeaseState.Freezing;
import dev.lull.lease.LeaseState.Frozen;
import dev.lull.lease.LeaseState.Thawing;
import dev.lull.lease.Part.Phase;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * One step of a lease: the state after it and what is to be done. A pure function of the state, the event and the time.
 *
 * <p>Two rules settle every race. Time comes first: an event that arrives at or after the deadline finds an expired
 * lease, so an {@code extend} or {@code release} that is late by a hair is late. And an end, once decided, stands, with
 * one exception: a release during which it turns out that somebody else had thawed is {@link End#LOST}.
 */
public record Transition(LeaseState state, List<Effect> effects) {
    /**
     * How long a thaw may take before those that wait for it in stacking order go ahead without it. Half the second of
     * grace that FITHAW's issue has.
     */
    public static final Duration PATIENCE = Duration.ofMillis(500);

    /** The step from {@code state} on {@code event} at {@code now} (CLOCK_BOOTTIME nanoseconds). */
    public static Transition of(Terms terms, LeaseState state, LeaseEvent event, long now) {
        List<Effect> effects = new ArrayList<>();
        LeaseState timely = expire(state, now);
        LeaseState changed = apply(terms, timely, event, now);
        return new Transition(proceed(terms, changed, now, effects), List.copyOf(effects));
    }

    private static LeaseState expire(LeaseState state, long now) {
        return switch (state) {
            case Freezing f when now - f.giveUpAt() >= 0 ->
                    new Thawing(End.FAILED, "not frozen within the time allowed", now, f.parts());
            case Frozen f when f.deadline().isPresent() && now - f.deadline().getAsLong() >= 0 ->
                    new Thawing(End.EXPIRED, "the deadline came", now, f.parts());
            default -> state;
        };
    }

    private static LeaseState apply(Terms terms, LeaseState state, LeaseEvent event, long now) {
        return switch (event) {
            case LeaseEvent.Freeze _ -> state instanceof Armed ? begin(terms, now) : state;
            case LeaseEvent.FreezeReturned e -> freezeReturned(state, e, now);
            case LeaseEvent.CanaryAsleep e -> canaryAsleep(state, e.member(), now);
            case LeaseEvent.CanaryAwake e -> canaryAwake(state, e, now);
            case LeaseEvent.Extend e -> extend(terms, state, e, now);
            case LeaseEvent.Release _ -> end(state, End.RELEASED, "released by its holder", now);
            case LeaseEvent.Cut e -> end(state, e.end(), e.reason(), now);
            case LeaseEvent.ThawReturned e -> thawReturned(state, e, now);
            case LeaseEvent.Tick _ -> state;
        };
    }

    private static Freezing begin(Terms terms, long now) {
        List<Part> parts = new ArrayList<>();
        terms.members().forEach(_ -> parts.add(Part.idle(now)));
        return new Freezing(now + terms.timeouts().within().toNanos(), List.copyOf(parts));
    }

    private static LeaseState freezeReturned(
            LeaseState state, LeaseEvent.FreezeReturned e, long now) {
        List<Part> parts = parts(state);
        if (e.member() >= parts.size() || parts.get(e.member()).phase() != Phase.FREEZING) {
            return state;
        }
        Part part = parts.get(e.member());
        if (e.errno().isEmpty()) {
            return withPart(state, e.member(), part.to(Phase.FROZEN, now));
        }
        LeaseState refused = withPart(state, e.member(), part.refused(e.errno().get(), now));
        return refused instanceof Freezing f
                ? new Thawing(End.FAILED, "cannot freeze: " + e.errno().get(), now, f.parts())
                : refused;
    }

    private static LeaseState canaryAsleep(LeaseState state, int member, long now) {
        return state instanceof Freezing f && f.parts().get(member).phase() == Phase.FROZEN
                ? withPart(f, member, f.parts().get(member).to(Phase.PROVEN, now))
                : state;
    }

    private static LeaseState canaryAwake(LeaseState state, LeaseEvent.CanaryAwake e, long now) {
        List<Part> parts = parts(state);
        // After our own FITHAW was issued, that is what woke it.
        if (e.member() >= parts.size() || !parts.get(e.member()).frozen()) {
            return state;
        }
        LeaseState seen =
                e.thawed()
                        ? withPart(state, e.member(), parts.get(e.member()).to(Phase.DONE, now))
                        : state;
        String reason = e.thawed() ? "thawed by somebody else" : "nothing proves that it was held";
        return switch (seen) {
            case Freezing f -> new Thawing(End.LOST, reason, now, f.parts());
            case Frozen f -> new Thawing(End.LOST, reason, now, f.parts());
            case Thawing t when t.end() == End.RELEASED ->
                    new Thawing(End.LOST, reason, t.since(), t.parts());
            default -> seen;
        };
    }

    private static LeaseState extend(Terms terms, LeaseState state, LeaseEvent.Extend e, long now) {
        if (!(state instanceof Frozen f)) {
            return state;
        }
        Optional<Duration> timeout = e.timeout().or(() -> terms.timeouts().timeout());
        OptionalLong deadline =
                timeout.isPresent()
                        ? OptionalLong.of(now + timeout.get().toNanos())
                        : OptionalLong.empty();
        return new Frozen(f.since(), deadline, f.parts());
    }

    private static LeaseState end(LeaseState state, End end, String reason, long now) {
        return switch (state) {
            case Armed _ -> new Ended(end == End.RELEASED ? End.FAILED : end, reason, List.of());
            // Released before the whole set was frozen: there was no freeze to be held.
            case Freezing f ->
                    new Thawing(end == End.RELEASED ? End.FAILED : end, reason, now, f.parts());
            case Frozen f -> new Thawing(end, reason, now, f.parts());
            case Thawing _, Ended _ -> state;
        };
    }

    private static LeaseState thawReturned(LeaseState state, LeaseEvent.ThawReturned e, long now) {
        if (!(state instanceof Thawing t) || t.parts().get(e.member()).phase() != Phase.THAWING) {
            return state;
        }
        Part part = t.parts().get(e.member());
        if (e.errno().isEmpty()) {
            return withPart(t, e.member(), part.to(Phase.DONE, now));
        }
        Thawing refused = (Thawing) withPart(t, e.member(), part.refused(e.errno().get(), now));
        // EINVAL is the kernel's word for "is not frozen" (fs/super.c thaw_super).
        return t.end() == End.RELEASED
                ? new Thawing(End.LOST, "thaw: " + e.errno().get(), t.since(), refused.parts())
                : refused;
    }

    private static LeaseState proceed(
            Terms terms, LeaseState state, long now, List<Effect> effects) {
        return switch (state) {
            case Freezing f -> proceedFreezing(terms, f, now, effects);
            case Thawing t -> proceedThawing(terms, t, now, effects);
            case Armed _, Frozen _, Ended _ -> state;
        };
    }

    private static LeaseState proceedFreezing(
            Terms terms, Freezing f, long now, List<Effect> effects) {
        List<Part> parts = new ArrayList<>(f.parts());
        for (int i = 0; i < parts.size(); i++) {
            Part part = parts.get(i);
            if (part.phase() == Phase.IDLE && aboveAllFrozen(terms, parts, i)) {
                parts.set(i, part.to(Phase.FREEZING, now));
                effects.add(new Effect.CallFreeze(i));
            } else if (part.phase() == Phase.FROZEN && !terms.members().get(i).provable()) {
                parts.set(i, part.to(Phase.PROVEN, now));
            }
        }
        boolean whole = parts.stream().allMatch(p -> p.phase() == Phase.PROVEN);
        if (!whole) {
            return new Freezing(f.giveUpAt(), List.copyOf(parts));
        }
        Optional<Duration> timeout = terms.timeouts().timeout();
        return new Frozen(
                now,
                timeout.isPresent()
                        ? OptionalLong.of(now + timeout.get().toNanos())
                        : OptionalLong.empty(),
                List.copyOf(parts));
    }

    private static boolean aboveAllFrozen(Terms terms, List<Part> parts, int member) {
        int level = terms.members().get(member).level();
        for (int i = 0; i < parts.size(); i++) {
            if (terms.members().get(i).level() < level && !parts.get(i).frozen()) {
                return false;
            }
        }
        return true;
    }

    private static LeaseState proceedThawing(
            Terms terms, Thawing t, long now, List<Effect> effects) {
        List<Part> parts = new ArrayList<>(t.parts());
        for (int i = 0; i < parts.size(); i++) {
            Part part = parts.get(i);
            if (part.phase() == Phase.IDLE) {
                parts.set(i, part.to(Phase.DONE, now));
            }
        }
        for (int i = 0; i < parts.size(); i++) {
            Part part = parts.get(i);
            if (part.frozen() && mayThaw(terms, t, parts, i, now)) {
                parts.set(i, part.to(Phase.THAWING, now));
                effects.add(new Effect.CallThaw(i));
            }
        }
        boolean done = parts.stream().allMatch(p -> p.phase() == Phase.DONE);
        return done
                ? new Ended(t.end(), t.reason(), List.copyOf(parts))
                : new Thawing(t.end(), t.reason(), t.since(), List.copyOf(parts));
    }

    /** Thawing the upper of two may write to the lower, which blocks while that one is frozen. */
    private static boolean mayThaw(Terms terms, Thawing t, List<Part> parts, int member, long now) {
        if (now - t.since() >= PATIENCE.toNanos()) {
            return true;
        }
        int level = terms.members().get(member).level();
        for (int i = 0; i < parts.size(); i++) {
            if (terms.members().get(i).level() > level && parts.get(i).phase() != Phase.DONE) {
                return false;
            }
        }
        return true;
    }

    private static List<Part> parts(LeaseState state) {
        return switch (state) {
            case Armed _ -> List.of();
            case Freezing f -> f.parts();
            case Frozen f -> f.parts();
            case Thawing t -> t.parts();
            case Ended e -> e.parts();
        };
    }

    private static LeaseState withPart(LeaseState state, int member, Part part) {
        List<Part> parts = new ArrayList<>(parts(state));
        parts.set(member, part);
        List<Part> changed = List.copyOf(parts);
        return switch (state) {
            case Freezing f -> new Freezing(f.giveUpAt(), changed);
            case Frozen f -> new Frozen(f.since(), f.deadline(), changed);
            case Thawing t -> new Thawing(t.end(), t.reason(), t.since(), changed);
            case Ended e -> new Ended(e.end(), e.reason(), changed);
            case Armed _ -> state;
        };
    }
}
