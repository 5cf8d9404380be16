package dev.lull.it.harness;

import java.util.ArrayList;
import java.util.List;

/** {@code ioctls.c}: a program that makes the ioctls that its arguments name, on a directory of a filesystem. */
public final class Ioctls {
    private Ioctls() {}

    /**
     * The command line.
     *
     * @param words FILE in them stands for a file of the filesystem
     */
    public static List<String> command(ScratchFilesystem filesystem, String... words) {
        return command(CProgram.compiled("ioctls"), filesystem, words);
    }

    /** The same of a program that is compiled in another way. */
    public static List<String> command(
            String program, ScratchFilesystem filesystem, String... words) {
        var command = new ArrayList<>(List.of(program, "open:" + filesystem.mountPoint()));
        for (String word : words) {
            command.add(word.replace("FILE", filesystem.resolve("file").toString()));
        }
        return command;
    }

    /** Starts it under {@code lull run}. */
    public static LullProcess start(ScratchFilesystem filesystem, String... words) {
        return start(List.of(), command(filesystem, words));
    }

    /**
     * Starts any command under {@code lull run}.
     *
     * @param options of {@code lull run}
     */
    public static LullProcess start(List<String> options, List<String> command) {
        var all = new ArrayList<>(List.of("run"));
        all.addAll(options);
        all.add("--");
        all.addAll(command);
        return LullProcess.start(all.toArray(String[]::new));
    }

    /** Runs it under {@code lull run} to its end, which must be a good one. */
    public static LullProcess.Result run(ScratchFilesystem filesystem, String... words) {
        return run(List.of(), command(filesystem, words));
    }

    public static LullProcess.Result run(List<String> options, List<String> command) {
        try (LullProcess process = start(options, command)) {
            return process.finish().expect(0);
        }
    }
}
