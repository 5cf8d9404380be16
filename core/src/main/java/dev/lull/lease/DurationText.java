package dev.lull.lease;

import java.time.Duration;

/** Lengths of time as people write them, on a command line or in a file: {@code 500ms}, {@code 30s}, {@code 2m}, {@code 1h}. */
public final class DurationText {
    private static final int MAX_DIGITS = 9;

    private DurationText() {}

    /**
     * Reads a whole number and its unit: ms, s, m or h.
     *
     * @return more than zero, at most 999999999 hours
     * @throws IllegalArgumentException if it is not one; its message goes after the text: {@code is negative}
     */
    public static Duration parse(String text) {
        int digits = 0;
        while (digits < text.length() && text.charAt(digits) >= '0' && text.charAt(digits) <= '9') {
            digits++;
        }
        String unit = text.substring(digits);
        if (text.startsWith("-")) {
            throw new IllegalArgumentException("is negative");
        }
        if (digits == 0) {
            throw new IllegalArgumentException("is not a duration");
        }
        if (digits > MAX_DIGITS) {
            throw new IllegalArgumentException("is too large");
        }
        if (unit.isEmpty()) {
            throw new IllegalArgumentException("has no unit");
        }
        long number = Long.parseLong(text.substring(0, digits));
        if (number == 0) {
            throw new IllegalArgumentException("is zero");
        }
        return switch (unit) {
            case "ms" -> Duration.ofMillis(number);
            case "s" -> Duration.ofSeconds(number);
            case "m" -> Duration.ofMinutes(number);
            case "h" -> Duration.ofHours(number);
            default -> throw new IllegalArgumentException("is not a duration");
        };
    }

    /** The length as {@link #parse} reads it, in the largest unit that it is a whole number of. */
    public static String of(Duration duration) {
        if (duration.toMillisPart() != 0) {
            return duration.toMillis() + "ms";
        }
        if (duration.toSecondsPart() != 0) {
            return duration.toSeconds() + "s";
        }
        return duration.toMinutesPart() != 0
                ? duration.toMinutes() + "m"
                : duration.toHours() + "h";
    }
}
