package dev.lull.snapshot;

/**
 * How much space must stay free beside a snapshot. A snapshot takes the preallocation of its origin away: every block
 * that the origin overwrites needs a new one, and when there is none, writes to the <em>origin</em> fail (tried).
 *
 * @param percent share of the bytes that the origin occupies, 0 to 100
 * @param leastBytes but at least so much
 */
public record Reserve(int percent, long leastBytes) {
    /** Five per cent, but at least 64 MiB. */
    public static final Reserve DEFAULT = new Reserve(5, 64L << 20);

    public Reserve {
        if (percent < 0 || percent > 100 || leastBytes < 0) {
            throw new IllegalArgumentException(
                    "no such reserve: " + percent + " %, " + leastBytes + " bytes");
        }
    }

    /** What must stay free beside a snapshot of an origin that occupies so many bytes. */
    public long bytesFor(long occupied) {
        return Math.max(occupied / 100 * percent, leastBytes);
    }

    /**
     * Checks that so much is free.
     *
     * @return what must stay free
     * @throws SnapshotException.NoRoom if it is not
     */
    public long check(String subject, long occupied, long free) throws SnapshotException.NoRoom {
        long needed = bytesFor(occupied);
        if (free < needed) {
            throw new SnapshotException.NoRoom(
                    subject,
                    "only "
                            + (free >> 20)
                            + " MiB are free and "
                            + (needed >> 20)
                            + " MiB must be: the origin's writes need new blocks while a snapshot shares the old ones",
                    "make room there");
        }
        return needed;
    }
}
