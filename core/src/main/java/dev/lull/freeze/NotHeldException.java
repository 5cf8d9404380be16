package dev.lull.freeze;

import java.util.Optional;

/**
 * The lease has ended ({@code EINVAL}, as the interface proposed in 2008 has it): what was made while it was thought to
 * be held, a snapshot, must be thrown away.
 */
public final class NotHeldException extends FreezeException {
    private static final long serialVersionUID = 1L;

    private final transient Optional<Outcome> outcome;

    NotHeldException(Trouble trouble, Optional<Outcome> outcome) {
        super(trouble);
        this.outcome = outcome;
    }

    /** How the lease ended, where the guard knows it. */
    public Optional<Outcome> outcome() {
        return outcome;
    }
}
