package dev.lull.linux;

/**
 * What {@code /proc/PID/task/TID/status} says of a thread (proc_pid_status(5)).
 *
 * @param state the letter: R running, S sleeping, D uninterruptible, T stopped, t traced, Z zombie, X dead
 * @param startTicks start time in clock ticks since boot, which with the pid identifies the process; 0 if unknown
 * @param killPending whether a SIGKILL waits to be delivered (SigPnd or ShdPnd, bit 9)
 */
public record ThreadStatus(char state, long startTicks, boolean killPending) {
    public boolean blocked() {
        return state == 'D';
    }

    public boolean stopped() {
        return state == 'T' || state == 't';
    }

    public boolean dead() {
        return state == 'Z' || state == 'X' || state == 'x';
    }
}
