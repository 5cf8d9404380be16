package dev.lull.it.harness;

import static org.awaitility.Awaitility.await;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.LinuxKernel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;

/**
 * {@code lull guard} as systemd would run it: with a listening socket as descriptor 3, a socket to notify, and the rights
 * and limits that the unit says. Belongs to one thread.
 */
public final class ServiceRun implements AutoCloseable {
    public static final Path UNITS = TestNamespace.sourceTree().resolve("dist/systemd");

    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final Duration PAUSE = Duration.ofMillis(20);

    /** include/uapi/linux/capability.h, those that the unit may name. */
    private static final Map<String, Integer> CAPABILITIES =
            Map.of(
                    "CAP_DAC_READ_SEARCH", 2,
                    "CAP_IPC_LOCK", 14,
                    "CAP_SYS_PTRACE", 19,
                    "CAP_SYS_ADMIN", 21,
                    "CAP_SYS_NICE", 23,
                    "CAP_SYS_RESOURCE", 24);

    private final Kernel kernel = new LinuxKernel();
    private final String unit;
    private final Path directory = TestNamespace.current().directory("service");
    private final Duration watchdog;
    private final String address;
    private final Descriptor manager;
    private final List<Descriptor> passed = new ArrayList<>();
    private final List<String> heard = new ArrayList<>();
    private int pid;
    private OptionalInt status = OptionalInt.empty();

