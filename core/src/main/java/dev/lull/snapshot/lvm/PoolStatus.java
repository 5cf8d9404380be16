package dev.lull.snapshot.lvm;

import dev.lull.snapshot.SnapshotException;

/**
 * How full a thin pool is.
 *
 * @param bytes how much data fits into it
 * @param usedData data blocks in use
 * @param totalData of so many
 * @param usedMetadata the same of the metadata
 * @param trouble what is wrong with it, in the kernel's word; empty if nothing is
 */
record PoolStatus(
        long bytes,
        long usedData,
        long totalData,
        long usedMetadata,
        long totalMetadata,
        String trouble) {
    private static final int SECTOR = 512;

    /**
     * Parses what the kernel says (thin-provisioning.rst, "Status"): {@code START SECTORS thin-pool TRANSACTION
     * METADATA/TOTAL DATA/TOTAL ROOT rw|ro|out_of_data_space … needs_check|- WATERMARK}, or {@code Fail} or
     * {@code Error} in the place of all that.
     *
     * @throws IllegalArgumentException if it is something else
     */
    static PoolStatus parse(String line) {
        String[] words = line.split(" ", -1);
        if (words.length < 4 || !words[2].equals("thin-pool")) {
            throw new IllegalArgumentException("no status of a thin pool: " + line);
        }
        if (words.length < 8) {
            return new PoolStatus(0, 0, 1, 0, 1, words[3]);
        }
        String[] metadata = words[4].split("/", -1);
        String[] data = words[5].split("/", -1);
        if (metadata.length != 2 || data.length != 2) {
            throw new IllegalArgumentException("no status of a thin pool: " + line);
        }
        String trouble = words[7].equals("rw") ? "" : words[7];
        if (line.contains(" needs_check")) {
            trouble = "needs_check";
        }
        return new PoolStatus(
                Math.multiplyExact(Long.parseLong(words[1]), SECTOR),
                Long.parseLong(data[0]),
                Long.parseLong(data[1]),
                Long.parseLong(metadata[0]),
                Long.parseLong(metadata[1]),
                trouble);
    }

    /**
     * That of a pool whose volumes are active.
     *
     * @throws SnapshotException if it cannot be had
     */
    static PoolStatus of(Lvm lvm, VolumeName pool) throws SnapshotException {
        // LVM's own device of a pool has this name; the one that is called like the pool only
        // stands for it.
        String line =
                lvm.status(pool.mapped() + "-tpool")
                        .orElseThrow(() ->
                                new SnapshotException(
                                        "look at", "thin pool " + pool, "it is not active"));
        try {
            return parse(line);
        } catch (IllegalArgumentException e) {
            throw new SnapshotException(
                    "look at", "thin pool " + pool, String.valueOf(e.getMessage()));
        }
    }

    /** Bytes that are not in use. */
    long free() {
        return bytes / totalData * (totalData - usedData);
    }

    /** Per cent of the data in use. */
    int dataPercent() {
        return (int) (100 * usedData / totalData);
    }

    /** Per cent of the metadata in use. */
    int metadataPercent() {
        return (int) (100 * usedMetadata / totalMetadata);
    }
}
