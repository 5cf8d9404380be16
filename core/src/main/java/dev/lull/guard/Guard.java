package dev.lull.guard;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import java.io.IOException;
import java.lang.module.ModuleDescriptor;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The guard's process: owns every lease on the host and performs every freeze and thaw. Started on demand by the first
 * client that needs it, and gone when idle; or as a service, see {@link Supervisor}.
 */
public final class Guard {
    /** How long a guard stays without leases and clients, unless told otherwise. */
    public static final Duration IDLE = Duration.ofSeconds(60);

    private static final int OOM_SCORE = -900;
    private static final int STARTED = 0;
    private static final int FAILED = 1;

    private Guard() {}

    /**
     * Runs the guard until it is idle or told to stop. Says {@code ready} on stdout once clients can connect, or
     * {@code error: …} in one line; a guard that finds another one at work says {@code ready} and ends with 0. As a
     * service, which is to be the guard or to be started again, it fails then.
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
        try (Supervisor supervisor = Supervisor.of(kernel, System.getenv())) {
            return run(kernel, run, supervisor, idle);
        } catch (IOException e) {
            say("error: " + e.getMessage());
            return FAILED;
        }
    }

    private static int run(Kernel kernel, RunDirectory run, Supervisor supervisor, Duration idle)
            throws IOException {
        try {
            run.prepare();
            Optional<Descriptor> lock = run.lock();
            if (lock.isEmpty() && supervisor.present()) {
                throw new IOException("another guard is at work; lull guard --stop ends it");
            }
            if (lock.isEmpty()) {
                say("ready");
                return STARTED;
            }
            try (Descriptor held = lock.get()) {
                serve(kernel, run, supervisor, idle, held);
                run.forgetIdleCertificates();
            }
            return STARTED;
        } catch (IOException e) {
            supervisor.failed(e);
            throw e;
        }
    }

    private static void serve(
            Kernel kernel, RunDirectory run, Supervisor supervisor, Duration idle, Descriptor lock)
            throws IOException {
        Hardening.standOn(kernel, run.path());
        List<String> warnings = new ArrayList<>();
        // A service's cgroup is its own, and where its manager looks for it.
        warnings.addAll(
                supervisor.present()
                        ? Hardening.applyInPlace(kernel, OOM_SCORE, Hardening.FIRST)
                        : Hardening.apply(kernel, OOM_SCORE, Hardening.FIRST));
        TakeOver takeOver = new TakeOver(kernel, run);
        takeOver.run();
        Expedite expedite = new Expedite(kernel, run.expediteMarker());
        try {
            expedite.recover();
        } catch (IOException e) {
            warnings.add("cannot put back " + Expedite.KNOB + ": " + e.getMessage());
        }
        Optional<Descriptor> inherited = supervisor.listener();
        if (inherited.isPresent()) {
            try (Descriptor listener = inherited.get()) {
                serve(kernel, run, expedite, supervisor, listener, idle, takeOver, warnings);
            }
            return;
        }
        Files.deleteIfExists(run.socket());
        Optional<Object> own = Optional.empty();
        try (Descriptor listener = kernel.listen(run.socket(), 0600)) {
            own = fileKey(run.socket());
            serve(kernel, run, expedite, supervisor, listener, idle, takeOver, warnings);
        } finally {
            // Before the lock goes: a client that finds no socket starts another guard. One that is
            // not ours is that of a service, which has taken the path over.
            if (lock.isOpen() && own.isPresent() && own.equals(fileKey(run.socket()))) {
                Files.deleteIfExists(run.socket());
            }
        }
    }

    private static Optional<Object> fileKey(Path file) throws IOException {
        try {
            return Optional.ofNullable(
                    Files.readAttributes(file, BasicFileAttributes.class).fileKey());
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    private static void serve(
            Kernel kernel,
            RunDirectory run,
            Expedite expedite,
            Supervisor supervisor,
            Descriptor listener,
            Duration idle,
            TakeOver takeOver,
            List<String> warnings)
            throws IOException {
        try (GuardLoop loop =
                new GuardLoop(
                        kernel,
                        run,
                        expedite,
                        supervisor,
                        listener,
                        PolicyFile.DEFAULT,
                        idle,
                        takeOver,
                        warnings)) {
            loop.warmUp();
            say("ready");
            System.out.close();
            if (supervisor.present()) {
                // The journal's, which waits for a disk. The JDK puts /dev/null in its place.
                System.err.close();
            }
            supervisor.ready(kernel.bootNanos());
            loop.run();
        } finally {
            supervisor.stopping();
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
