package dev.lull.guard;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.guard.Fault.Blow;
import dev.lull.guard.Fault.Moment;
import dev.lull.guard.Fault.Point;
import dev.lull.guard.Fault.Struck;
import dev.lull.guard.Fault.Trouble;
import dev.lull.guard.GuardHost.Role;
import dev.lull.testkit.Strike;
import dev.lull.testkit.Tally;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/**
 * One lease's life, again and again: each time a call into the kernel, by guard, sentry or canary, or a message between
 * client and guard, fails, hangs or is late, or somebody is killed or stopped just then. The calls and messages are those
 * that a life without faults has made, so none is forgotten; a fault that has not come to be fails the test.
 *
 * <p>The random run makes {@code -Dlull.faults.count} (1000) faults, but stops after {@code -Dlull.faults.seconds} (60);
 * {@code -Dlull.faults.seed} draws the same ones again. {@code dev/faults} sets all three.
 */
class GuardFaultsTest {
    private static final List<Moment> MOMENTS = List.of(Moment.values());
    private static final List<Blow> BLOWS = Blow.all();

    private static final Map<Boolean, List<Blow>> BY_TURNS =
            BLOWS.stream().collect(Collectors.partitioningBy(GuardFaultsTest::isByTurns));

    /** Whether there is time for every fault at every call. */
    private static final boolean ALL = System.getProperty("lull.faults.count") != null;

    /** Of each method, so many calls: the first are in different places, the later ones the same loop again. */
    private static final int CALLS = 2;

    private static final int LIVES_AT_ONCE = 2;
    private static final int DRY_LIVES = 3;
    private static final int MOST_FAULTS_IN_A_LIFE = 4;

    private @TempDir Path directory;
    private final List<String> violations = Collections.synchronizedList(new ArrayList<>());
    private final Map<Point, Integer> least = new LinkedHashMap<>();
    private final AtomicInteger begun = new AtomicInteger();
    private final AtomicInteger lives = new AtomicInteger();
    private final AtomicInteger faults = new AtomicInteger();

    private GuardLife life() throws IOException {
        return new GuardLife(
                Files.createDirectory(directory.resolve("life-" + begun.incrementAndGet())));
    }

    /** How often each call is made at least. */
    @BeforeEach
    void liveWithoutFaults() throws IOException {
        for (int dry = 0; dry < DRY_LIVES; dry++) {
            try (GuardLife life = life()) {
                life.live();
                assertThat(life.violations()).isEmpty();
                assertThat(life.wasWhole()).isTrue();
                Map<Point, Integer> calls = life.calls();
                if (dry == 0) {
                    least.putAll(calls);
                } else {
                    least.keySet().retainAll(calls.keySet());
                    calls.forEach((point, count) ->
                            least.computeIfPresent(point, (_, n) -> Math.min(n, count)));
                }
            }
        }
    }

    private Stream<Point> calls() {
        return points(false, CALLS);
    }

    private Stream<Point> messages() {
        return points(true, Integer.MAX_VALUE);
    }

    private Stream<Point> points(boolean message, int most) {
        return least.entrySet().stream()
                .filter(entry -> entry.getKey().message() == message)
                .flatMap(entry ->
                        IntStream.rangeClosed(1, Math.min(entry.getValue(), most))
                                .mapToObj(call ->
                                        new Point(
                                                entry.getKey().role(),
                                                entry.getKey().method(),
                                                message,
                                                call)));
    }

    private void liveOnce(List<Fault> planned, boolean allToBeHit) throws IOException {
        lives.incrementAndGet();
        try (GuardLife life = life()) {
            planned.forEach(life::plan);
            life.live();
            life.violations().forEach(what -> violations.add(planned + ": " + what));
            faults.addAndGet(life.hits());
            if (allToBeHit) {
                life.verifyAllHit();
            }
        } catch (AssertionError e) {
            violations.add(planned + ": " + e.getMessage());
        }
    }

