package dev.lull.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class PlanTest {
    private final List<String> done = new ArrayList<>();

    private Step step(String name) {
        return Step.of(name, () -> begin(name), () -> done.add("undo " + name));
    }

    private Step during(String name) {
        return Step.during(name, () -> begin(name), () -> done.add("undo " + name));
    }

    private Step failing(String name) {
        return Step.of(
                name,
                () -> {
                    begin(name);
                    throw new IOException(name + " failed");
                },
                () -> done.add("undo " + name));
    }

    private String begin(String name) {
        done.add(name);
        return "";
    }

    @Test
    void aPlanThatSucceedsUndoesOnlyWhatWasForItsOwnSake() throws Exception {
        Plan plan = new Plan().add(during("mount")).add(step("archive")).add(during("scratch"));

        plan.run();

        assertThat(done)
                .containsExactly("mount", "archive", "scratch", "undo scratch", "undo mount");
        assertThat(plan.timeline().entries())
                .extracting(Timeline.Entry::name)
                .containsExactly("mount", "archive", "scratch", Plan.CLEAN_UP);
        assertThat(plan.steps())
                .extracting(Step::name)
                .containsExactly("mount", "archive", "scratch");
    }

    /** The step that fails is undone too: it may have got half-way. */
    @Property(tries = 50)
    void whateverWasBegunIsUndoneInReverseOrder(
            @ForAll @IntRange(min = 1, max = 8) int count,
            @ForAll @IntRange(min = 0, max = 7) int at) {
        done.clear();
        int failing = at % count;
        Plan plan = new Plan();
        for (int i = 0; i < count; i++) {
            plan.add(
                    i == failing ? failing("s" + i) : i % 2 == 0 ? step("s" + i) : during("s" + i));
        }

        assertThatThrownBy(plan::run).hasMessage("s" + failing + " failed");

        List<String> expected = new ArrayList<>();
        for (int i = 0; i <= failing; i++) {
            expected.add("s" + i);
        }
        for (int i = failing; i >= 0; i--) {
            expected.add("undo s" + i);
        }
        assertThat(done).isEqualTo(expected);
    }

    @Test
    void aFailedUndoStopsNoOtherAndIsNotLost() {
        Plan plan =
                new Plan()
                        .add(step("first"))
                        .add(
                                Step.of(
                                        "second",
                                        () -> begin("second"),
                                        () -> {
                                            throw new IOException("stuck");
                                        }))
                        .add(
                                Step.of(
                                        "third",
                                        () -> begin("third"),
                                        () -> {
                                            throw new IllegalStateException("bug");
                                        }))
                        .add(failing("fourth"));

        assertThatThrownBy(plan::run)
                .hasMessage("fourth failed")
                .satisfies(e ->
                        assertThat(e.getSuppressed())
                                .extracting(Throwable::getMessage)
                                .containsExactly("bug", "stuck"));

        assertThat(done).endsWith("undo fourth", "undo first");
        assertThat(plan.timeline().entries())
                .extracting(Timeline.Entry::outcome)
                .containsExactly(
                        Timeline.Outcome.UNDONE,
                        Timeline.Outcome.UNDO_FAILED,
                        Timeline.Outcome.UNDO_FAILED,
                        Timeline.Outcome.FAILED);
    }

    @Test
    void aCleanUpThatFailsIsNoSuccessAndNoFailure() {
        Plan plan =
                new Plan()
                        .add(during("first"))
                        .add(
                                Step.during(
                                        "second",
                                        () -> begin("second"),
                                        () -> {
                                            throw new IOException("still mounted");
                                        }));

        assertThatThrownBy(plan::run)
                .isInstanceOf(PlanException.CleanUpIncomplete.class)
                .hasMessageContaining("still mounted");

        assertThat(done).endsWith("undo first");
    }

    @Test
    void cancellingInterruptsTheStepAndUndoesWithoutBeingDisturbed() throws Exception {
        CountDownLatch inStep = new CountDownLatch(1);
        CountDownLatch never = new CountDownLatch(1);
        List<Boolean> interruptedInUndo = new ArrayList<>();
        Plan plan =
                new Plan()
                        .add(
                                Step.of(
                                        "first",
                                        () -> begin("first"),
                                        () ->
                                                interruptedInUndo.add(
                                                        Thread.currentThread().isInterrupted())))
                        .add(
                                Step.of(
                                        "long",
                                        () -> {
                                            inStep.countDown();
                                            never.await();
                                            return "";
                                        }));
        Thread canceller =
                Thread.ofPlatform()
                        .start(() -> {
                            try {
                                inStep.await();
                            } catch (InterruptedException e) {
                                Thread.currentThread().interrupt();
                            }
                            plan.cancel("asked to end", null);
                            plan.cancel("asked again", null);
                        });

        assertThatThrownBy(plan::run)
                .isInstanceOf(PlanException.Cancelled.class)
                .hasMessage("asked to end");

        canceller.join();
        assertThat(interruptedInUndo).containsExactly(false);
        assertThat(Thread.interrupted()).isFalse();
    }

    @Test
    void aPlanCancelledBeforehandDoesNothing() {
        Plan plan = new Plan().add(step("first"));
        plan.cancel("never mind", null);

        assertThatThrownBy(plan::run).hasMessage("never mind");

        assertThat(done).isEmpty();
    }

    @Test
    void theTimelineTellsWhenAndHowLong() throws Exception {
        AtomicLong clock = new AtomicLong(1_000);
        Plan plan = new Plan(clock::get);
        List<Timeline.Entry> whileRunning = new ArrayList<>();
        plan.add(
                        Step.of(
                                "slow",
                                () -> {
                                    clock.addAndGet(500);
                                    whileRunning.addAll(plan.timeline().entries());
                                    return "3 files";
                                }))
                .add(
                        Step.of(
                                "next",
                                () -> {
                                    clock.addAndGet(7);
                                    return "";
                                }));

        plan.run();

        assertThat(whileRunning)
                .extracting(Timeline.Entry::outcome)
                .containsExactly(Timeline.Outcome.RUNNING);
        assertThat(plan.timeline().took("slow")).contains(Duration.ofNanos(500));
        assertThat(plan.timeline().took("next")).contains(Duration.ofNanos(7));
        assertThat(plan.timeline().entries().getFirst().detail()).contains("3 files");
        assertThat(plan.timeline().entries().getLast().start()).isEqualTo(Duration.ofNanos(500));
    }
}
