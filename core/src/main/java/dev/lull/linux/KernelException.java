package dev.lull.linux;

import java.io.IOException;

/** A system call failed: which, on what, and with which errno. Made in one place, next to the call. */
public class KernelException extends IOException {
    private static final long serialVersionUID = 1L;

    private final String operation;
    private final String subject;
    private final Errno errno;

    /**
     * @param operation the call in the words of its man page, for example {@code FIFREEZE} or {@code mount}
     * @param subject the path, device or process that it was applied to, as a user would name it
     * @param errno what the kernel answered
     */
    public KernelException(String operation, String subject, Errno errno) {
        super(operation + " " + subject + ": " + errno.name() + " (" + errno.text() + ")");
        this.operation = operation;
        this.subject = subject;
        this.errno = errno;
    }

    public String operation() {
        return operation;
    }

    public String subject() {
        return subject;
    }

    public Errno errno() {
        return errno;
    }
}
