package dev.lull.linux;

/**
 * What {@code /proc/PID/task/TID/status} says of a thread (proc_pid_status(5)).
 *
 * @param state the letter: R running, S sleeping, D uninterruptible, T stopped, t traced, Z zombie, X dead
 * @param startTicks start time in clock ticks since boot, which with the pid identifies the process; 0 if unknown
 * @param killPending whether a SIGKILL waits to be delivered (SigPnd or ShdPnd, bit 9)
 * @param dumpingCore whether its process is writing a core dump, from which there is no way back (CoreDumping). The dump
 *     may be for a filesystem that is frozen: then the process closes nothing until the thaw, and no SIGKILL is pending,
 *     since its threads have taken theirs (kernel/exit.c, coredump_task_exit).
 */
public record ThreadStatus(char state, long startTicks, boolean killPending, boolean dumpingCore) {
    public boolean blocked() {
        return state == 'D';
    }

    public boolean stopped() {
        return state == 'T' || state == 't';
    }

    /** Whether nothing can be expected of the process any more, even if it has not ended: asked of its leader. */
    public boolean ending() {
        return dead() || killPending || dumpingCore;
    }

    public boolean dead() {
        return state == 'Z' || state == 'X' || state == 'x';
    }
}
