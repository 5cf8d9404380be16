package dev.lull.linux;

/**
 * How a process ended (wait(2)).
 *
 * @param status what it gave to exit(2), 0 to 255; 0 if it was killed
 * @param signal what killed it, or 0
 */
public record ProcessEnd(int status, int signal) {
    static ProcessEnd ofWaitStatus(int how) {
        int signal = how & 0x7F;
        return new ProcessEnd(signal == 0 ? (how >> 8) & 0xFF : 0, signal);
    }

    public boolean killed() {
        return signal != 0;
    }

    /** As a shell says it: 128 + signal if it was killed. */
    public int shellStatus() {
        return killed() ? 128 + signal : status;
    }
}
