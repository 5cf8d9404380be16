package dev.lull.lease;

/** What is to be done after a transition, each for one member of the set, none waiting for another. */
public sealed interface Effect {
    int member();

    /**
     * Call FIFREEZE and tell of it with {@link LeaseEvent.FreezeReturned}; if it succeeded, send the canary to sleep and
     * tell of it with {@link LeaseEvent.CanaryAsleep}.
     */
    record CallFreeze(int member) implements Effect {}

    /** Call FITHAW and tell of it with {@link LeaseEvent.ThawReturned}. */
    record CallThaw(int member) implements Effect {}
}
