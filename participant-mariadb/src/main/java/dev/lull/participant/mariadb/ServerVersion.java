package dev.lull.participant.mariadb;

import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a server says it is, for example {@code 10.11.19-MariaDB-0+deb12u1} or {@code 8.4.3}.
 *
 * @param text all of it
 * @param mariaDb whether it is a MariaDB; if not, it is a MySQL, or one of those that are made from it
 */
record ServerVersion(String text, boolean mariaDb, int major, int minor) {
    private static final Pattern FORM = Pattern.compile("(\\d{1,4})\\.(\\d{1,4})\\b.*");

    /** Empty if it is of another form. */
    static Optional<ServerVersion> parse(String text) {
        Matcher numbers = FORM.matcher(text);
        return numbers.matches()
                ? Optional.of(
                        new ServerVersion(
                                text,
                                text.toLowerCase(Locale.ROOT).contains("mariadb"),
                                Integer.parseInt(numbers.group(1)),
                                Integer.parseInt(numbers.group(2))))
                : Optional.empty();
    }

    boolean isAtLeast(int wantedMajor, int wantedMinor) {
        return major > wantedMajor || (major == wantedMajor && minor >= wantedMinor);
    }

    /** The product and what it calls its version. */
    @Override
    public String toString() {
        return (mariaDb ? "MariaDB " : "MySQL ") + text;
    }
}
