package dev.lull.guard;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import java.time.Duration;
import java.util.List;

/**
 * Writes back beforehand what the kernel would otherwise write back with the writers already blocked
 * (fs/super.c, freeze_super: sync_filesystem comes after FREEZE_WRITE).
 */
public final class PreSync {
    /** A round as short as this leaves little for the freeze. */
    static final Duration SHORT = Duration.ofMillis(30);

    /** A writer that is faster than the disk never lets a round become short. */
    static final int ROUNDS = 6;

    private PreSync() {}

    /**
     * Rounds until one is short, or there have been enough.
     *
     * @param backing what lies below, topmost first: the file behind a loop device
     */
    public static void rounds(Kernel kernel, Descriptor filesystem, List<Descriptor> backing)
            throws KernelException {
        for (int round = 0; round < ROUNDS; round++) {
            long began = kernel.bootNanos();
            writeBack(kernel, filesystem, backing);
            if (kernel.bootNanos() - began < SHORT.toNanos()) {
                break;
            }
        }
        // Last: it locks the journal for as long as there is metadata to be written, and writers
        // wait for that lock.
        checkpoint(kernel, filesystem);
        writeBack(kernel, filesystem, backing);
    }

    /** One short round: data, then ext4's journal, which a sync does not empty and a freeze does; then what lies below. */
    static void once(Kernel kernel, Descriptor filesystem, List<Descriptor> backing)
            throws KernelException {
        kernel.syncFilesystem(filesystem);
        checkpoint(kernel, filesystem);
        if (!backing.isEmpty()) {
            // The freeze writes the superblock, and with it this time, which is in the journal
            // of the filesystem below: written now, it need not be again for some milliseconds
            // (fs/inode.c, file_update_time).
            kernel.touch(backing.getFirst());
        }
        for (Descriptor file : backing) {
            kernel.sync(file);
        }
    }

    private static void writeBack(Kernel kernel, Descriptor filesystem, List<Descriptor> backing)
            throws KernelException {
        kernel.syncFilesystem(filesystem);
        for (Descriptor file : backing) {
            kernel.sync(file);
        }
    }

    private static void checkpoint(Kernel kernel, Descriptor filesystem) throws KernelException {
        try {
            kernel.checkpointJournal(filesystem);
        } catch (KernelException e) {
            // On a read-only mount there is no journal to empty.
            if (!e.errno().equals(Errno.EROFS)) {
                throw e;
            }
        }
    }
}
