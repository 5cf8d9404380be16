package dev.lull.it.bench;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Other programs: those of the system, and those in {@code it/src/bench}, which are compiled when they are needed. */
final class Programs {
    private static final Map<String, Path> COMPILED = new ConcurrentHashMap<>();

    private Programs() {}

    /**
     * Runs a program that must succeed.
     *
     * @return its output, without white space at its ends
     */
    static String run(String... command) throws IOException, InterruptedException {
        Path errors = Bench.scratch().resolve("errors");
        Process process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
        String output =
                new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        int status = process.waitFor();
        if (status != 0) {
            throw new IOException(
                    String.join(" ", command)
                            + " ended with "
                            + status
                            + ": "
                            + Files.readString(errors).strip());
        }
        return output;
    }

    /** Starts one whose standard error is this process's. */
    static Process start(String... command) throws IOException {
        return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
    }

    /** Nanoseconds that a program takes which must succeed; its output is thrown away. */
    static long time(List<String> command) throws IOException, InterruptedException {
        ProcessBuilder builder =
                new ProcessBuilder(command)
                        .redirectErrorStream(true)
                        .redirectInput(new File("/dev/null"))
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD);
        long began = System.nanoTime();
        int status = builder.start().waitFor();
        long took = System.nanoTime() - began;
        if (status != 0) {
            throw new IOException(String.join(" ", command) + " ended with " + status);
        }
        return took;
    }

    /** The compiled program {@code it/src/bench/NAME.c}. */
    static String compiled(String name) throws IOException, InterruptedException {
        Path known = COMPILED.get(name);
        if (known == null) {
            known = Bench.scratch().resolve(name);
            Path source = Bench.home().resolve("it/src/bench/" + name + ".c");
            run("gcc", "-O2", "-Wall", "-o", known.toString(), source.toString());
            COMPILED.put(name, known);
        }
        return known.toString();
    }

    /** Keeps every processor busy until it is closed. */
    static AutoCloseable busyProcessors() throws IOException {
        int processors = Runtime.getRuntime().availableProcessors();
        List<Process> all = new ArrayList<>();
        for (int i = 0; i < processors; i++) {
            all.add(start("sh", "-c", "while :; do :; done"));
        }
        return () -> {
            for (Process one : all) {
                one.destroyForcibly().waitFor();
            }
        };
    }

    static void deleteTree(Path directory) throws IOException, InterruptedException {
        if (Files.exists(directory)) {
            run("rm", "-rf", "--one-file-system", directory.toString());
        }
    }
}
