package dev.lull.plan;

import dev.lull.freeze.FreezeException;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Steps in order, each with its undo. {@link #run()} runs them on the calling thread; the undo of every step that was
 * begun runs in reverse order if one fails, whatever the other undos do, and no failure is lost: those of the undos are
 * suppressed exceptions of the one that began it.
 *
 * <p>One thread adds and runs; {@link #timeline()} and {@link #cancel} are for any.
 */
public final class Plan {
    /** The name under which the end of a plan that succeeds is in the timeline. */
    public static final String CLEAN_UP = "clean up";

    private record Begun(Step step, int entry) {}

    private final List<Step> steps = new ArrayList<>();
    private final Timeline timeline;
    private @Nullable Thread runner;
    private @Nullable String cancelled;
    private @Nullable Throwable cancelCause;

    public Plan() {
        this(System::nanoTime);
    }

    /** @param nanos a monotonic clock, nanoseconds */
    Plan(LongSupplier nanos) {
        timeline = new Timeline(nanos);
    }

    /** Adds a step at the end. @return this */
    public Plan add(Step step) {
        steps.add(step);
        return this;
    }

    /** Those that have been added, in order. */
    public List<Step> steps() {
        return List.copyOf(steps);
    }

    /** How it goes, also while it runs. */
    public Timeline timeline() {
        return timeline;
    }

    /**
     * Gives the plan up as soon as can be: the running thread is interrupted, no further step begins, and what was begun
     * is undone. Once the undos run nothing stops them. Too late, it does nothing.
     *
     * @param reason what {@link PlanException.Cancelled} will say
     * @param cause what led to it, if anything did
     */
    public synchronized void cancel(String reason, @Nullable Throwable cause) {
        if (cancelled == null) {
            cancelled = reason;
            cancelCause = cause;
            if (runner != null) {
                runner.interrupt();
            }
        }
    }

    /**
     * Runs it, once.
     *
     * @throws PlanException.CleanUpIncomplete if all steps succeeded and an undo at the end did not
     * @throws PlanException.Cancelled if it was cancelled, or the thread interrupted
     * @throws PlanException and the others, what the failing step threw
     */
    public void run() throws PlanException, FreezeException, IOException {
        Deque<Begun> begun = new ArrayDeque<>();
        try {
            interruptible();
            for (Step step : steps) {
                begin(step, begun);
            }
            uninterruptible();
        } catch (PlanException | FreezeException | IOException | RuntimeException | Error e) {
            uninterruptible();
            undoAll(begun, e);
            throw e;
        } catch (InterruptedException e) {
            uninterruptible();
            PlanException.Cancelled ended = cancelled(e);
            undoAll(begun, ended);
            throw ended;
        }
        cleanUp(begun);
    }

    private void begin(Step step, Deque<Begun> begun)
            throws PlanException, FreezeException, IOException, InterruptedException {
        if (Thread.interrupted()) {
            throw new InterruptedException();
        }
        int entry = timeline.begin(step.name());
        begun.push(new Begun(step, entry));
        try {
            timeline.end(entry, Timeline.Outcome.DONE, words(step.action().run()));
        } catch (PlanException | FreezeException | IOException | RuntimeException | Error e) {
            timeline.end(entry, Timeline.Outcome.FAILED, Optional.ofNullable(e.getMessage()));
            if (isCancelled()) {
                throw cancelled(e);
            }
            throw e;
        } catch (InterruptedException e) {
            timeline.end(entry, Timeline.Outcome.FAILED, Optional.of("cancelled"));
            throw e;
        }
    }

    private static Optional<String> words(String detail) {
        return detail.isEmpty() ? Optional.empty() : Optional.of(detail);
    }

    private void undoAll(Deque<Begun> begun, Throwable reason) {
        while (!begun.isEmpty()) {
            Begun last = begun.pop();
            boolean failed =
                    timeline.entries().get(last.entry()).outcome() == Timeline.Outcome.FAILED;
            try {
                last.step().undo().run();
                if (!failed) {
                    timeline.end(last.entry(), Timeline.Outcome.UNDONE, Optional.empty());
                }
            } catch (Exception | Error e) {
                timeline.end(
                        last.entry(),
                        Timeline.Outcome.UNDO_FAILED,
                        Optional.ofNullable(e.getMessage()));
                if (!e.equals(reason)) {
                    reason.addSuppressed(e);
                }
            }
        }
    }

    private void cleanUp(Deque<Begun> begun) throws PlanException.CleanUpIncomplete {
        begun.removeIf(step -> !step.step().undoneInAnyCase());
        if (begun.isEmpty()) {
            return;
        }
        int entry = timeline.begin(CLEAN_UP);
        PlanException.CleanUpIncomplete incomplete = null;
        while (!begun.isEmpty()) {
            try {
                begun.pop().step().undo().run();
            } catch (Exception | Error e) {
                if (incomplete == null) {
                    incomplete = new PlanException.CleanUpIncomplete(e);
                } else {
                    incomplete.addSuppressed(e);
                }
            }
        }
        if (incomplete != null) {
            timeline.end(
                    entry, Timeline.Outcome.FAILED, Optional.ofNullable(incomplete.getMessage()));
            throw incomplete;
        }
        timeline.end(entry, Timeline.Outcome.DONE, Optional.empty());
    }

    private synchronized void interruptible() throws InterruptedException {
        if (cancelled != null) {
            throw new InterruptedException();
        }
        runner = Thread.currentThread();
    }

    /** From here on the undos must not be disturbed, also not by an interrupt that came too late. */
    private synchronized void uninterruptible() {
        runner = null;
        boolean _ = Thread.interrupted();
    }

    private synchronized boolean isCancelled() {
        return cancelled != null;
    }

    private synchronized PlanException.Cancelled cancelled(Throwable how) {
        PlanException.Cancelled ended =
                new PlanException.Cancelled(
                        cancelled == null ? "interrupted" : cancelled, cancelCause);
        ended.addSuppressed(how);
        return ended;
    }
}
