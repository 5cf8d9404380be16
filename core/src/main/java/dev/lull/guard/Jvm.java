package dev.lull.guard;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The command lines of the JVMs that must run while their own root filesystem is frozen: the same JDK and the same jars
 * as this process's, and nothing from its environment.
 */
public final class Jvm {
    /** The directory of the AOT caches, set by the launcher; without it they start without, and are larger. */
    private static final String CACHES = "lull.aot";

    /** Set to {@code true} by the launcher in the run that makes the caches of the sentry and the canary. */
    private static final String LEARN = "lull.learn";

    /**
     * Writing a cache needs more heap than running with one. It is to hold no code, which is for this processor: on a
     * lesser one, JDK 25 would end with SIGILL (tried).
     */
    private static final List<String> FOR_LEARNING =
            List.of(
                    "-Xms64m",
                    "-Xmx256m",
                    "-XX:+UnlockDiagnosticVMOptions",
                    "-XX:-AOTAdapterCaching");

    private Jvm() {}

    /**
     * The guard, which takes its leave after {@code idleSeconds} without leases and clients.
     *
     * @return argv; the program is an absolute path
     */
    public static List<String> guardCommand(long idleSeconds) {
        return command(
                "guard",
                "dev.lull.guard.Guard",
                // The client compiler alone: the other needs tens of megabytes, all locked, for
                // code that hardly runs.
                List.of(
                        "-XX:TieredStopAtLevel=1",
                        "-XX:CompileThresholdScaling=0.1",
                        "-XX:ReservedCodeCacheSize=8m",
                        "-Xms12m",
                        "-Xmx12m",
                        "-Xmn4m"),
                List.of("--idle", Long.toString(idleSeconds)));
    }

    /**
     * A process that is to outlive this one by a little, in case this one is killed: small, and with no more to do with
     * the disk than the others.
     *
     * @param main a class of this module's with a main method
     * @return argv; the program is an absolute path
     */
    public static List<String> command(Class<?> main, List<String> arguments) {
        return command(
                main.getSimpleName(),
                main.getName(),
                List.of("-XX:TieredStopAtLevel=1", "-Xms8m", "-Xmx16m"),
                arguments);
    }

    /** What answers the freeze ioctls of a program, beside it: {@link dev.lull.guard} knows no more of it. */
    public static List<String> runCommand(String mainClass, List<String> arguments) {
        return command(
                "run",
                mainClass,
                List.of(
                        "-XX:TieredStopAtLevel=1",
                        "-XX:ReservedCodeCacheSize=16m",
                        "-Xms8m",
                        "-Xmx32m",
                        "-Xmn4m"),
                arguments);
    }

    static List<String> sentryCommand(Path runDirectory, int guardPid) {
        return command(
                "sentry",
                "dev.lull.guard.Sentry",
                List.of("-Xint", "-Xms4m", "-Xmx4m"),
                List.of(runDirectory.toString(), Integer.toString(guardPid)));
    }

    static List<String> canaryCommand(Path runDirectory) {
        return command(
                "canary",
                "dev.lull.guard.Canary",
                List.of(
                        "-XX:TieredStopAtLevel=1",
                        "-XX:CompileThresholdScaling=0.1",
                        "-XX:ReservedCodeCacheSize=4m",
                        "-Xms4m",
                        "-Xmx4m"),
                List.of(runDirectory.toString()));
    }

    private static List<String> command(
            String name, String mainClass, List<String> size, List<String> arguments) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(
                List.of(
                        "-XX:+UseSerialGC",
                        "-XX:+AlwaysPreTouch",
                        "-Xss256k",
                        // Its file is mapped: a store to it while that filesystem is frozen blocks
                        // at a safepoint, for good.
                        "-XX:-UsePerfData",
                        "-XX:+DisableAttachMechanism",
                        // No handler for SIGQUIT: a thread dump into a full pipe stops a JVM's
                        // timers. The processes ignore it, see Hardening.
                        "-XX:+ReduceSignalUsage",
                        "-XX:-CreateCoredumpOnCrash",
                        "-XX:ErrorFile=" + RunDirectory.DEFAULT.resolve("hs_err_" + name + ".log"),
                        "-XX:+ExitOnOutOfMemoryError",
                        "-Xlog:disable",
                        "-Xlog:all=error,aot*=off,cds*=off:stderr"));
        command.addAll(size);
        String caches = System.getProperty(CACHES);
        if (caches != null) {
            command.add("-D" + CACHES + "=" + caches);
            Path cache = Path.of(caches, name + ".aot");
            if (Boolean.getBoolean(LEARN)) {
                command.addAll(FOR_LEARNING);
                command.add("-D" + LEARN + "=true");
                command.add("-XX:AOTCacheOutput=" + cache);
            } else if (Files.isReadable(cache)) {
                command.add("-XX:AOTCache=" + cache);
            }
        }
        String modules = System.getProperty("jdk.module.path");
        if (modules != null && Jvm.class.getModule().isNamed()) {
            command.addAll(
                    List.of(
                            "--enable-native-access=dev.lull.core",
                            "--module-path",
                            absolute(modules),
                            "-m",
                            "dev.lull.core/" + mainClass));
        } else {
            command.addAll(
                    List.of(
                            "--enable-native-access=ALL-UNNAMED",
                            "-cp",
                            absolute(System.getProperty("java.class.path")),
                            mainClass));
        }
        command.addAll(arguments);
        return List.copyOf(command);
    }

    /** The processes stand on the run directory, where a relative path means something else. */
    private static String absolute(String paths) {
        List<String> all = new ArrayList<>();
        for (String path : paths.split(":", -1)) {
            if (!path.isEmpty()) {
                all.add(Path.of(path).toAbsolutePath().toString());
            }
        }
        return String.join(":", all);
    }
}
