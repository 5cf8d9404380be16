package dev.lull.backup;

import java.io.ByteArrayOutputStream;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Follows a tar stream (POSIX.1-2017 pax; sparse files in GNU's format 1.0) as its bytes go by, and tells its entries.
 * Contents are stepped over. Memory is bounded whatever the stream says, and everything in it is checked: checksums of
 * headers, lengths, and that it ends with its end mark and nothing after it.
 *
 * <p>Not safe for use by several threads.
 */
final class TarScanner {
    /** Is told every entry, when its header has been read. */
    @FunctionalInterface
    interface Listener {
        void entry(TarEntry entry);
    }

    private static final int BLOCK = 512;

    /** No exponent: {@code 1E999999999} would be a number of as many digits. */
    private static final Pattern TIME = Pattern.compile("-?[0-9]{1,18}(\\.[0-9]{0,18})?");

    private enum State {
        HEADER,
        CONTENT,
        EXTENDED,
        END
    }

    private final Listener listener;
    private final byte[] header = new byte[BLOCK];
    private State state = State.HEADER;
    private int filled;
    private long left;
    private long padding;
    private long entries;
    private long bytes;
    private int zeroBlocks;
    private String lastName = "";
    private @Nullable PaxRecords extended;
    private Map<String, byte[]> overrides = new HashMap<>();

    TarScanner(Listener listener) {
        this.listener = listener;
    }

    /** How many bytes have gone by. */
    long bytes() {
        return bytes;
    }

    /** How many entries have begun. */
    long entries() {
        return entries;
    }

    /** Takes the next bytes. @throws MalformedTar if they cannot be; the scanner is of no use then */
    void accept(byte[] chunk, int offset, int length) throws MalformedTar {
        bytes += length;
        int at = offset;
        int end = offset + length;
        while (at < end) {
            at =
                    switch (state) {
                        case HEADER -> header(chunk, at, end);
                        case CONTENT -> content(at, end);
                        case EXTENDED -> extended(chunk, at, end);
                        case END -> afterEnd(chunk, at, end);
                    };
        }
    }

    /** Says that the stream has ended. @throws MalformedTar if it ends before its end mark */
    void finish() throws MalformedTar {
        if (state != State.END) {
            throw new MalformedTar(
                    entries == 0
                            ? "no end mark"
                            : "no end mark: it breaks off after "
                                    + entries
                                    + " entries, at "
                                    + lastName);
        }
        if (filled != 0) {
            throw new MalformedTar("an end mark that is no whole block");
        }
    }

    private int header(byte[] chunk, int from, int end) throws MalformedTar {
        int there = Math.min(BLOCK - filled, end - from);
        System.arraycopy(chunk, from, header, filled, there);
        filled += there;
        if (filled == BLOCK) {
            filled = 0;
            block();
        }
        return from + there;
    }

    private int content(int from, int end) {
        long there = Math.min(left, (long) end - from);
        left -= there;
        if (left == 0) {
            state = State.HEADER;
        }
        return (int) (from + there);
    }

    private int extended(byte[] chunk, int from, int end) throws MalformedTar {
        PaxRecords records = extended;
        if (left > 0 && records != null) {
            int there = (int) Math.min(left, end - from);
            records.accept(chunk, from, from + there);
            left -= there;
            if (left == 0) {
                overrides = records.finish();
                extended = null;
                left = padding;
                state = left == 0 ? State.HEADER : State.CONTENT;
            }
            return from + there;
        }
        throw new MalformedTar("an empty extended header");
    }

    /** The end mark is two blocks of zeros, filled up with zeros to the writer's record size. */
    private int afterEnd(byte[] chunk, int from, int end) throws MalformedTar {
        for (int at = from; at < end; at++) {
            if (chunk[at] != 0) {
                throw new MalformedTar("something after its end mark");
            }
        }
        filled = (filled + (end - from)) % BLOCK;
        return end;
    }

    private void block() throws MalformedTar {
        if (isZero(header)) {
            zeroBlocks++;
            if (zeroBlocks == 2) {
                if (!overrides.isEmpty()) {
                    throw new MalformedTar("an extended header without its entry");
                }
                state = State.END;
            }
            return;
        }
        if (zeroBlocks != 0) {
            throw new MalformedTar("a single block of zeros after " + lastName);
        }
        check();
        char type = (char) (header[156] & 0xff);
        switch (type) {
            case 'x' -> beginExtended();
            case '0', '\0', '1', '2', '3', '4', '5', '6', '7' -> beginEntry(type);
            default ->
                    throw new MalformedTar(
                            "an entry of the unknown type "
                                    + EntryName.escape(new byte[] {header[156]}));
        }
    }

    private void beginExtended() throws MalformedTar {
        if (extended != null || !overrides.isEmpty()) {
            throw new MalformedTar("an extended header without its entry");
        }
        long size = number(124, 12, "size");
        if (size <= 0) {
            throw new MalformedTar("an empty extended header");
        }
        extended = new PaxRecords();
        left = size;
        padding = pad(size) - size;
        state = State.EXTENDED;
    }

    private void beginEntry(char type) throws MalformedTar {
        TarEntry entry = entry(type);
        long stored = overrides.containsKey("size") ? decimal("size") : number(124, 12, "size");
        if (stored < 0 || stored > Long.MAX_VALUE - BLOCK) {
            throw new MalformedTar("an entry of impossible size, " + entry.name());
        }
        boolean file = entry.kind() == TarEntry.Kind.FILE;
        if (!file && stored != 0) {
            throw new MalformedTar("contents where there are none, at " + entry.name());
        }
        entries++;
        lastName = entry.name();
        overrides = new HashMap<>();
        left = pad(stored);
        state = left == 0 ? State.HEADER : State.CONTENT;
        listener.entry(entry);
    }

    private TarEntry entry(char type) throws MalformedTar {
        TarEntry.Kind kind =
                switch (type) {
                    case '1' -> TarEntry.Kind.HARD_LINK;
                    case '2' -> TarEntry.Kind.SYMBOLIC_LINK;
                    case '3' -> TarEntry.Kind.CHARACTER_DEVICE;
                    case '4' -> TarEntry.Kind.BLOCK_DEVICE;
                    case '5' -> TarEntry.Kind.DIRECTORY;
                    case '6' -> TarEntry.Kind.FIFO;
                    default -> TarEntry.Kind.FILE;
                };
        boolean sparse = overrides.containsKey("GNU.sparse.name");
        byte[] name = overrides.get(sparse ? "GNU.sparse.name" : "path");
        byte[] link = overrides.get("linkpath");
        boolean isLink = kind == TarEntry.Kind.HARD_LINK || kind == TarEntry.Kind.SYMBOLIC_LINK;
        boolean device =
                kind == TarEntry.Kind.CHARACTER_DEVICE || kind == TarEntry.Kind.BLOCK_DEVICE;
        long size = 0;
        if (kind == TarEntry.Kind.FILE) {
            size =
                    overrides.containsKey("GNU.sparse.realsize")
                            ? decimal("GNU.sparse.realsize")
                            : overrides.containsKey("size")
                                    ? decimal("size")
                                    : number(124, 12, "size");
        }
        return new TarEntry(
                EntryName.escape(name != null ? name : ustarName()),
                kind,
                (int) number(100, 8, "mode") & 07777,
                overrides.containsKey("uid") ? decimal("uid") : number(108, 8, "owner"),
                overrides.containsKey("gid") ? decimal("gid") : number(116, 8, "group"),
                size,
                modified(),
                isLink ? EntryName.escape(link != null ? link : string(157, 100)) : "",
                device ? number(329, 8, "device") : 0,
                device ? number(337, 8, "device") : 0);
    }

    private byte[] ustarName() {
        byte[] name = string(0, 100);
        byte[] prefix = string(345, 155);
        if (prefix.length == 0) {
            return name;
        }
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        whole.writeBytes(prefix);
        whole.write('/');
        whole.writeBytes(name);
        return whole.toByteArray();
    }

    private Instant modified() throws MalformedTar {
        byte[] exact = overrides.get("mtime");
        try {
            if (exact == null) {
                return Instant.ofEpochSecond(number(136, 12, "time"));
            }
            String text = new String(exact, StandardCharsets.US_ASCII);
            if (!TIME.matcher(text).matches()) {
                throw new MalformedTar("a time that is none");
            }
            BigDecimal seconds = new BigDecimal(text);
            BigInteger nanos = seconds.movePointRight(9).toBigInteger();
            BigInteger[] parts = nanos.divideAndRemainder(BigInteger.valueOf(1_000_000_000));
            return Instant.ofEpochSecond(parts[0].longValueExact(), parts[1].longValueExact());
        } catch (ArithmeticException
                | NumberFormatException
                | java.time.DateTimeException notTime) {
            throw new MalformedTar("a time that is none");
        }
    }

    private long decimal(String key) throws MalformedTar {
        byte[] value = overrides.getOrDefault(key, new byte[0]);
        try {
            long number =
                    value.length > 20
                            ? -1
                            : Long.parseLong(new String(value, StandardCharsets.US_ASCII));
            if (number >= 0) {
                return number;
            }
        } catch (NumberFormatException notNumber) {
            // Said below, in the same words.
        }
        throw new MalformedTar("an extended header with a " + key + " that is no number");
    }

    /** A number of the header: octal digits, or GNU's base 256 where the first bit is set. */
    private long number(int offset, int length, String what) throws MalformedTar {
        if ((header[offset] & 0x80) != 0) {
            byte[] digits = Arrays.copyOfRange(header, offset, offset + length);
            if ((digits[0] & 0xff) == 0x80) {
                digits[0] = 0;
            }
            try {
                return new BigInteger(digits).longValueExact();
            } catch (ArithmeticException tooLarge) {
                throw new MalformedTar("a header with an impossible " + what);
            }
        }
        long value = 0;
        int at = offset;
        int end = offset + length;
        while (at < end && header[at] == ' ') {
            at++;
        }
        while (at < end && header[at] >= '0' && header[at] <= '7') {
            value = value << 3 | (header[at] - '0');
            at++;
        }
        if (at < end && header[at] != 0 && header[at] != ' ') {
            throw new MalformedTar("a header with a " + what + " that is no number");
        }
        return value;
    }

    private byte[] string(int offset, int length) {
        int end = offset;
        while (end < offset + length && header[end] != 0) {
            end++;
        }
        return Arrays.copyOfRange(header, offset, end);
    }

    private void check() throws MalformedTar {
        long expected = number(148, 8, "checksum");
        long sum = 8 * ' ';
        for (int at = 0; at < BLOCK; at++) {
            if (at < 148 || at >= 156) {
                sum += header[at] & 0xff;
            }
        }
        if (sum != expected) {
            throw new MalformedTar(
                    entries == 0
                            ? "no tar header at its start"
                            : "a damaged header after " + lastName);
        }
    }

    private static boolean isZero(byte[] block) {
        for (byte value : block) {
            if (value != 0) {
                return false;
            }
        }
        return true;
    }

    private static long pad(long size) {
        return (size + BLOCK - 1) / BLOCK * BLOCK;
    }
}
