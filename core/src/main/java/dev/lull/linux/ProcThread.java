package dev.lull.linux;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * Reads {@code stat} and {@code status} of a thread (proc_pid_stat(5), proc_pid_status(5)). Pure.
 */
final class ProcThread {
    private static final int SIGKILL_BIT = 1 << (9 - 1);
    private static final int START_TIME_FIELD = 22;
    private static final byte[] STATE = "State:".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] SWITCHES =
            "voluntary_ctxt_switches:".getBytes(StandardCharsets.US_ASCII);

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
        return new ThreadStatus(state, start, killPending, fields.contains("\nCoreDumping:\t1\n"));
    }

    /**
     * The process that a thread belongs to.
     *
     * @throws IllegalArgumentException if {@code status} is malformed
     */
    static int process(byte[] status) {
        String fields = new String(status, StandardCharsets.ISO_8859_1);
        return Integer.parseInt(field(fields, "\nTgid:"));
    }

    /**
     * A thread's effective capabilities (CapEff).
     *
     * @throws IllegalArgumentException if {@code status} is malformed
     */
    static long capabilities(byte[] status) {
        return mask(new String(status, StandardCharsets.ISO_8859_1), "\nCapEff:");
    }

    /**
     * How a process that is a zombie ended: the last field of its stat, as wait4(2) would tell it; empty if it is none.
     *
     * @throws IllegalArgumentException if {@code stat} is malformed
     */
    static OptionalInt waitStatus(byte[] stat) {
        String line = new String(stat, StandardCharsets.ISO_8859_1).strip();
        int afterName = line.lastIndexOf(')');
        if (afterName < 0 || afterName + 3 > line.length()) {
            throw new IllegalArgumentException("malformed stat: " + line);
        }
        return line.charAt(afterName + 2) == 'Z'
                ? OptionalInt.of(Integer.parseInt(line.substring(line.lastIndexOf(' ') + 1)))
                : OptionalInt.empty();
    }

    /**
     * See {@link ProcessCalls#deepSleep}.
     *
     * @throws IllegalArgumentException if {@code status} is malformed
     */
    static OptionalLong deepSleep(byte[] status) {
        if (value(status, lineOf(status, STATE, true)) != 'D') {
            return OptionalLong.empty();
        }
        long number = 0;
        for (int at = valueAt(status, lineOf(status, SWITCHES, false)); at < status.length; at++) {
            if (status[at] < '0' || status[at] > '9') {
                break;
            }
            number = number * 10 + status[at] - '0';
        }
        return OptionalLong.of(number);
    }

    /**
     * Where a field's line begins. By hand, and from the end where the line is: this is a part of every window, also of
     * the first ones, which are interpreted.
     */
    private static int lineOf(byte[] status, byte[] name, boolean fromStart) {
        int last = status.length - name.length;
        for (int i = 0; i <= last; i++) {
            int at = fromStart ? i : last - i;
            boolean lineStart = at == 0 || status[at - 1] == '\n';
            if (lineStart && Arrays.equals(status, at, at + name.length, name, 0, name.length)) {
                return at + name.length;
            }
        }
        throw new IllegalArgumentException(
                "no " + new String(name, StandardCharsets.US_ASCII) + " in status");
    }

    private static int valueAt(byte[] status, int afterName) {
        int at = afterName;
        while (at < status.length && (status[at] == ' ' || status[at] == '\t')) {
            at++;
        }
        return at;
    }

    private static int value(byte[] status, int afterName) {
        int at = valueAt(status, afterName);
        return at < status.length ? status[at] : 0;
    }

    private static long mask(String status, String name) {
        return Long.parseUnsignedLong(field(status, name), 16);
    }

    private static String field(String status, String name) {
        // The name of the command comes first ("Name:\t…"), with its newlines escaped.
        int at = status.indexOf(name);
        if (at < 0) {
            throw new IllegalArgumentException("no" + name.substring(1) + " in status");
        }
        int from = at + name.length();
        int end = status.indexOf('\n', from);
        return status.substring(from, end < 0 ? status.length() : end).strip();
    }
}
