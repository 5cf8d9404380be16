package dev.lull.cli;

import dev.lull.freeze.ArmedLease;
import dev.lull.freeze.FreezeException;
import dev.lull.freeze.FreezeSet;
import dev.lull.freeze.Freezer;
import dev.lull.freeze.Lease;
import dev.lull.freeze.Outcome;
import dev.lull.lease.Timeouts;
import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code lull hold}: the statuses are those of timeout(1). */
@Command(
        name = "hold",
        mixinStandardHelpOptions = true,
        customSynopsis = "lull hold [OPTIONS] PATH... -- COMMAND [ARGUMENT...]",
        description = {
            "Freeze filesystems, run COMMAND, and thaw.",
            "LULL_LEASE is the lease's id in its environment. The status is COMMAND's own; 124 if the lease was not "
                    + "held to the end, 125 if lull failed, 126 if COMMAND cannot be run, 127 if there is none."
        })
final class HoldCommand implements Callable<Integer>, CommandTail {
    static final int NOT_HELD = 124;
    static final int LULL_FAILED = 125;
    static final int CANNOT_RUN = 126;
    static final int NO_SUCH_COMMAND = 127;

    @Parameters(arity = "1..*", paramLabel = "PATH", description = "mount points")
    private List<Path> paths = List.of();

    @Mixin private LimitOptions limits = new LimitOptions();
    @Mixin private NamespaceOption namespace = new NamespaceOption();

    private List<String> command = List.of();

    @Override
    public void tail(List<String> words) {
        command = List.copyOf(words);
    }

    @Override
    public boolean runsCommand() {
        return true;
    }

    @Override
    public Integer call() {
        try {
            if (command.isEmpty()) {
                throw CommandException.usage(
                        "no command to run", "lull hold PATH... -- COMMAND [ARGUMENT...]");
            }
            Timeouts timeouts = limits.timeouts();
            Path program = find(command.getFirst());
            if (program == null) {
                return complain(
                        NO_SUCH_COMMAND,
                        "cannot run " + command.getFirst() + ": no such command",
                        "is it on PATH?");
            }
            if (!Files.isExecutable(program) || Files.isDirectory(program)) {
                return complain(
                        CANNOT_RUN,
                        "cannot run " + program + ": it is not an executable file",
                        "chmod +x?");
            }
            LinuxKernel kernel = new LinuxKernel();
            try (FreezeSet set = namespace.openSet(kernel, paths, limits.anyPath)) {
                Surroundings.requireOutside(kernel, set);
                return hold(kernel, set, timeouts);
            }
        } catch (FreezeException | CommandException | IOException e) {
            Complaint.of(e).tell(System.err);
            return LULL_FAILED;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return LULL_FAILED;
        }
    }

    private int hold(Kernel kernel, FreezeSet set, Timeouts timeouts)
            throws FreezeException, IOException, InterruptedException {
        CompletableFuture<Integer> pid = new CompletableFuture<>();
        try (ArmedLease armed =
                Freezer.system().named("hold").arm(set, timeouts, limits.options())) {
            rehearse();
            ProcessBuilder builder = new ProcessBuilder(command).inheritIO();
            builder.environment().put("LULL_LEASE", armed.id());
            Signals.forward(kernel, pid);
            try (Lease lease = armed.freeze()) {
                Process child;
                try {
                    child = builder.start();
                } catch (IOException e) {
                    lease.release();
                    return complain(
                            CANNOT_RUN,
                            "cannot run " + command.getFirst() + ": " + e.getMessage(),
                            "it was frozen and is thawed; does the program run without lull?");
                }
                pid.complete((int) child.pid());
                Thread.ofPlatform().daemon().name("lease watch").start(() -> watch(lease, child));
                int status = child.waitFor();
                Outcome outcome = lease.release();
                if (outcome.held()) {
                    return status;
                }
                return complain(
                        NOT_HELD,
                        "the lease was not held to the end: "
                                + outcome.end().word()
                                + ", "
                                + outcome.reason(),
                        "throw away what the command made; to have more time: --timeout, or lull extend $LULL_LEASE");
            }
        }
    }

    /** Starting a process loads classes and a program of the JDK's, which could lie on what is frozen. */
    private static void rehearse() throws IOException, InterruptedException {
        new ProcessBuilder("/bin/true").inheritIO().start().waitFor();
    }

    /** Tells at once when the lease has ended, while the command goes on. */
    private static void watch(Lease lease, Process child) {
        try {
            Outcome outcome = lease.awaitEnd();
            if (child.isAlive()) {
                System.err.println(
                        "lull: lease "
                                + lease.id()
                                + " has ended while the command runs: "
                                + outcome.end().word()
                                + ", "
                                + Plain.text(outcome.reason()));
            }
        } catch (FreezeException e) {
            if (child.isAlive()) {
                Complaint.of(e).tell(System.err);
            }
        }
    }

    private static int complain(int status, String message, String hint) {
        Complaint.of(new CommandException(ExitCode.FAILED, message, hint)).tell(System.err);
        return status;
    }

    /** The program as execvp(3) finds it; null if there is none. */
    static @Nullable Path find(String name) {
        if (name.contains("/")) {
            Path path = Path.of(name);
            return Files.exists(path) ? path : null;
        }
        String search = System.getenv().getOrDefault("PATH", "/usr/bin:/bin");
        Path unusable = null;
        for (String directory : search.split(File.pathSeparator, -1)) {
            Path path = Path.of(directory.isEmpty() ? "." : directory, name);
            if (Files.isExecutable(path) && !Files.isDirectory(path)) {
                return path;
            }
            if (Files.exists(path)) {
                unusable = path;
            }
        }
        return unusable;
    }
}
