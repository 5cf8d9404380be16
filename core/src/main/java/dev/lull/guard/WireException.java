package dev.lull.guard;

/** A message on the guard's socket is not what docs/protocol.md says. The message tells what is wrong, in one line. */
public final class WireException extends Exception {
    private static final long serialVersionUID = 1L;

    public WireException(String message) {
        super(inOneLine(message));
    }

    public WireException(String message, Throwable cause) {
        super(inOneLine(message), cause);
    }

    /** What a client said may be in it, and its reader may be a terminal. */
    private static String inOneLine(String message) {
        StringBuilder line = new StringBuilder(message.length());
        message.chars().forEach(c -> line.append(Character.isISOControl(c) ? '?' : (char) c));
        return line.toString();
    }
}
