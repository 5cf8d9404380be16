package dev.lull.linux;

import java.nio.charset.StandardCharsets;

/**
 * Reads {@code stat} and {@code status} of a thread (proc_pid_stat(5), proc_pid_status(5)). Pure.
 */
final class ProcThread {
    private static final int SIGKILL_BIT = 1 << (9 - 1);
    private static final int START_TIME_FIELD = 22;

    private ProcThread() {}

    /**
     * @throws IllegalArgumentException if either is malformed
     */
    static ThreadStatus parse(byte[] stat, byte[] status) {
        String line = new String(stat, StandardCharsets.ISO_8859_1);
        // The second field is the command's name in parentheses, which can hold spaces, parentheses
        // and
        // newlines; none of the fields after it can.
        int afterName = line.lastIndexOf(')');
        if (afterName < 0 || afterName + 3 > line.length()) {
            throw new IllegalArgumentException("malformed stat: " + line);
        }
        char state = line.charAt(afterName + 2);
        int position = afterName + 2;
        for (int field = 3; field < START_TIME_FIELD; field++) {
            position = line.indexOf(' ', position) + 1;
            if (position == 0) {
                throw new IllegalArgumentException("malformed stat: " + line);
            }
        }
        int end = line.indexOf(' ', position);
        long start =
                Long.parseLong(line.substring(position, end < 0 ? line.length() : end).strip());
        String fields = new String(status, StandardCharsets.ISO_8859_1);
        boolean killPending =
                ((mask(fields, "\nSigPnd:") | mask(fields, "\nShdPnd:")) & SIGKILL_BIT) != 0;
        return new ThreadStatus(state, start, killPending);
    }

    /** The state's letter. @throws IllegalArgumentException if {@code stat} is malformed */
    static char state(byte[] stat) {
        // After the last parenthesis: the name before it can hold any.
        for (int i = stat.length - 3; i >= 0; i--) {
            if (stat[i] == ')') {
                return (char) stat[i + 2];
            }
        }
        throw new IllegalArgumentException("malformed stat");
    }

    private static long mask(String status, String name) {
        // The name of the command comes first ("Name:\t…"), with its newlines escaped.
        int at = status.indexOf(name);
        if (at < 0) {
            throw new IllegalArgumentException("no" + name.substring(1) + " in status");
        }
        int from = at + name.length();
        int end = status.indexOf('\n', from);
        String digits = status.substring(from, end < 0 ? status.length() : end).strip();
        return Long.parseUnsignedLong(digits, 16);
    }
}
