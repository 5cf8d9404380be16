package dev.lull.it.harness;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** The C programs of the tests, compiled when one is needed, once for each way in which it is. */
public final class CProgram {
    private static final Map<List<String>, Path> COMPILED = new ConcurrentHashMap<>();
    private static final Path ROOT = TestNamespace.sourceTree();

    private CProgram() {}

    /**
     * A program of {@code it/src/test/c}.
     *
     * @param options what gcc is told besides
     */
    public static String compiled(String name, String... options) {
        return compiled(ROOT.resolve("it/src/test/c").resolve(name + ".c"), options);
    }

    /** A program from anywhere. A warning is a failure. */
    public static String compiled(Path source, String... options) {
        var key = new ArrayList<>(List.of(source.toString()));
        key.addAll(List.of(options));
        return COMPILED.computeIfAbsent(List.copyOf(key), _ -> compile(source, options)).toString();
    }

    private static Path compile(Path source, String... options) {
        Path program =
                TestNamespace.current()
                        .directory("c")
                        .resolve(source.getFileName().toString().replace(".c", ""));
        var command = new ArrayList<>(List.of("gcc", "-O1", "-Wall", "-Wextra", "-Werror"));
        command.addAll(List.of("-pthread", "-I", ROOT.resolve("include").toString()));
        command.addAll(List.of(options));
        command.addAll(List.of("-o", program.toString(), source.toString()));
        Program.run(command.toArray(String[]::new));
        return program;
    }
}
