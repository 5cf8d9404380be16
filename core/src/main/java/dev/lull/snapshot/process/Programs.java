package dev.lull.snapshot.process;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Where the system's programs are. */
public final class Programs {
    /** The search path that programs are given, whatever the caller's was: cron's lacks the sbin directories. */
    public static final String PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

    private Programs() {}

    /** The program of that name in one of the system's directories. */
    public static Optional<Path> find(String name) {
        return List.of(PATH.split(":", -1)).stream()
                .map(directory -> Path.of(directory, name))
                .filter(Files::isExecutable)
                .findFirst();
    }
}
