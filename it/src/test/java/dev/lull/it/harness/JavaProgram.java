package dev.lull.it.harness;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Main classes of the tests, run as processes of their own. */
public final class JavaProgram {
    private JavaProgram() {}

    /**
     * A process for a main class on the class path of the tests. It has no files on any scratch filesystem but those
     * that it opens.
     */
    public static ProcessBuilder of(Class<?> main, String... arguments) {
        return start(main.getName(), arguments);
    }

    /** A process for one source file, compiled as it starts. */
    public static ProcessBuilder ofSource(Path source, String... arguments) {
        return start(source.toString(), arguments);
    }

    private static ProcessBuilder start(String what, String... arguments) {
        var command = new ArrayList<String>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(
                List.of(
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-Xshare:auto",
                        "-XX:-UsePerfData",
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("java.class.path"),
                        what));
        command.addAll(List.of(arguments));
        return new ProcessBuilder(command);
    }
}
