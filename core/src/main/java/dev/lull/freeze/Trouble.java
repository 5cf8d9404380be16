package dev.lull.freeze;

import dev.lull.linux.KernelException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What went wrong, before it is an exception.
 *
 * @param operation what was being done: {@code freeze}, {@code extend}, {@code open}, …
 * @param message one line, lower case, with path and errno where there is one
 */
record Trouble(
        String operation,
        String message,
        Optional<String> path,
        Optional<String> errno,
        Optional<String> hint,
        @Nullable Throwable cause) {
    static Trouble of(String operation, String message) {
        return new Trouble(
                operation, message, Optional.empty(), Optional.empty(), Optional.empty(), null);
    }

    /** A call into the kernel failed. */
    static Trouble of(String operation, KernelException e) {
        return new Trouble(
                operation,
                "cannot " + operation + " " + e.subject() + ": " + e.errno(),
                Optional.of(e.subject()),
                Optional.of(e.errno().name()),
                Optional.empty(),
                e);
    }

    Trouble at(String subject) {
        return new Trouble(operation, message, Optional.of(subject), errno, hint, cause);
    }

    Trouble errno(String name) {
        return new Trouble(operation, message, path, Optional.of(name), hint, cause);
    }

    Trouble hint(String text) {
        return new Trouble(operation, message, path, errno, Optional.of(text), cause);
    }

    Trouble because(Throwable reason) {
        return new Trouble(operation, message, path, errno, hint, reason);
    }
}
