package dev.lull.participant.postgresql;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** The files of the write-ahead log (src/include/access/xlog_internal.h, XLogFileName). */
final class WalSegments {
    private static final long LOG_FILE = 1L << 32;

    private WalSegments() {}

    /**
     * The names of the files that have the log from one position to another.
     *
     * @param timeline its number
     * @param size of one file, bytes: a power of two from 1 MiB to 1 GiB
     * @param from the position of the first byte that is needed
     * @param to the position after the last, later than {@code from}
     */
    static List<String> names(long timeline, long size, String from, String to) {
        List<String> names = new ArrayList<>();
        long perLogFile = LOG_FILE / size;
        long last = (position(to) - 1) / size;
        for (long segment = position(from) / size; segment <= last; segment++) {
            names.add(
                    String.format(
                            Locale.ROOT,
                            "%08X%08X%08X",
                            timeline,
                            segment / perLogFile,
                            segment % perLogFile));
        }
        return names;
    }

    /** @param lsn two hexadecimal numbers of 32 bits with a slash between, the type pg_lsn */
    static long position(String lsn) {
        String[] halves = lsn.split("/", -1);
        if (halves.length != 2) {
            throw new IllegalArgumentException("no position in the log: " + lsn);
        }
        return Long.parseLong(halves[0], 16) << 32 | Long.parseLong(halves[1], 16);
    }
}
