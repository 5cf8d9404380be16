package dev.lull.snapshot.process;

import java.io.IOException;

/** A program passed a limit and was killed with all its processes. The message says which limit. */
public final class ProcessLimitException extends IOException {
    private static final long serialVersionUID = 1L;

    ProcessLimitException(String message) {
        super(message);
    }
}
