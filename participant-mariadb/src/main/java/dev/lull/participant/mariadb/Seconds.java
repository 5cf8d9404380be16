package dev.lull.participant.mariadb;

import java.time.Duration;

/** Lengths of time as servers and users read them. */
final class Seconds {
    private Seconds() {}

    /** For users: {@code 10s}, {@code 1500ms}. */
    static String text(Duration time) {
        return time.toMillis() % 1000 == 0 ? time.toSeconds() + "s" : time.toMillis() + "ms";
    }

    /** Whole seconds, at least 1, rounded up. */
    static long whole(Duration time) {
        return Math.max(1, time.plusNanos(999_999_999).toSeconds());
    }

    /** With three decimals, at least 0.001: zero would mean no limit. */
    static String decimal(Duration time) {
        long millis = Math.max(1, time.toMillis());
        String fraction = Long.toString(1000 + millis % 1000);
        return millis / 1000 + "." + fraction.substring(1);
    }
}
