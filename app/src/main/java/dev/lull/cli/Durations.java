package dev.lull.cli;

import dev.lull.lease.DurationText;
import java.time.Duration;
import java.util.Locale;

/** Lengths of time as they are typed and shown: {@code 500ms}, {@code 30s}, {@code 2m}. */
final class Durations {
    private static final String HINT = "write a whole number and ms, s, m or h: 500ms, 30s, 2m";

    private Durations() {}

    /**
     * Reads what was typed.
     *
     * @param what the option that it belongs to, for the message
     * @return more than zero, at most 999999999 hours
     * @throws CommandException with {@link ExitCode#USAGE}
     */
    static Duration parse(String what, String text) throws CommandException {
        try {
            return DurationText.parse(text);
        } catch (IllegalArgumentException e) {
            String why = String.valueOf(e.getMessage());
            throw CommandException.usage(
                    what + " " + text + " " + why,
                    why.equals("has no unit")
                            ? "did you mean " + text + "s or " + text + "ms?"
                            : HINT);
        }
    }

    /** The length in the largest unit that leaves some digits before the point: {@code 87 µs}, {@code 1.53 s}. */
    static String show(Duration duration) {
        long nanos = duration.toNanos();
        if (nanos < 0) {
            return "-" + show(duration.negated());
        }
        if (nanos < 1_000_000) {
            return nanos / 1_000 + " µs";
        }
        if (nanos < 1_000_000_000) {
            return scaled(nanos / 1e6) + " ms";
        }
        if (duration.toMinutes() < 2) {
            return scaled(nanos / 1e9) + " s";
        }
        return duration.toHours() < 2
                ? duration.toMinutes() + " min " + duration.toSecondsPart() + " s"
                : duration.toHours() + " h " + duration.toMinutesPart() + " min";
    }

    private static String scaled(double value) {
        return String.format(
                Locale.ROOT, value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value);
    }
}
