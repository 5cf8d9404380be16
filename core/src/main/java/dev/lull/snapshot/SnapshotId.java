package dev.lull.snapshot;

import java.security.SecureRandom;
import java.util.regex.Pattern;

/**
 * A snapshot's name: ten characters of {@code a-z} and {@code 2-7}, so that it can be a part of a file name, a variable
 * or a command line as it stands. Fifty random bits: two snapshots of one host do not meet.
 */
public record SnapshotId(String text) {
    private static final Pattern FORM = Pattern.compile("[a-z2-7]{10}");
    private static final String ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
    private static final SecureRandom RANDOM = new SecureRandom();

    /** @throws IllegalArgumentException if the text does not have the form of an id */
    public SnapshotId {
        if (!isId(text)) {
            throw new IllegalArgumentException("not a snapshot id: " + text);
        }
    }

    /** A new id. */
    public static SnapshotId random() {
        StringBuilder text = new StringBuilder(10);
        for (int i = 0; i < 10; i++) {
            text.append(ALPHABET.charAt(RANDOM.nextInt(ALPHABET.length())));
        }
        return new SnapshotId(text.toString());
    }

    /** Whether the text has the form of an id. */
    public static boolean isId(String text) {
        return FORM.matcher(text).matches();
    }

    @Override
    public String toString() {
        return text;
    }
}