    /** Several at once: most of the time they wait. */
    private void live(List<List<Fault>> each, boolean allToBeHit)
            throws InterruptedException, ExecutionException {
        try (ExecutorService several = Executors.newFixedThreadPool(LIVES_AT_ONCE)) {
            List<Callable<Void>> all = new ArrayList<>();
            for (List<Fault> planned : each) {
                all.add(() -> {
                    liveOnce(planned, allToBeHit);
                    return null;
                });
            }
            for (Future<Void> one : several.invokeAll(all)) {
                one.get();
            }
        }
    }

    private void report(Tally tally) throws IOException {
        violations.forEach(System.out::println);
        tally.set("lives", lives.get())
                .set("faults", faults.get())
                .set("violations", violations.size())
                .write();
        assertThat(violations).isEmpty();
        assertThat(faults.get()).isPositive();
    }

    /** Of these, where there is not time for all, two at each call. */
    private static boolean isByTurns(Blow blow) {
        return switch (blow) {
            case Trouble trouble -> trouble == Trouble.LATE || trouble == Trouble.TOO_LATE;
            case Struck(Strike<Role> strike) ->
                    strike.victims().size() > 1 || strike.signal() == Strike.Signal.STOP;
        };
    }

    private static List<Blow> some(int turn) {
        List<Blow> some = new ArrayList<>(BY_TURNS.get(false));
        List<Blow> others = BY_TURNS.get(true);
        some.add(others.get(2 * turn % others.size()));
        some.add(others.get((2 * turn + 1) % others.size()));
        return some;
    }

    @Test
    @Timeout(1800)
    void everyCallWithEveryFault() throws Exception {
        List<Point> points = calls().toList();
        List<List<Fault>> each = new ArrayList<>();
        for (int i = 0; i < points.size(); i++) {
            for (Blow blow : ALL ? BLOWS : some(i)) {
                each.add(List.of(new Fault(points.get(i), Moment.BEFORE, blow)));
            }
        }
        live(each, true);
        report(new Tally("guard-calls").set("calls", calls().count()));
    }

    @Test
    @Timeout(1800)
    @EnabledIfSystemProperty(named = "lull.faults.count", matches = "\\d+")
    void everyMessageWithEveryFault() throws Exception {
        assertThat(messages().filter(point -> point.role() == Role.HOLDER)).hasSize(4);
        // The fifth goes to the neighbour.
        assertThat(messages().filter(point -> point.role() == Role.GUARD)).hasSize(5);
        List<List<Fault>> each = new ArrayList<>();
        for (Point point : messages().toList()) {
            for (Moment moment : Moment.values()) {
                for (Blow blow : BLOWS) {
                    each.add(List.of(new Fault(point, moment, blow)));
                }
            }
        }
        live(each, true);
        report(new Tally("guard-messages").set("messages", messages().count()));
    }

    @Test
    @Timeout(1800)
    @EnabledIfSystemProperty(named = "lull.faults.count", matches = "\\d+")
    void manyFaultsAtRandom() throws Exception {
        int count = Integer.getInteger("lull.faults.count", 1000);
        long seed = Long.getLong("lull.faults.seed", System.nanoTime() % 1_000_000);
        long end =
                System.nanoTime()
                        + Duration.ofSeconds(Long.getLong("lull.faults.seconds", 60)).toNanos();
        System.out.println("random faults: seed " + seed);
        Random random = new Random(seed);
        List<Point> points = Stream.concat(calls(), messages()).toList();
        while (faults.get() < count && System.nanoTime() - end < 0) {
            List<List<Fault>> next = new ArrayList<>();
            while (next.size() < LIVES_AT_ONCE) {
                next.add(faults(random, points));
            }
            live(next, false);
        }
        report(new Tally("guard-random").set("seed", seed));
    }

    private static List<Fault> faults(Random random, List<Point> points) {
        List<Fault> planned = new ArrayList<>();
        int several = 1 + random.nextInt(MOST_FAULTS_IN_A_LIFE);
        for (int i = 0; i < several; i++) {
            planned.add(fault(random, points.get(random.nextInt(points.size()))));
        }
        return planned;
    }

    private static Fault fault(Random random, Point point) {
        Moment moment = MOMENTS.get(random.nextInt(point.message() ? MOMENTS.size() : 1));
        Blow blow = BLOWS.get(random.nextInt(BLOWS.size()));
        return new Fault(point, moment, blow);
    }
}
