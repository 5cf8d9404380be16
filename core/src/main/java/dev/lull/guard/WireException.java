package dev.lull.guard;

/** A message on the guard's socket is not what docs/protocol.md says. The message tells what is wrong, in one line. */
public final class WireException extends Exception {
    private static final long serialVersionUID = 1L;

    public WireException(String message) {
        super(message);
    }

    public WireException(String message, Throwable cause) {
        super(message, cause);
    }
}
