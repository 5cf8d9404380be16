package dev.lull.it.harness;

import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.OptionalLong;

/** The processes that answer the ioctls of programs under {@code lull run}, seen from outside. */
public final class SupervisorProbe {
    private static final String MAIN = "dev.lull.core/dev.lull.run.RunSupervisor";
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private SupervisorProbe() {}

    /** The one of a program. */
    public static long of(long program) {
        return await("the supervisor of " + program)
                .atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(20))
                .until(() -> find(program), OptionalLong::isPresent)
                .orElseThrow();
    }

    /** Waits until none is left in this mount namespace. */
    public static void awaitNone() {
        await("no supervisor is left")
                .atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(20))
                .until(() -> words().stream().noneMatch(line -> line.contains(MAIN)));
    }

    private static OptionalLong find(long program) {
        return Processes.inMountNamespaceOf("self").stream()
                .filter(SupervisorProbe::isJava)
                .filter(pid -> isOf(commandLine(pid), program))
                .mapToLong(Long::longValue)
                .findFirst();
    }

    private static List<List<String>> words() {
        return Processes.inMountNamespaceOf("self").stream()
                .filter(SupervisorProbe::isJava)
                .map(SupervisorProbe::commandLine)
                .toList();
    }

    private static boolean isOf(List<String> words, long program) {
        int main = words.indexOf(MAIN);
        return main >= 0 && words.get(main + 1).equals(Long.toString(program));
    }

    // The command line of another process could be one that hangs on a frozen filesystem.
    private static boolean isJava(long pid) {
        return Processes.name(pid).filter("java"::equals).isPresent();
    }

    private static List<String> commandLine(long pid) {
        try {
            return List.of(Files.readString(Path.of("/proc/" + pid + "/cmdline")).split("\0", -1));
        } catch (IOException e) {
            // Processes come and go.
            return List.of();
        }
    }
}
