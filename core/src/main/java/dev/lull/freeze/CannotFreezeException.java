package dev.lull.freeze;

/** The kernel would not freeze it: {@code EOPNOTSUPP} for tmpfs, overlay, NFS, FUSE, proc, or the sync failed. Nothing is frozen. */
public final class CannotFreezeException extends FreezeException {
    private static final long serialVersionUID = 1L;

    CannotFreezeException(Trouble trouble) {
        super(trouble);
    }
}
