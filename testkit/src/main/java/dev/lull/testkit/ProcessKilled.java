package dev.lull.testkit;

/**
 * Thrown by every call of a fake process that was killed: its code runs no further. An error, so that
 * code which handles exceptions does not live on by accident.
 */
public final class ProcessKilled extends Error {
    private static final long serialVersionUID = 1L;

    ProcessKilled(int pid) {
        super("process " + pid + " was killed");
    }
}
