package dev.lull.participant;

/**
 * Something that can be set of a participant.
 *
 * @param name its key, lower-case words with dashes
 * @param type what its value may be
 */
public record Setting(String name, Type type) {
    /** What a value may be. */
    public enum Type {
        /** Anything but nothing, without control characters. */
        TEXT,
        /** A whole number, zero or more. */
        NUMBER,
        /** A length of time, as {@link dev.lull.lease.DurationText} reads it. */
        DURATION,
        /** An absolute path. */
        PATH,
        /** {@code true} or {@code false}. */
        FLAG
    }
}
