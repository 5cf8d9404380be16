package dev.lull.lease;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.lease.LeaseState.Armed;
import dev.lull.lease.LeaseState.Ended;
import dev.lull.lease.LeaseState.Frozen;
import dev.lull.lease.Part.Phase;
import dev.lull.linux.Errno;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Walks through every order in which things can happen to a lease over one or two filesystems, with a model of the
 * kernel at its side, and holds the promises against each.
 */
class EveryOrderTest {
    private static final Duration WITHIN = Duration.ofSeconds(2);
    private static final Duration TIMEOUT = Duration.ofSeconds(3);
    private static final long TIME_STEP = Duration.ofSeconds(1).toNanos();
    private static final int STEPS_OF_TIME = 5;

    /** What is frozen together; the number is the level in the stack. */
    enum Together {
        ALONE(new Terms.Member(0, true)),
        STACKED(new Terms.Member(0, true), new Terms.Member(1, true)),
        UNRELATED(new Terms.Member(0, true), new Terms.Member(0, true)),
        ONE_READ_ONLY(new Terms.Member(0, false), new Terms.Member(1, true));

        private final Terms terms;

        Together(Terms.Member... members) {
            terms = new Terms(Timeouts.of(WITHIN, TIMEOUT), List.of(members));
        }
    }

    /** One filesystem as the kernel has it, and who is doing what with it. */
    private record Disk(
            boolean frozen,
            boolean freezing,
            boolean thawing,
            boolean canaryAsleep,
            boolean brokenOnce) {
        static final Disk FRESH = new Disk(false, false, false, false, false);
    }

    private record World(
            LeaseState state, List<Disk> disks, long now, boolean wasFrozen, int extensions) {}

    private final Set<World> seen = new HashSet<>();
    private final Set<End> ends = new HashSet<>();
    private Terms terms = Together.ALONE.terms;

    @ParameterizedTest
    @EnumSource
    void keepsItsPromisesInEveryOrder(Together together) {
        terms = together.terms;
        List<World> open = new ArrayList<>();
        open.add(
                new World(
                        new Armed(),
                        Collections.nCopies(terms.members().size(), Disk.FRESH),
                        0,
                        false,
                        0));
        long steps = 0;
        while (!open.isEmpty()) {
            World world = open.removeLast();
            if (seen.add(world)) {
                check(world);
                List<World> next = next(world);
                steps += next.size();
                open.addAll(next);
            }
        }
        System.out.printf(
                "every order, %s: %d states, %d steps between them%n",
                together, seen.size(), steps);
        assertThat(ends).containsExactlyInAnyOrder(End.values());
        assertThat(seen.size()).isGreaterThan(together == Together.ALONE ? 500 : 10_000);
    }

    private void check(World world) {
        if (world.state instanceof Ended ended) {
            ends.add(ended.end());
            // Nothing stays frozen, and nothing is under way that could freeze it later.
            assertThat(world.disks)
                    .noneMatch(d -> (d.frozen && !d.brokenOnce) || d.freezing || d.thawing);
            if (ended.end() == End.RELEASED) {
                // Success means held.
                assertThat(world.wasFrozen).isTrue();
                assertThat(unprovenlyHeld(world.disks)).isFalse();
            }
        }
        if (world.state instanceof Frozen frozen) {
            assertThat(frozen.parts()).allMatch(p -> p.phase() == Phase.PROVEN);
            assertThat(world.now).isLessThan(frozen.deadline().orElseThrow());
        }
    }

