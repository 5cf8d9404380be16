package dev.lull.freeze;

/** The guard, or the kernel, does not allow it to this process. Freezing needs root. */
public final class NotPermittedException extends FreezeException {
    private static final long serialVersionUID = 1L;

    NotPermittedException(Trouble trouble) {
        super(trouble);
    }
}
