package dev.lull.backup;

/**
 * How an archive is compressed: one zstd frame (RFC 8878) with a content checksum.
 *
 * @param level 1 to 19; more is smaller and slower
 * @param workers threads that compress, 1 to 64
 */
public record Compression(int level, int workers) {
    public static final int DEFAULT_LEVEL = 3;
    public static final int MAX_LEVEL = 19;

    /** @throws IllegalArgumentException if a number is out of its range */
    public Compression {
        if (level < 1 || level > MAX_LEVEL) {
            throw new IllegalArgumentException(
                    "level must be from 1 to " + MAX_LEVEL + ": " + level);
        }
        if (workers < 1 || workers > 64) {
            throw new IllegalArgumentException("workers must be from 1 to 64: " + workers);
        }
    }

    /** One worker per processor. */
    public static Compression ofLevel(int level) {
        return new Compression(
                level, Math.clamp(Runtime.getRuntime().availableProcessors(), 1, 64));
    }
}
