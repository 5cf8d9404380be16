package dev.lull.freeze;

/** The guard has closed the connection, or is dead: unlike one that is only slow, it holds no lease of ours. */
final class GuardGoneException extends GuardUnreachableException {
    private static final long serialVersionUID = 1L;

    GuardGoneException(Trouble trouble) {
        super(trouble);
    }
}
