package dev.lull.cli;

/** Text from outside — paths, other programs' names — made safe to print. */
final class Plain {
    private Plain() {}

    /** The text with what could drive a terminal, or break a line, written as an escape. */
    static String text(String text) {
        if (text.codePoints().noneMatch(Plain::dangerous)) {
            return text;
        }
        StringBuilder safe = new StringBuilder();
        text.codePoints()
                .forEach(c -> {
                    if (dangerous(c)) {
                        safe.append(
                                c < 0x100
                                        ? String.format("\\x%02x", c)
                                        : String.format("\\u%04x", c));
                    } else {
                        safe.appendCodePoint(c);
                    }
                });
        return safe.toString();
    }

    private static boolean dangerous(int c) {
        int type = Character.getType(c);
        // FORMAT has the marks that turn the direction of writing.
        return type == Character.CONTROL
                || type == Character.FORMAT
                || type == Character.SURROGATE
                || type == Character.LINE_SEPARATOR
                || type == Character.PARAGRAPH_SEPARATOR;
    }
}
