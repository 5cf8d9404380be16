package dev.lull.freeze;

/**
 * The guard cannot be started or reached, does not answer, or speaks another version of the protocol. If a lease was
 * held, it must be taken as not held; what is frozen is thawed by the sentry at the deadline, or by the next guard.
 */
public class GuardUnreachableException extends FreezeException {
    private static final long serialVersionUID = 1L;

    GuardUnreachableException(Trouble trouble) {
        super(trouble);
    }
}