    private ServiceRun(Duration watchdog, boolean abstractName, boolean withSocket) {
        this.watchdog = watchdog;
        try {
            unit = Files.readString(UNITS.resolve("lull-guard.service"));
            address =
                    abstractName
                            ? "@lull-" + directory.getFileName()
                            : directory.resolve("notify").toString();
            manager = kernel.bindDatagram(address);
            passed.add(kernel.openReadWrite(Path.of("/dev/null")));
            Descriptor words = kernel.createNew(directory.resolve("words"), 0600);
            passed.addAll(List.of(words, words));
            if (withSocket) {
                passed.add(kernel.listen(GuardProbe.SOCKET, 0600));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        startAgain();
    }

    /** @param abstractName whether the socket to notify has a name instead of a path */
    public static ServiceRun start(Duration watchdog, boolean abstractName) {
        return new ServiceRun(watchdog, abstractName, true);
    }

    /** As when the unit of the socket is not there. */
    public static ServiceRun startWithoutSocket(Duration watchdog) {
        return new ServiceRun(watchdog, false, false);
    }

    /** Another process, with the same socket. What the last one said is forgotten. */
    public void startAgain() {
        hear();
        heard.clear();
        status = OptionalInt.empty();
        var environment = new TreeMap<String, String>();
        for (String name : List.of("PATH", "JAVA_HOME")) {
            String value = System.getenv(name);
            if (value != null) {
                environment.put(name, value);
            }
        }
        environment.put("NOTIFY_SOCKET", address);
        environment.put("WATCHDOG_USEC", Long.toString(watchdog.toNanos() / 1000));
        if (passed.size() > 3) {
            environment.put("LISTEN_FDS", "1");
        }
        // The variables have to name the process that the shell becomes.
        String score =
                mayRaiseLimits()
                        ? "echo " + setting("OOMScoreAdjust") + " >/proc/self/oom_score_adj && "
                        : "";
        String script = "export LISTEN_PID=$$ WATCHDOG_PID=$$; " + score + "exec \"$@\"";
        var command = new ArrayList<>(List.of("sh", "-c", script, "sh"));
        if (mayRaiseLimits()) {
            int nice = 20 - Integer.parseInt(setting("LimitNICE"));
            command.addAll(
                    List.of(
                            "prlimit",
                            "--memlock=" + setting("LimitMEMLOCK").replace("infinity", "unlimited"),
                            "--nice=" + nice,
                            "--"));
        }
        command.addAll(
                List.of(
                        "setpriv",
                        "--no-new-privs",
                        "--inh-caps=-all",
                        "--bounding-set=-all" + setprivNames(),
                        "--",
                        TestNamespace.sourceTree().resolve("lull").toString(),
                        "guard"));
        try {
            pid = kernel.spawn(Path.of("/bin/sh"), command, environment, passed);
        } catch (KernelException e) {
            throw new UncheckedIOException(e);
        }
    }

    private String setting(String name) {
        return unit.lines()
                .filter(line -> line.startsWith(name + "="))
                .map(line -> line.substring(name.length() + 1))
                .findFirst()
                .orElseThrow(() -> new AssertionError("the unit has no " + name));
    }

    /**
     * A machine that withholds CAP_SYS_RESOURCE even from root, as containers do, lets nobody raise a limit: what the unit
     * grants by limits is then granted by capabilities.
     */
    public static boolean mayRaiseLimits() {
        return (ownCapabilities() & 1L << CAPABILITIES.get("CAP_SYS_RESOURCE")) != 0;
    }

    private static long ownCapabilities() {
        try {
            return Files.readAllLines(Path.of("/proc/self/status")).stream()
                    .filter(line -> line.startsWith("CapEff:"))
                    .mapToLong(line -> Long.parseUnsignedLong(line.substring(7).strip(), 16))
                    .findFirst()
                    .orElseThrow();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private List<String> capabilities() {
        var capabilities = new ArrayList<>(List.of(setting("CapabilityBoundingSet").split(" ")));
        if (!mayRaiseLimits()) {
            capabilities.remove("CAP_SYS_RESOURCE");
            capabilities.addAll(List.of("CAP_IPC_LOCK", "CAP_SYS_NICE"));
        }
        return capabilities;
    }

    private String setprivNames() {
        var names = new StringBuilder();
        for (String capability : capabilities()) {
            names.append(",+").append(capability.substring(4).toLowerCase(Locale.ROOT));
        }
        return names.toString();
    }

    /** What the unit leaves a process, as proc_pid_status(5) has it. */
    public String capabilityMask() {
        long mask = 0;
        for (String capability : capabilities()) {
            Integer bit = CAPABILITIES.get(capability);
            if (bit == null) {
                throw new AssertionError("the tests do not know " + capability);
            }
            mask |= 1L << bit;
        }
        return HexFormat.of().toHexDigits(mask);
    }

    public int pid() {
        return pid;
    }

    /** Takes what has come. */
    public void hear() {
        var bytes = ByteBuffer.allocate(8192);
        try {
            while (kernel.receive(manager, bytes.clear(), new ArrayList<>()) > 0) {
                String message =
                        new String(bytes.array(), 0, bytes.position(), StandardCharsets.UTF_8);
                heard.addAll(List.of(message.split("\n", -1)));
            }
        } catch (KernelException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Every assignment that has come, in order. */
    public List<String> heard() {
        hear();
        return List.copyOf(heard);
    }

    /** How often it has said that it lives. */
    public long pings() {
        return heard().stream().filter("WATCHDOG=1"::equals).count();
    }

    /** Waits for so many more. */
    public void awaitPings(int more) {
        long before = pings();
        await("it says that it lives")
                .atMost(PATIENCE)
                .pollInterval(PAUSE)
                .until(() -> pings() >= before + more);
    }

    /** Waits for an assignment that begins so. */
    public void awaitWord(String beginning) {
        await(beginning)
                .atMost(PATIENCE)
                .pollInterval(PAUSE)
                .until(() -> {
                    if (heard().stream().anyMatch(word -> word.startsWith(beginning))) {
                        return true;
                    }
                    if (hasEnded() && heard().stream().noneMatch(w -> w.startsWith(beginning))) {
                        throw new AssertionError(
                                "it ended without the word: " + heard + "\n" + words());
                    }
                    return false;
                });
    }

    private String words() throws IOException {
        return Files.readString(directory.resolve("words"));
    }

    private boolean hasEnded() throws KernelException {
        if (status.isEmpty()) {
            status = kernel.reap(pid);
        }
        return status.isPresent();
    }

    /** Waits for its end. @return its exit status, 128 + signal if killed */
    public int awaitEnd() {
        await("the service has ended").atMost(PATIENCE).pollInterval(PAUSE).until(this::hasEnded);
        return status.orElseThrow();
    }

    /** Ends it, if it still runs, and takes the socket away. */
    @Override
    public void close() {
        try {
            if (!hasEnded()) {
                kernel.kill(pid, 9);
                awaitEnd();
            }
            manager.close();
            for (Descriptor descriptor : passed) {
                descriptor.close();
            }
            if (passed.size() > 3) {
                Files.deleteIfExists(GuardProbe.SOCKET);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Program.run("rm", "-r", directory.toString());
    }
}
