package dev.lull.backup;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/**
 * Reads the records of one pax extended header, {@code LENGTH KEY=VALUE\n}, as they stream by. Only the values that
 * describe an entry are kept, each within a limit: an extended attribute may be of any size, and costs no memory here.
 */
final class PaxRecords {
    /** Longer than PATH_MAX allows, with room for what an archive of another system may hold. */
    private static final int LONGEST_VALUE = 64 << 10;

    /** XATTR_NAME_MAX is 255. */
    private static final int LONGEST_KEY = 1024;

    private static final Set<String> KEPT =
            Set.of(
                    "path",
                    "linkpath",
                    "size",
                    "uid",
                    "gid",
                    "mtime",
                    "GNU.sparse.name",
                    "GNU.sparse.realsize");

    private enum Part {
        LENGTH,
        KEY,
        VALUE
    }

    private final Map<String, byte[]> values = new HashMap<>();
    private final ByteArrayOutputStream text = new ByteArrayOutputStream();
    private Part part = Part.LENGTH;
    private long left;
    private String key = "";

    /** Takes the next bytes of the header. */
    void accept(byte[] bytes, int from, int to) throws MalformedTar {
        for (int at = from; at < to; at++) {
            byte next = bytes[at];
            switch (part) {
                case LENGTH -> length(next);
                case KEY -> key(next);
                case VALUE -> {
                    int skip = value(bytes, at, to);
                    at += skip - 1;
                }
            }
        }
    }

    /** The values kept, by key. @throws MalformedTar if the header ended within a record */
    Map<String, byte[]> finish() throws MalformedTar {
        if (part != Part.LENGTH || text.size() != 0) {
            throw new MalformedTar("an extended header that ends within a record");
        }
        return values;
    }

    private void length(byte next) throws MalformedTar {
        if (next == ' ' && text.size() > 0) {
            int digits = text.size();
            left = Long.parseLong(text.toString(StandardCharsets.US_ASCII)) - digits - 1;
            if (left < 2) {
                throw new MalformedTar("an extended header record that is too short");
            }
            text.reset();
            part = Part.KEY;
        } else if (next >= '0' && next <= '9' && text.size() < 18) {
            text.write(next);
        } else {
            throw new MalformedTar("an extended header record without a length");
        }
    }

    private void key(byte next) throws MalformedTar {
        left--;
        if (next == '=') {
            key = text.toString(StandardCharsets.UTF_8);
            text.reset();
            part = Part.VALUE;
        } else {
            text.write(next);
        }
        if (left < 1 || text.size() > LONGEST_KEY) {
            throw new MalformedTar("an extended header record without a key");
        }
    }

    /** Takes what is there of the value and its newline; answers how many bytes that was. */
    private int value(byte[] bytes, int from, int to) throws MalformedTar {
        int there = (int) Math.min(left, to - from);
        boolean last = there == left;
        int content = last ? there - 1 : there;
        if (KEPT.contains(key)) {
            if (text.size() + content > LONGEST_VALUE) {
                throw new MalformedTar("an extended header with a " + key + " too long to be true");
            }
            text.write(bytes, from, content);
        }
        left -= there;
        if (last) {
            if (bytes[from + there - 1] != '\n') {
                throw new MalformedTar("an extended header record that does not end");
            }
            if (KEPT.contains(key)) {
                values.put(key, text.toByteArray());
                text.reset();
            }
            part = Part.LENGTH;
        }
        return there;
    }
}
