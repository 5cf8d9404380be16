package dev.lull.participant;

import java.nio.file.Path;
import java.util.Comparator;
import java.util.Map;
import java.util.Optional;

/**
 * What was restored of a backup, for one application to start on.
 *
 * @param participant its {@link Participant#name}
 * @param evidence what it told of its rest, see {@link Participant#evidence}
 * @param places where each filesystem lies now, by the mount point that it had
 * @param scratch an empty directory for whatever else it needs. Its parent, in which the places are too, is all the run's
 *     own, and removed afterwards
 */
public record Restored(
        String participant, Map<String, String> evidence, Map<Path, Path> places, Path scratch) {
    public Restored {
        evidence = Map.copyOf(evidence);
        places = Map.copyOf(places);
    }

    /**
     * Where a file or directory lies now.
     *
     * @param original its absolute path, normalized, when the backup was made
     * @return empty if it was on none of the filesystems
     */
    public Optional<Path> place(Path original) {
        return places.keySet().stream()
                .filter(original::startsWith)
                .max(Comparator.comparingInt(Path::getNameCount))
                .map(mount -> placeOf(mount).resolve(mount.relativize(original)));
    }

    /** The directory that is all the run's own. */
    public Path top() {
        Path top = scratch.getParent();
        if (top == null) {
            throw new IllegalArgumentException("no directory of the run's own: " + scratch);
        }
        return top;
    }

    private Path placeOf(Path mount) {
        Path place = places.get(mount);
        if (place == null) {
            throw new IllegalArgumentException("no place for " + mount);
        }
        return place;
    }
}
