package dev.lull.cli;

import java.time.Duration;
import java.util.Locale;

/** Lengths of time as they are typed and shown: {@code 500ms}, {@code 30s}, {@code 2m}. */
final class Durations {
    private static final String HINT = "write a whole number and ms, s, m or h: 500ms, 30s, 2m";
    private static final int MAX_DIGITS = 9;

    private Durations() {}

    /**
     * Reads what was typed.
     *
     * @param what the option that it belongs to, for the message
     * @return more than zero, at most 999999999 hours
     * @throws CommandException with {@link ExitCode#USAGE}
     */
    static Duration parse(String what, String text) throws CommandException {
        int digits = 0;
        while (digits < text.length() && text.charAt(digits) >= '0' && text.charAt(digits) <= '9') {
            digits++;
        }
        String unit = text.substring(digits);
        if (text.startsWith("-")) {
            throw CommandException.usage(what + " " + text + " is negative", HINT);
        }
        if (digits == 0) {
            throw CommandException.usage(what + " " + text + " is not a duration", HINT);
        }
        if (digits > MAX_DIGITS) {
            throw CommandException.usage(what + " " + text + " is too large", HINT);
        }
        if (unit.isEmpty()) {
            throw CommandException.usage(
                    what + " " + text + " has no unit",
                    "did you mean " + text + "s or " + text + "ms?");
        }
        long number = Long.parseLong(text.substring(0, digits));
        if (number == 0) {
            throw CommandException.usage(what + " " + text + " is zero", HINT);
        }
        return switch (unit) {
            case "ms" -> Duration.ofMillis(number);
            case "s" -> Duration.ofSeconds(number);
            case "m" -> Duration.ofMinutes(number);
            case "h" -> Duration.ofHours(number);
            default -> throw CommandException.usage(what + " " + text + " is not a duration", HINT);
        };
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
