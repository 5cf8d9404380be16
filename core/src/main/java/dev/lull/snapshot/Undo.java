package dev.lull.snapshot;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * What has to be undone, last thing first. Every step runs, whatever the others did, and no failure is lost. For one
 * thread.
 */
public final class Undo {
    /** Undoes one thing. */
    @FunctionalInterface
    public interface Step {
        void run() throws IOException;
    }

    private final Deque<Step> steps = new ArrayDeque<>();

    /** Adds a step; to be called before what it undoes is begun, or at once after. */
    public void add(Step step) {
        steps.push(step);
    }

    /** Drops all steps: what they would undo is to stay. */
    public void forget() {
        steps.clear();
    }

    /**
     * Runs the steps once; a second call has nothing to do.
     *
     * @throws IOException the first failure, the others suppressed in it
     */
    public void run() throws IOException {
        IOException failure = runAll();
        if (failure != null) {
            throw failure;
        }
    }

    /** Runs the steps because of a failure; their own failures are suppressed in it. */
    public void runAfter(Throwable reason) {
        IOException failure = runAll();
        if (failure != null) {
            reason.addSuppressed(failure);
        }
    }

    private @Nullable IOException runAll() {
        IOException failure = null;
        while (!steps.isEmpty()) {
            try {
                steps.pop().run();
            } catch (IOException e) {
                failure = joined(failure, e);
            } catch (RuntimeException e) {
                failure = joined(failure, new IOException("undo: " + e, e));
            }
        }
        return failure;
    }

    private static IOException joined(@Nullable IOException first, IOException next) {
        if (first == null) {
            return next;
        }
        first.addSuppressed(next);
        return first;
    }
}
