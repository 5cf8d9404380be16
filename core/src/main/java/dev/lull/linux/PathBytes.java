package dev.lull.linux;

import java.io.ByteArrayOutputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Paths as the kernel knows them: bytes. {@link Path#toString} and {@link Path#of} go through the
 * locale's encoding, which loses names that are not text in it (all but ASCII where LANG is unset);
 * a {@code file:} URI keeps every byte.
 */
public final class PathBytes {
    private static final Path ROOT = Path.of("/");
    private static final boolean UTF8 = "UTF-8".equals(System.getProperty("sun.jnu.encoding"));

    private PathBytes() {}

    static byte[] encode(Path path) {
        String text = path.toString();
        if (isFaithful(text)) {
            return text.getBytes(StandardCharsets.UTF_8);
        }
        // toUri() would put the working directory before a relative path.
        boolean absolute = path.isAbsolute();
        Path rooted = absolute ? path : ROOT.resolve(path);
        byte[] bytes = percentDecode(rooted.toUri().getRawPath());
        int length = bytes.length;
        // … and it adds a slash to what is a directory at this moment.
        while (length > 1 && bytes[length - 1] == '/') {
            length--;
        }
        return Arrays.copyOfRange(bytes, absolute ? 0 : 1, length);
    }

    /** Undoes the three octal digits after a backslash with which tables such as fstab(5) and mountinfo write a byte. */
    static byte[] unescape(byte[] field) {
        byte[] plain = new byte[field.length];
        int length = 0;
        for (int i = 0; i < field.length; i++) {
            if (field[i] == '\\' && isOctal(field, i + 1)) {
                plain[length++] =
                        (byte)
                                ((field[i + 1] - '0') << 6
                                        | (field[i + 2] - '0') << 3
                                        | (field[i + 3] - '0'));
                i += 3;
            } else {
                plain[length++] = field[i];
            }
        }
        return Arrays.copyOf(plain, length);
    }

    private static boolean isOctal(byte[] field, int from) {
        return from + 3 <= field.length
                && field[from] >= '0'
                && field[from] <= '3'
                && field[from + 1] >= '0'
                && field[from + 1] <= '7'
                && field[from + 2] >= '0'
                && field[from + 2] <= '7';
    }

    /**
     * The path that a field of a table names, as in fstab(5): a space in it is {@code \\040}.
     *
     * @throws IllegalArgumentException if it is empty or holds a NUL
     */
    public static Path ofField(byte[] field) {
        byte[] bytes = unescape(field);
        if (bytes.length == 0) {
            throw new IllegalArgumentException("an empty path");
        }
        return decode(bytes);
    }

    /**
     * @throws IllegalArgumentException if {@code bytes} hold a NUL
     */
    static Path decode(byte[] bytes) {
        String text = new String(bytes, StandardCharsets.UTF_8);
        if (isFaithful(text)) {
            return Path.of(text);
        }
        StringBuilder uri = new StringBuilder("file:///");
        for (byte b : bytes) {
            if (b == '/' || (b >= 'a' && b <= 'z') || (b >= '0' && b <= '9')) {
                uri.append((char) b);
            } else {
                uri.append('%')
                        .append(Character.forDigit((b >> 4) & 15, 16))
                        .append(Character.forDigit(b & 15, 16));
            }
        }
        Path path = Path.of(URI.create(uri.toString()));
        return bytes[0] == '/' ? path : ROOT.relativize(path);
    }

    /** Whether text and bytes can be made from each other without loss. */
    private static boolean isFaithful(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c > 0x7F && (!UTF8 || c == '\uFFFD')) {
                return false;
            }
        }
        return true;
    }

    private static byte[] percentDecode(String text) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(text.length());
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '%') {
                bytes.write(
                        Character.digit(text.charAt(i + 1), 16) << 4
                                | Character.digit(text.charAt(i + 2), 16));
                i += 2;
            } else {
                bytes.write(c);
            }
        }
        return bytes.toByteArray();
    }
}
