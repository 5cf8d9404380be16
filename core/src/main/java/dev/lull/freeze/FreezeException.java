package dev.lull.freeze;

import java.util.Optional;

/**
 * A freeze, or something done with a lease, failed. The message is one line that tells what failed, on which path, and
 * with which errno; {@link #hint()} what to do about it. There is a subtype for each failure that a caller can act on;
 * the plain type means that the guard itself failed.
 */
public class FreezeException extends Exception {
    private static final long serialVersionUID = 1L;

    private final transient Trouble trouble;

    FreezeException(Trouble trouble) {
        super(trouble.message(), trouble.cause());
        this.trouble = trouble;
    }

    @Override
    public String getMessage() {
        return trouble.message();
    }

    /** What was being done: {@code freeze}, {@code extend}, {@code release}, … */
    public String operation() {
        return trouble.operation();
    }

    /** What it was done to, as the caller named it. */
    public Optional<String> path() {
        return trouble.path();
    }

    /** The errno's name, such as {@code EBUSY}, where the kernel refused. */
    public Optional<String> errno() {
        return trouble.errno();
    }

    /** What to do about it, in one line. */
    public Optional<String> hint() {
        return trouble.hint();
    }
}
