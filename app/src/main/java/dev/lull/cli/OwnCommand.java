package dev.lull.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;

/** The command line that this process was started with, to start another of its kind. */
final class OwnCommand {
    private static final Path COMMAND_LINE = Path.of("/proc/self/cmdline");

    private OwnCommand() {}

    /**
     * The same Java with the same options, and other words for Lull.
     *
     * @param spec the running command's
     */
    static List<String> line(@Nullable CommandSpec spec, String... words) throws IOException {
        if (spec == null) {
            throw new IllegalStateException("picocli sets it");
        }
        int ours = spec.root().commandLine().getParseResult().originalArgs().size();
        String all = new String(Files.readAllBytes(COMMAND_LINE), StandardCharsets.UTF_8);
        List<String> line = new ArrayList<>(List.of(all.split("\0")));
        line = new ArrayList<>(line.subList(0, line.size() - ours));
        line.set(0, Path.of(System.getProperty("java.home"), "bin", "java").toString());
        line.addAll(List.of(words));
        return line;
    }
}