    private List<World> next(World w) {
        List<World> next = new ArrayList<>();
        if (w.state instanceof Armed) {
            next.add(on(w, new LeaseEvent.Freeze()));
        }
        next.add(on(w, new LeaseEvent.Cut(End.ABANDONED, "")));
        next.add(on(w, new LeaseEvent.Cut(End.REVOKED, "")));
        if (!(w.state instanceof Armed)) {
            next.add(release(w));
        }
        if (w.extensions < 1) {
            World extended = on(w, new LeaseEvent.Extend(Optional.empty()));
            next.add(
                    new World(extended.state, extended.disks, extended.now, extended.wasFrozen, 1));
        }
        if (w.now < STEPS_OF_TIME * TIME_STEP) {
            next.add(
                    on(
                            new World(
                                    w.state, w.disks, w.now + TIME_STEP, w.wasFrozen, w.extensions),
                            new LeaseEvent.Tick()));
        }
        for (int i = 0; i < w.disks.size(); i++) {
            Disk d = w.disks.get(i);
            if (d.freezing) {
                next.add(
                        on(
                                with(w, i, new Disk(true, false, d.thawing, false, d.brokenOnce)),
                                new LeaseEvent.FreezeReturned(i, Optional.empty())));
                next.add(
                        on(
                                with(
                                        w,
                                        i,
                                        new Disk(d.frozen, false, d.thawing, false, d.brokenOnce)),
                                new LeaseEvent.FreezeReturned(i, Optional.of(Errno.EBUSY))));
            }
            if (d.thawing) {
                Optional<Errno> answer = d.frozen ? Optional.empty() : Optional.of(Errno.EINVAL);
                next.add(
                        on(
                                with(w, i, new Disk(false, d.freezing, false, false, d.brokenOnce)),
                                new LeaseEvent.ThawReturned(i, answer)));
            }
            if (phase(w, i) == Phase.FROZEN && d.frozen && !d.canaryAsleep) {
                next.add(
                        on(
                                with(
                                        w,
                                        i,
                                        new Disk(true, d.freezing, d.thawing, true, d.brokenOnce)),
                                new LeaseEvent.CanaryAsleep(i)));
            }
            if (d.frozen && !d.thawing && w.state instanceof Frozen) {
                // Somebody else thaws, and perhaps freezes again at once; the canary's word comes
                // later or never.
                next.add(with(w, i, new Disk(false, false, false, false, true)));
                next.add(with(w, i, new Disk(true, false, false, false, true)));
                next.add(
                        on(
                                with(w, i, new Disk(false, false, false, false, true)),
                                new LeaseEvent.CanaryAwake(i, true)));
            }
        }
        return next;
    }

    /** As the guard does it: it looks at the canaries first. */
    private World release(World w) {
        World looked = w;
        for (int i = 0; i < w.disks.size(); i++) {
            if (looked.state instanceof Frozen
                    && provable(i)
                    && !looked.disks.get(i).canaryAsleep) {
                looked = on(looked, new LeaseEvent.CanaryAwake(i, false));
            }
        }
        return on(looked, new LeaseEvent.Release());
    }

    private static Phase phase(World w, int member) {
        return w.state instanceof LeaseState.Freezing f
                ? f.parts().get(member).phase()
                : Phase.IDLE;
    }

    private static World with(World w, int member, Disk disk) {
        List<Disk> disks = new ArrayList<>(w.disks);
        disks.set(member, disk);
        return new World(w.state, List.copyOf(disks), w.now, w.wasFrozen, w.extensions);
    }

    private boolean uppersFrozen(int member, List<Disk> disks) {
        return IntStream.range(0, disks.size())
                .filter(i -> level(i) < level(member))
                .allMatch(i -> disks.get(i).frozen);
    }

    /** On a read-only filesystem there is nothing that could have been written in between. */
    private boolean unprovenlyHeld(List<Disk> disks) {
        return IntStream.range(0, disks.size())
                .anyMatch(i -> provable(i) && disks.get(i).brokenOnce);
    }

    private boolean provable(int member) {
        return terms.members().get(member).provable();
    }

    private int level(int member) {
        return terms.members().get(member).level();
    }

    private World on(World w, LeaseEvent event) {
        Transition transition = Transition.of(terms, w.state, event, w.now);
        List<Disk> disks = new ArrayList<>(w.disks);
        for (Effect effect : transition.effects()) {
            Disk d = disks.get(effect.member());
            disks.set(
                    effect.member(),
                    switch (effect) {
                        case Effect.CallFreeze _ -> {
                            // The upper one of the stack is frozen before the lower.
                            assertThat(uppersFrozen(effect.member(), disks)).isTrue();
                            yield new Disk(d.frozen, true, d.thawing, d.canaryAsleep, d.brokenOnce);
                        }
                        case Effect.CallThaw _ -> {
                            assertThat(d.thawing).isFalse();
                            yield new Disk(
                                    d.frozen, d.freezing, true, d.canaryAsleep, d.brokenOnce);
                        }
                    });
        }
        return new World(
                transition.state(),
                List.copyOf(disks),
                w.now,
                w.wasFrozen || transition.state() instanceof Frozen,
                w.extensions);
    }
}
