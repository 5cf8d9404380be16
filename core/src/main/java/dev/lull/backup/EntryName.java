package dev.lull.backup;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;

/**
 * A file name as text that is safe to print and loses nothing: GNU tar's own escape quoting. Printable characters of
 * valid UTF-8 stand for themselves; a backslash is {@code \\}; everything else is {@code \n}, {@code \t} and the like,
 * or the byte in three octal digits.
 */
final class EntryName {
    private static final String LETTERS = "abtnvfr";

    private EntryName() {}

    static String escape(byte[] name) {
        StringBuilder text = new StringBuilder(name.length + 8);
        int at = 0;
        while (at < name.length) {
            int length = sequenceLength(name, at);
            int character = length == 0 ? -1 : decode(name, at, length);
            if (character >= 0 && printable(character)) {
                if (character == '\\') {
                    text.append('\\');
                }
                text.appendCodePoint(character);
                at += length;
            } else {
                escapeByte(text, name[at] & 0xff);
                at++;
            }
        }
        return text.toString();
    }

    private static void escapeByte(StringBuilder text, int value) {
        text.append('\\');
        if (value >= 7 && value <= 13) {
            text.append(LETTERS.charAt(value - 7));
        } else {
            text.append((char) ('0' + (value >> 6)))
                    .append((char) ('0' + (value >> 3 & 7)))
                    .append((char) ('0' + (value & 7)));
        }
    }

    private static int sequenceLength(byte[] name, int at) {
        int lead = name[at] & 0xff;
        int length =
                lead < 0x80
                        ? 1
                        : lead < 0xc0 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf8 ? 4 : 0;
        return at + length <= name.length ? length : 0;
    }

    private static int decode(byte[] name, int at, int length) {
        if (length == 1) {
            return name[at];
        }
        try {
            return StandardCharsets.UTF_8
                    .newDecoder()
                    .onMalformedInput(CodingErrorAction.REPORT)
                    .decode(ByteBuffer.wrap(name, at, length))
                    .toString()
                    .codePointAt(0);
        } catch (CharacterCodingException notText) {
            return -1;
        }
    }

    /** Format characters are out: a right-to-left override makes a terminal show another name. */
    private static boolean printable(int character) {
        return switch (Character.getType(character)) {
            case Character.CONTROL,
                    Character.FORMAT,
                    Character.SURROGATE,
                    Character.PRIVATE_USE,
                    Character.UNASSIGNED,
                    Character.LINE_SEPARATOR,
                    Character.PARAGRAPH_SEPARATOR ->
                    false;
            default -> true;
        };
    }
}
