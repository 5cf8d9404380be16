package dev.lull.linux;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads {@code /proc/PID/mountinfo} (proc_pid_mountinfo(5), fs/proc_namespace.c): fields between
 * single spaces; space, tab, newline and backslash inside a field as three octal digits. Works on
 * bytes, since names need not be text. Pure.
 */
final class MountInfo {
    private static final int FIRST_OPTIONAL_FIELD = 6;

    private MountInfo() {}

    /**
     * @throws IllegalArgumentException if a line is malformed, with the line
     */
    static List<Mount> parse(byte[] table) {
        List<Mount> mounts = new ArrayList<>();
        int start = 0;
        for (int i = 0; i < table.length; i++) {
            if (table[i] == '\n') {
                mounts.add(line(table, start, i));
                start = i + 1;
            }
        }
        if (start < table.length) {
            mounts.add(line(table, start, table.length));
        }
        return mounts;
    }

    private static Mount line(byte[] table, int start, int end) {
        List<byte[]> fields = fields(table, start, end);
        // Zero or more optional fields (shared:1, master:2, …) stand before a lone hyphen. A root
        // or a
        // mount point may be called "-" too, but those stand before them.
        int hyphen = FIRST_OPTIONAL_FIELD;
        while (hyphen < fields.size() && !isHyphen(fields.get(hyphen))) {
            hyphen++;
        }
        if (fields.size() < hyphen + 4) {
            throw malformed(table, start, end, null);
        }
        try {
            return new Mount(
                    Integer.parseInt(text(fields.get(0))),
                    Integer.parseInt(text(fields.get(1))),
                    DeviceNumber.parse(text(fields.get(2))),
                    text(fields.get(3)),
                    PathBytes.decode(PathBytes.unescape(fields.get(4))),
                    options(fields.get(5)),
                    text(fields.get(hyphen + 1)),
                    text(fields.get(hyphen + 2)),
                    options(fields.get(hyphen + 3)));
        } catch (IllegalArgumentException e) {
            throw malformed(table, start, end, e);
        }
    }

    private static IllegalArgumentException malformed(
            byte[] table, int start, int end, @Nullable IllegalArgumentException cause) {
        String line = new String(table, start, end - start, StandardCharsets.UTF_8);
        return new IllegalArgumentException("malformed line of mountinfo: " + line, cause);
    }

    /** Two spaces in a row hold an empty field: mount("", …) has an empty source. */
    private static List<byte[]> fields(byte[] table, int start, int end) {
        List<byte[]> fields = new ArrayList<>(12);
        int from = start;
        for (int i = start; i <= end; i++) {
            if (i == end || table[i] == ' ') {
                fields.add(Arrays.copyOfRange(table, from, i));
                from = i + 1;
            }
        }
        return fields;
    }

    private static boolean isHyphen(byte[] field) {
        return field.length == 1 && field[0] == '-';
    }

    private static String text(byte[] field) {
        return new String(PathBytes.unescape(field), StandardCharsets.UTF_8);
    }

    private static List<String> options(byte[] field) {
        List<String> options = new ArrayList<>(8);
        int from = 0;
        for (int i = 0; i <= field.length; i++) {
            if (i == field.length || field[i] == ',') {
                if (i > from) {
                    options.add(text(Arrays.copyOfRange(field, from, i)));
                }
                from = i + 1;
            }
        }
        return List.copyOf(options);
    }
}
