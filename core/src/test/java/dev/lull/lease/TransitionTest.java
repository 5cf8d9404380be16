package dev.lull.lease;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.lease.LeaseState.Armed;
import dev.lull.lease.LeaseState.Ended;
import dev.lull.lease.LeaseState.Freezing;
import dev.lull.lease.LeaseState.Frozen;
import dev.lull.lease.LeaseState.Thawing;
import dev.lull.linux.Errno;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class TransitionTest {
    private static final long SECOND = Duration.ofSeconds(1).toNanos();
    private static final Timeouts TIMEOUTS =
            Timeouts.of(Duration.ofSeconds(10), Duration.ofSeconds(30));
    private static final Terms ONE = new Terms(TIMEOUTS, List.of(new Terms.Member(0, true)));

    /** A loop file's filesystem (0) on another one (1). */
    private static final Terms STACKED =
            new Terms(TIMEOUTS, List.of(new Terms.Member(0, true), new Terms.Member(1, true)));

    private final List<Effect> effects = new ArrayList<>();
    private LeaseState state = new Armed();
    private long now = 1_000 * SECOND;

    private void on(Terms terms, LeaseEvent event) {
        Transition transition = Transition.of(terms, state, event, now);
        state = transition.state();
        effects.addAll(transition.effects());
    }

    private List<Effect> taken() {
        List<Effect> taken = List.copyOf(effects);
        effects.clear();
        return taken;
    }

    private void freezeOne() {
        on(ONE, new LeaseEvent.Freeze());
        on(ONE, new LeaseEvent.FreezeReturned(0, Optional.empty()));
        on(ONE, new LeaseEvent.CanaryAsleep(0));
        effects.clear();
    }

    @Test
    void isFrozenOnlyOnceTheCanarySleeps() {
        on(ONE, new LeaseEvent.Freeze());
        assertThat(taken()).containsExactly(new Effect.CallFreeze(0));
        on(ONE, new LeaseEvent.FreezeReturned(0, Optional.empty()));
        assertThat(taken()).isEmpty();
        assertThat(state).isInstanceOf(Freezing.class);
        on(ONE, new LeaseEvent.CanaryAsleep(0));
        assertThat(state).isInstanceOf(Frozen.class);
        assertThat(state.nextTick()).isEqualTo(OptionalLong.of(now + 30 * SECOND));
    }

    @Test
    void needsNoCanaryWhereNothingCanBeWritten() {
        Terms readOnly = new Terms(TIMEOUTS, List.of(new Terms.Member(0, false)));
        on(readOnly, new LeaseEvent.Freeze());
        on(readOnly, new LeaseEvent.FreezeReturned(0, Optional.empty()));
        assertThat(state).isInstanceOf(Frozen.class);
        assertThat(taken()).containsExactly(new Effect.CallFreeze(0));
    }

    @Test
    void isReleasedByItsHolder() {
        freezeOne();
        on(ONE, new LeaseEvent.Release());
        assertThat(taken()).containsExactly(new Effect.CallThaw(0));
        on(ONE, new LeaseEvent.ThawReturned(0, Optional.empty()));
        assertEnded(End.RELEASED);
    }

    @Test
    void expiresAtTheDeadline() {
        freezeOne();
        now += 30 * SECOND - 1;
        on(ONE, new LeaseEvent.Tick());
        assertThat(state).isInstanceOf(Frozen.class);
        now += 1;
        on(ONE, new LeaseEvent.Tick());
        assertThat(taken()).containsExactly(new Effect.CallThaw(0));
        on(ONE, new LeaseEvent.ThawReturned(0, Optional.empty()));
        assertEnded(End.EXPIRED);
    }

    @Test
    void aReleaseAtTheDeadlineIsLate() {
        freezeOne();
        now += 30 * SECOND;
        on(ONE, new LeaseEvent.Release());
        on(ONE, new LeaseEvent.ThawReturned(0, Optional.empty()));
        assertEnded(End.EXPIRED);
    }

    @Test
    void extendingSetsTheDeadlineToNowPlusTimeout() {
        freezeOne();
        now += 20 * SECOND;
        on(ONE, new LeaseEvent.Extend(Optional.empty()));
        assertThat(state.nextTick()).isEqualTo(OptionalLong.of(now + 30 * SECOND));
        on(ONE, new LeaseEvent.Extend(Optional.of(Duration.ofSeconds(2))));
        assertThat(state.nextTick()).isEqualTo(OptionalLong.of(now + 2 * SECOND));
    }

    @Test
    void cannotBeExtendedAtTheDeadline() {
        freezeOne();
        now += 30 * SECOND;
        on(ONE, new LeaseEvent.Extend(Optional.empty()));
        assertThat(state)
                .isInstanceOfSatisfying(
                        Thawing.class, t -> assertThat(t.end()).isEqualTo(End.EXPIRED));
    }

    @Test
    void isLostWhenTheCanaryWakes() {
        freezeOne();
        on(ONE, new LeaseEvent.CanaryAwake(0, true));
        // What is frozen there now, if anything, is somebody else's.
        assertThat(taken()).isEmpty();
        assertEnded(End.LOST);
    }

    @Test
    void isLostAndThawedWhenTheCanaryCannotBeSeenAsleep() {
        freezeOne();
        on(ONE, new LeaseEvent.CanaryAwake(0, false));
        assertThat(taken()).containsExactly(new Effect.CallThaw(0));
        on(ONE, new LeaseEvent.ThawReturned(0, Optional.empty()));
        assertEnded(End.LOST);
    }

    @Test
    void isLostWhenOurThawFindsItThawed() {
        freezeOne();
        on(ONE, new LeaseEvent.Release());
        on(ONE, new LeaseEvent.ThawReturned(0, Optional.of(Errno.EINVAL)));
        assertEnded(End.LOST);
    }

    @Test
    void isLostWhenTheUpperOneWasThawedWhileTheLowerOneIs() {
        freezeBoth();
        on(STACKED, new LeaseEvent.Release());
        assertThat(taken()).containsExactly(new Effect.CallThaw(1));
        on(STACKED, new LeaseEvent.CanaryAwake(0, true));
        on(STACKED, new LeaseEvent.ThawReturned(1, Optional.empty()));
        on(STACKED, new LeaseEvent.ThawReturned(0, Optional.empty()));
        assertEnded(End.LOST);
    }

    @Test
    void theCanaryWokenByOurOwnThawIsNoLoss() {
        freezeOne();
        on(ONE, new LeaseEvent.Release());
        on(ONE, new LeaseEvent.CanaryAwake(0, true));
        on(ONE, new LeaseEvent.ThawReturned(0, Optional.empty()));
        assertEnded(End.RELEASED);
    }

    private void freezeBoth() {
        on(STACKED, new LeaseEvent.Freeze());
        assertThat(taken()).containsExactly(new Effect.CallFreeze(0));
        on(STACKED, new LeaseEvent.FreezeReturned(0, Optional.empty()));
        assertThat(taken()).containsExactly(new Effect.CallFreeze(1));
        on(STACKED, new LeaseEvent.CanaryAsleep(0));
        on(STACKED, new LeaseEvent.FreezeReturned(1, Optional.empty()));
        on(STACKED, new LeaseEvent.CanaryAsleep(1));
        assertThat(state).isInstanceOf(Frozen.class);
        effects.clear();
    }

    @Test
    void freezesTheUpperFirstAndThawsItLast() {
        freezeBoth();
        on(STACKED, new LeaseEvent.Release());
        assertThat(taken()).containsExactly(new Effect.CallThaw(1));
        on(STACKED, new LeaseEvent.ThawReturned(1, Optional.empty()));
        assertThat(taken()).containsExactly(new Effect.CallThaw(0));
        on(STACKED, new LeaseEvent.ThawReturned(0, Optional.empty()));
        assertEnded(End.RELEASED);
    }

    @Test
    void aStuckThawDoesNotKeepTheOthersForLong() {
        freezeBoth();
        on(STACKED, new LeaseEvent.Release());
        effects.clear();
        assertThat(state.nextTick())
                .isEqualTo(OptionalLong.of(now + Transition.PATIENCE.toNanos()));
        now += Transition.PATIENCE.toNanos();
        on(STACKED, new LeaseEvent.Tick());
        assertThat(taken()).containsExactly(new Effect.CallThaw(0));
        assertThat(state.nextTick()).isEmpty();
    }

    @Test
    void undoesAllWhenOneCannotFreeze() {
        on(STACKED, new LeaseEvent.Freeze());
        on(STACKED, new LeaseEvent.FreezeReturned(0, Optional.empty()));
        effects.clear();
        on(STACKED, new LeaseEvent.FreezeReturned(1, Optional.of(Errno.EBUSY)));
        assertThat(taken()).containsExactly(new Effect.CallThaw(0));
        on(STACKED, new LeaseEvent.ThawReturned(0, Optional.empty()));
        assertThat(state)
                .isInstanceOfSatisfying(
                        Ended.class,
                        e -> {
                            assertThat(e.end()).isEqualTo(End.FAILED);
                            assertThat(e.parts().get(1).errno()).contains(Errno.EBUSY);
                        });
    }

    @Test
    void aFreezeThatReturnsLateIsThawedAtOnce() {
        on(ONE, new LeaseEvent.Freeze());
        effects.clear();
        now += 10 * SECOND;
        on(ONE, new LeaseEvent.Tick());
        assertThat(state)
                .isInstanceOfSatisfying(
                        Thawing.class, t -> assertThat(t.end()).isEqualTo(End.FAILED));
        assertThat(taken()).isEmpty();
        now += 50 * SECOND;
        on(ONE, new LeaseEvent.FreezeReturned(0, Optional.empty()));
        assertThat(taken()).containsExactly(new Effect.CallThaw(0));
        on(ONE, new LeaseEvent.ThawReturned(0, Optional.empty()));
        assertEnded(End.FAILED);
    }

    @Test
    void aHolderThatGoesWhileFreezingLeavesNothingFrozen() {
        on(ONE, new LeaseEvent.Freeze());
        effects.clear();
        on(ONE, new LeaseEvent.Cut(End.ABANDONED, "gone"));
        on(ONE, new LeaseEvent.FreezeReturned(0, Optional.empty()));
        assertThat(taken()).containsExactly(new Effect.CallThaw(0));
        on(ONE, new LeaseEvent.ThawReturned(0, Optional.empty()));
        assertEnded(End.ABANDONED);
    }

    @Test
    void withoutATimeoutItNeverExpires() {
        Terms endless =
                new Terms(new Timeouts(Duration.ofSeconds(1), Optional.empty()), ONE.members());
        on(endless, new LeaseEvent.Freeze());
        on(endless, new LeaseEvent.FreezeReturned(0, Optional.empty()));
        on(endless, new LeaseEvent.CanaryAsleep(0));
        now += Duration.ofDays(10).toNanos();
        on(endless, new LeaseEvent.Tick());
        assertThat(state).isInstanceOf(Frozen.class);
        assertThat(state.nextTick()).isEmpty();
    }

    private void assertEnded(End end) {
        assertThat(state)
                .isInstanceOfSatisfying(
                        Ended.class,
                        e -> {
                            assertThat(e.end()).isEqualTo(end);
                            assertThat(e.parts())
                                    .isNotEmpty()
                                    .allMatch(p -> p.phase() == Part.Phase.DONE);
                        });
        assertThat(state.nextTick()).isEmpty();
    }
}
