package dev.lull.lease;

import java.util.List;
import java.util.OptionalLong;

/** Where a lease is: {@code Armed → Freezing → Frozen → Thawing → Ended}. */
public sealed interface LeaseState {
    /** Everything is prepared and nothing is frozen. */
    record Armed() implements LeaseState {}

    /**
     * FIFREEZE runs on some of the set.
     *
     * @param giveUpAt when {@code within} is over
     */
    record Freezing(long giveUpAt, List<Part> parts) implements LeaseState {}

    /**
     * The whole set is frozen, and every canary sleeps.
     *
     * @param since when the last of the set was proven frozen
     * @param deadline when it ends unless extended; empty if it has no timeout
     */
    record Frozen(long since, OptionalLong deadline, List<Part> parts) implements LeaseState {}

    /**
     * The lease is over and its filesystems are being thawed.
     *
     * @param end how it will have ended; {@link End#RELEASED} can still become {@link End#LOST}
     * @param reason in words, for the holder
     * @param since when thawing began
     */
    record Thawing(End end, String reason, long since, List<Part> parts) implements LeaseState {}

    /** All is thawed. */
    record Ended(End end, String reason, List<Part> parts) implements LeaseState {}

    /** When the state changes by itself, at the latest; empty if it does not. */
    default OptionalLong nextTick() {
        return switch (this) {
            case Freezing freezing -> OptionalLong.of(freezing.giveUpAt());
            case Frozen frozen -> frozen.deadline();
            case Thawing thawing ->
                    thawing.parts().stream().anyMatch(Part::frozen)
                            ? OptionalLong.of(thawing.since() + Transition.PATIENCE.toNanos())
                            : OptionalLong.empty();
            case Armed _, Ended _ -> OptionalLong.empty();
        };
    }

    /** The state's word on the wire and on the screen; an ended lease's is its {@link End#word()}. */
    default String word() {
        return switch (this) {
            case Armed _ -> "armed";
            case Freezing _ -> "freezing";
            case Frozen _ -> "frozen";
            case Thawing _ -> "thawing";
            case Ended ended -> ended.end().word();
        };
    }
}
