package dev.lull.testkit;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The figures of a test that attacks the promises: so many lives, faults, cycles, violations. Printed, and kept in
 * {@code target/reliability/NAME.json} of the module whose tests run, where {@code dev/reliability} finds them. For one
 * thread.
 */
public final class Tally {
    private final String name;
    private final Map<String, Long> figures = new LinkedHashMap<>();

    /** @param name lower-case words with hyphens */
    public Tally(String name) {
        this.name = name;
    }

    /**
     * Sets a figure, shown in the order in which they are first set.
     *
     * @param what plain words; what the number counts, with its unit
     */
    public Tally set(String what, long number) {
        figures.put(what, number);
        return this;
    }

    /** Prints and keeps what there is. To be called before anything is asserted: a bad run has figures too. */
    public void write() throws IOException {
        System.out.println(this);
        Path directory = Files.createDirectories(Path.of("target", "reliability"));
        String json =
                figures.entrySet().stream()
                        .map(figure -> "    \"" + figure.getKey() + "\": " + figure.getValue())
                        .collect(Collectors.joining(",\n", "  \"figures\": {\n", "\n  }\n"));
        Files.writeString(
                directory.resolve(name + ".json"),
                "{\n  \"name\": \""
                        + name
                        + "\",\n  \"at\": \""
                        + Instant.now().truncatedTo(ChronoUnit.SECONDS)
                        + "\",\n"
                        + json
                        + "}\n");
    }

    @Override
    public String toString() {
        return name
                + ": "
                + figures.entrySet().stream()
                        .map(figure -> figure.getKey() + " " + figure.getValue())
                        .collect(Collectors.joining(", "));
    }
}
