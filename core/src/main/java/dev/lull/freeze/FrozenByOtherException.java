package dev.lull.freeze;

/** It is already frozen ({@code EBUSY}): by another lease, or by somebody outside Lull. What they froze is left alone. */
public final class FrozenByOtherException extends FreezeException {
    private static final long serialVersionUID = 1L;

    FrozenByOtherException(Trouble trouble) {
        super(trouble);
    }
}
