package dev.lull.plan;

import dev.lull.freeze.FreezeException;
import java.io.IOException;

/**
 * One step of a plan.
 *
 * @param name a word or two, for the timeline; unique in its plan
 * @param action what it does
 * @param undo what takes it back. Runs when a later step failed, and also when this one did: it has to cope with an
 *     action that did not get anywhere.
 * @param undoneInAnyCase whether what the step made is there for the plan's sake only (a mount, say), and its undo runs
 *     at the end of a plan that succeeds, too
 */
public record Step(String name, Action action, Undo undo, boolean undoneInAnyCase) {
    /** What a step does. */
    @FunctionalInterface
    public interface Action {
        /** @return a few words for the timeline, or nothing */
        String run() throws PlanException, FreezeException, IOException, InterruptedException;
    }

    /** What takes a step back. */
    @FunctionalInterface
    public interface Undo {
        void run() throws PlanException, FreezeException, IOException, InterruptedException;
    }

    /** A step that leaves nothing that would have to be undone. */
    public static Step of(String name, Action action) {
        return new Step(name, action, () -> {}, false);
    }

    /** A step whose undo runs if the plan fails. */
    public static Step of(String name, Action action, Undo undo) {
        return new Step(name, action, undo, false);
    }

    /** A step whose undo runs at the end whatever happens. */
    public static Step during(String name, Action action, Undo undo) {
        return new Step(name, action, undo, true);
    }
}
