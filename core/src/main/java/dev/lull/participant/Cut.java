package dev.lull.participant;

import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Kernel;
import dev.lull.linux.Mount;
import dev.lull.snapshot.Origin;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What a participant is brought to rest for.
 *
 * @param origins the filesystems of which there will be a snapshot
 * @param longest from all participants at rest to the thaw at the latest: after that nobody waits for the snapshot
 */
public record Cut(List<Origin> origins, Duration longest) {
    public Cut {
        origins = List.copyOf(origins);
    }

    /** The filesystems of which there will be a snapshot. */
    public Set<DeviceNumber> filesystems() {
        return origins.stream().map(Origin::device).collect(Collectors.toUnmodifiableSet());
    }

    /**
     * Where a directory is in the backup: its path there as it would be below the mount points that were named, which need
     * not be those that {@code directory} goes through.
     *
     * @param directory an absolute path; links are followed
     * @return empty if there will be no snapshot of it
     * @throws IOException if it cannot be looked at
     */
    public Optional<Path> place(Kernel kernel, Path directory) throws IOException {
        Path real = directory.toRealPath();
        try (Descriptor opened = kernel.openDirectory(real)) {
            Mount mount = Origin.mountOf(kernel, opened);
            Path inside = Path.of(mount.root()).resolve(mount.mountPoint().relativize(real));
            // Of btrfs each subvolume has a number of its own, and a snapshot is of one.
            DeviceNumber volume = kernel.status(opened).device();
            for (Origin origin : origins) {
                Path shown = Path.of(origin.mount().root());
                if (origin.device().equals(mount.device())
                        && kernel.status(origin.directory()).device().equals(volume)
                        && inside.startsWith(shown)) {
                    return Optional.of(origin.mountPoint().resolve(shown.relativize(inside)));
                }
            }
            return Optional.empty();
        }
    }
}
