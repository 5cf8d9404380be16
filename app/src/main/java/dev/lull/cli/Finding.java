package dev.lull.cli;

import java.util.List;

/**
 * One thing that {@code doctor} has looked at.
 *
 * @param about the path that it is about; empty for the machine
 * @param text what is so, in one line
 * @param hint what to do about it; may be empty
 */
record Finding(Level level, String about, String text, String hint) {
    /** How bad it is. */
    enum Level {
        /** As it should be. */
        OK("ok"),
        /** Good to know. */
        NOTE("note"),
        /** Freezes work, but not as well as they could. */
        WARNING("warn"),
        /** It will not work. */
        BAD("bad");

        private final String word;

        Level(String word) {
            this.word = word;
        }

        String word() {
            return word;
        }
    }

    static Finding ok(String about, String text) {
        return new Finding(Level.OK, about, text, "");
    }

    static Finding note(String about, String text) {
        return new Finding(Level.NOTE, about, text, "");
    }

    static Finding warning(String about, String text, String hint) {
        return new Finding(Level.WARNING, about, text, hint);
    }

    static Finding bad(String about, String text, String hint) {
        return new Finding(Level.BAD, about, text, hint);
    }

    static boolean anyBad(List<Finding> findings) {
        return findings.stream().anyMatch(finding -> finding.level() == Level.BAD);
    }
}
