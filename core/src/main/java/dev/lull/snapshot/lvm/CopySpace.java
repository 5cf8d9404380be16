package dev.lull.snapshot.lvm;

import dev.lull.snapshot.SnapshotException;

/**
 * How large a classic snapshot is to be: it has to hold the old content of every block that is overwritten while it is
 * kept. One that is full is void.
 */
final class CopySpace {
    /** What is wanted: a fifth of the origin, and at least so much. */
    private static final int USUAL_PERCENT = 20;

    private static final long USUAL_LEAST = 256L << 20;

    /** What must be: a twentieth, and at least so much. */
    private static final int NEEDED_PERCENT = 5;

    private static final long NEEDED_LEAST = 64L << 20;

    private CopySpace() {}

    /**
     * As much as is wanted, or as there is.
     *
     * @param origin bytes of the origin
     * @param free bytes that its group has free
     * @param extent bytes of the group's unit
     * @return bytes, a multiple of the unit
     * @throws SnapshotException.NoRoom if that is too little
     */
    static long of(String subject, VolumeName name, long origin, long free, long extent)
            throws SnapshotException.NoRoom {
        // Each block of 4 KiB takes 16 bytes besides, and the first is a header: more than this is
        // never used.
        long all = origin + origin / 128 + 2 * extent;
        long wanted = Math.min(all, Math.max(origin / 100 * USUAL_PERCENT, USUAL_LEAST));
        long needed = Math.min(all, Math.max(origin / 100 * NEEDED_PERCENT, NEEDED_LEAST));
        if (free < needed) {
            throw new SnapshotException.NoRoom(
                    subject,
                    "volume group "
                            + name.group()
                            + " has "
                            + (free >> 20)
                            + " MiB free, and a snapshot of "
                            + name
                            + " needs "
                            + (needed >> 20)
                            + " MiB for what is overwritten while it is kept",
                    "make room there: vgextend "
                            + name.group()
                            + " DEVICE, or lvremove what nobody needs");
        }
        return Math.min((wanted + extent - 1) / extent * extent, free / extent * extent);
    }
}
