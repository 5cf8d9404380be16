package dev.lull.participant.postgresql;

import dev.lull.linux.Kernel;
import dev.lull.snapshot.process.BoundedProcess;
import dev.lull.snapshot.process.Programs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The programs of one major version.
 *
 * @param directory where they are
 */
record Installation(Path directory) {
    private static final Duration ANSWER = Duration.ofSeconds(30);
    private static final int OUTPUT_LIMIT = 1 << 20;

    /** What the programs are given. Their messages are read. */
    static final Map<String, String> ENVIRONMENT = Map.of("PATH", Programs.PATH, "LC_ALL", "C");

    /**
     * Looks where Debian's, Red Hat's and PostgreSQL's own packages put them, and on the search path.
     *
     * @param major for example {@code 15}
     * @return empty if that version is not installed
     */
    static Optional<Installation> find(Kernel kernel, String major) throws IOException {
        List<Path> places =
                Stream.concat(
                                Stream.of(
                                        Path.of("/usr/lib/postgresql", major, "bin"),
                                        Path.of("/usr/pgsql-" + major, "bin"),
                                        Path.of("/usr/local/pgsql/bin")),
                                Programs.find("postgres").map(Path::getParent).stream())
                        .toList();
        for (Path place : places) {
            Installation found = new Installation(place);
            if (Files.isExecutable(place.resolve("postgres"))
                    && found.output(kernel, "postgres", "--version")
                            .matches("(?s)postgres \\(PostgreSQL\\) " + major + "\\b.*")) {
                return Optional.of(found);
            }
        }
        return Optional.empty();
    }

    /** One of the programs. */
    String program(String name) {
        return directory.resolve(name).toString();
    }

    /**
     * What a program prints.
     *
     * @throws IOException if it fails
     */
    String output(Kernel kernel, String name, String... arguments) throws IOException {
        List<String> command =
                Stream.concat(Stream.of(program(name)), Stream.of(arguments)).toList();
        try (BoundedProcess process =
                BoundedProcess.start(kernel, command, ENVIRONMENT, false, OUTPUT_LIMIT)) {
            BoundedProcess.Ended ended = process.awaitEnd(ANSWER);
            if (ended.status() != 0) {
                throw new IOException(
                        name
                                + " ended with status "
                                + ended.status()
                                + ": "
                                + ended.errors().strip());
            }
            return new String(ended.output(), StandardCharsets.UTF_8);
        }
    }
}
