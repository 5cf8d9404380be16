package dev.lull.snapshot;

import java.nio.file.Path;

/**
 * Free space where a snapshot and its origin share blocks. Every block that the origin overwrites then costs one.
 *
 * @param on a directory of that filesystem
 * @param freeBytes what is free
 * @param neededBytes what must stay free for the origin's sake
 */
public record Room(Path on, long freeBytes, long neededBytes) {
    /** Whether less is free than must be. */
    public boolean scarce() {
        return freeBytes < neededBytes;
    }
}
