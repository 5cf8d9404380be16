package dev.lull.snapshot;

import dev.lull.linux.Mount;
import java.nio.file.Path;
import java.util.List;

/** Mounts inside a directory: what a snapshot of the filesystem around them does not contain. */
public final class NestedMounts {
    private NestedMounts() {}

    /**
     * The mounts strictly below a directory, in the mount table's order. Those on the directory itself are not nested.
     *
     * @param directory absolute and normalised
     * @param mounts the mount table of the namespace that the directory is meant in
     */
    public static List<Mount> below(Path directory, List<Mount> mounts) {
        return mounts.stream()
                .filter(mount ->
                        mount.mountPoint().startsWith(directory)
                                && !mount.mountPoint().equals(directory))
                .toList();
    }
}
