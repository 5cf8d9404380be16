package dev.lull.participant.mariadb;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The directories outside of a server's data directory, and the data directory, as evidence: what has to be where they
 * were if the server is to be started on a copy. Pure.
 *
 * @param real by the server's own paths, what they are without symbolic links
 * @param data the server's own path of its data directory
 */
record Places(Map<Path, Path> real, Path data) {
    private static final String PREFIX = "directory_";
    private static final String LINK = " is ";

    Places {
        real = Map.copyOf(real);
    }

    /** {@code directory_1}, {@code directory_2}, … */
    Map<String, String> evidence() {
        Map<String, String> evidence = new TreeMap<>();
        List<Path> directories = new ArrayList<>(real.keySet());
        Collections.sort(directories);
        int number = 0;
        for (Path directory : directories) {
            Path where = real.getOrDefault(directory, directory);
            if (isWithinData(directory, where)) {
                continue;
            }
            number++;
            evidence.put(
                    PREFIX + number, directory + (where.equals(directory) ? "" : LINK + where));
        }
        return evidence;
    }

    private boolean isWithinData(Path directory, Path where) {
        return !directory.equals(data)
                && directory.startsWith(data)
                && where.startsWith(real.getOrDefault(data, data));
    }

    /** @return by the server's own paths, what they were without symbolic links */
    static Map<Path, Path> ofEvidence(Map<String, String> evidence) {
        Map<Path, Path> real = new TreeMap<>();
        evidence.forEach((key, value) -> {
            if (key.startsWith(PREFIX)) {
                int link = value.indexOf(LINK + "/");
                Path directory = Path.of(link < 0 ? value : value.substring(0, link));
                real.put(
                        directory,
                        link < 0 ? directory : Path.of(value.substring(link + LINK.length())));
            }
        });
        return real;
    }
}
