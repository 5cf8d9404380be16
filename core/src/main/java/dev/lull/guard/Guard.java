package dev.lull.guard;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import java.io.IOException;
import java.lang.module.ModuleDescriptor;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The guard's process: owns every lease on the host and performs every freeze and thaw. Started on demand by the first
 * client that needs it, or as a service; gone when idle.
 */
public final class Guard {
    /** How long a guard stays without leases and clients, unless told otherwise. */
    public static final Duration IDLE = Duration.ofSeconds(60);

    private static final int STARTED = 0;
    private static final int FAILED = 1;

    private Guard() {}

    /**
     * Runs the guard until it is idle or told to stop. Says {@code ready} on stdout once clients can connect, or
     * {@code error: …} in one line; a guard that finds another one at work says {@code ready} and ends with 0.
     *
     * @param arguments {@code --idle SECONDS}; 0 is never
     */
    public static void main(String[] arguments) {
        Kernel kernel = new LinuxKernel();
        // Runtime.halt: shutdown hooks and exit handlers could wait for what is frozen.
        Runtime.getRuntime().halt(run(kernel, arguments));
    }

    private static int run(Kernel kernel, String[] arguments) {
        Duration idle = IDLE;
        if (arguments.length == 2 && arguments[0].equals("--idle")) {
            idle = Duration.ofSeconds(Long.parseLong(arguments[1]));
        }
        if (kernel.effectiveUser() != 0) {
            say("error: the guard must run as root");
            return FAILED;
        }
        RunDirectory run = new RunDirectory(kernel, RunDirectory.DEFAULT);
        try {
            run.prepare();
            Optional<Descriptor> lock = run.lock();
            if (lock.isEmpty()) {
                say("ready");
                return STARTED;
            }
            try (Descriptor held = lock.get()) {
                serve(kernel, run, idle, held);
            }
            return STARTED;
        } catch (IOException e) {
            say("error: " + e.getMessage());
            return FAILED;
        }
    }

    private static void serve(Kernel kernel, RunDirectory run, Duration idle, Descriptor lock)
            throws IOException {
        Hardening.standOn(kernel, run.path());
        List<String> warnings = new ArrayList<>(Hardening.apply(kernel, -900, Hardening.FIRST));
        new TakeOver(kernel, run, warnings).run();
        Expedite expedite = new Expedite(kernel, run.expediteMarker());
        try {
            expedite.recover();
        } catch (IOException e) {
            warnings.add("cannot put back " + Expedite.KNOB + ": " + e.getMessage());
        }
        Files.deleteIfExists(run.socket());
        try (Descriptor listener = kernel.listen(run.socket(), 0600);
                GuardLoop loop = new GuardLoop(kernel, run, expedite, listener, idle, warnings)) {
            loop.warmUp();
            say("ready");
            System.out.close();
            loop.run();
        } finally {
            // Before the lock goes: a client that finds no socket starts another guard.
            if (lock.isOpen()) {
                Files.deleteIfExists(run.socket());
            }
        }
    }

    private static void say(String line) {
        byte[] bytes = (line + "\n").getBytes(StandardCharsets.UTF_8);
        System.out.write(bytes, 0, bytes.length);
        System.out.flush();
    }

    /** The version to tell, from the module's descriptor. */
    static String version() {
        ModuleDescriptor module = Guard.class.getModule().getDescriptor();
        return module == null ? "development" : module.rawVersion().orElse("development");
    }
}
