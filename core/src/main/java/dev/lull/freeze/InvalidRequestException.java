package dev.lull.freeze;

/** What was asked makes no sense: no such path, not a mount point, limits out of range, a set that this process itself writes to. Nothing was frozen. */
public final class InvalidRequestException extends FreezeException {
    private static final long serialVersionUID = 1L;

    InvalidRequestException(Trouble trouble) {
        super(trouble);
    }
}
