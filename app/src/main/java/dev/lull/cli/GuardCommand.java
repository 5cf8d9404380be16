package dev.lull.cli;

import dev.lull.freeze.FreezeException;
import dev.lull.freeze.GuardClient;
import dev.lull.freeze.GuardUnreachableException;
import dev.lull.guard.Jvm;
import dev.lull.guard.Reply;
import dev.lull.guard.Request;
import dev.lull.guard.Supervisor;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.LinuxKernel;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code lull guard}. */
@Command(
        name = "guard",
        mixinStandardHelpOptions = true,
        description = {
            "Run the guard in the foreground, as a service does, or stop it.",
            "No one needs to: the first command that freezes starts one, which ends when it is idle."
        })
final class GuardCommand implements Callable<Integer> {
    private static final Duration STOPPING = Duration.ofSeconds(10);
    private static final Duration PAUSE = Duration.ofMillis(20);

    @Option(
            names = "--idle",
            paramLabel = "TIME",
            description = "end after TIME without leases (default: none, stay)")
    private String idle = "none";

    @Option(names = "--stop", description = "stop the guard that runs, once it has no leases")
    private boolean stop;

    @Option(names = "--now", description = "with --stop: end its leases, and thaw")
    private boolean now;

    @Override
    public Integer call() throws Exception {
        LinuxKernel kernel = new LinuxKernel();
        if (stop) {
            return stop(kernel);
        }
        if (now) {
            throw CommandException.usage("--now belongs to --stop", "");
        }
        Duration limit = idle.equals("none") ? Duration.ZERO : Durations.parse("--idle", idle);
        if (!idle.equals("none") && limit.toSeconds() == 0) {
            throw CommandException.usage("--idle " + idle + " is too short", "at least 1s");
        }
        if (kernel.effectiveUser() != 0) {
            throw new CommandException(
                    ExitCode.NOT_PERMITTED, "only root can run the guard", "lull needs root");
        }
        Map<String, String> supervisor = Supervisor.variables(System.getenv(), kernel.processId());
        if (!supervisor.isEmpty()) {
            become(kernel, limit, supervisor);
        }
        return run(kernel, limit);
    }

    /** A service is the process that its manager started, by pid and by descriptors. It speaks for itself. */
    private static void become(Kernel kernel, Duration idle, Map<String, String> supervisor)
            throws KernelException {
        List<String> command = Jvm.guardCommand(idle.toSeconds());
        int descriptors = Supervisor.descriptors(supervisor, kernel.processId());
        kernel.become(Path.of(command.getFirst()), command, supervisor, descriptors);
    }

    /** The guard has a JVM of its own, since that must be started to suit it. This one only waits for it. */
    private static int run(Kernel kernel, Duration idle)
            throws IOException, InterruptedException, CommandException {
        CompletableFuture<Integer> pid = new CompletableFuture<>();
        Signals.forward(kernel, pid);
        ProcessBuilder builder =
                new ProcessBuilder(Jvm.guardCommand(idle.toSeconds()))
                        .redirectError(ProcessBuilder.Redirect.INHERIT);
        builder.environment().clear();
        Process guard = builder.start();
        guard.getOutputStream().close();
        pid.complete((int) guard.pid());
        try (BufferedReader words = guard.inputReader()) {
            String line = words.readLine();
            if (line != null && line.startsWith("error: ")) {
                String hint = Optional.ofNullable(words.readLine()).orElse("");
                throw new CommandException(
                        ExitCode.GUARD,
                        "the guard cannot start: " + line.substring("error: ".length()),
                        hint.replaceFirst("^hint: ", ""));
            }
        }
        if (guard.waitFor(PAUSE)) {
            throw new CommandException(
                    ExitCode.GUARD, "another guard is at work", "lull guard --stop ends it");
        }
        System.err.println("lull: the guard is ready, process " + guard.pid());
        return guard.waitFor();
    }

    private int stop(Kernel kernel) throws FreezeException, IOException, CommandException {
        Optional<GuardClient> running = GuardClient.ifRunning(kernel);
        if (running.isEmpty()) {
            return ExitCode.DONE.status();
        }
        try (GuardClient guard = running.get()) {
            guard.call(new Request.Stop(now));
            Optional<Reply.GuardStatus> last = Optional.empty();
            long deadline = kernel.bootNanos() + STOPPING.toNanos();
            while (kernel.bootNanos() < deadline) {
                Reply.GuardStatus status = guard.status();
                if (!status.leases().isEmpty() && !now) {
                    System.err.println(
                            "lull: the guard ends when its leases have, which are "
                                    + status.leases().size());
                    LeaseReport.stuck(System.err, status);
                    return ExitCode.DONE.status();
                }
                last = Optional.of(status);
                kernel.poll(List.of(), PAUSE);
            }
            last.ifPresent(status -> LeaseReport.stuck(System.err, status));
        } catch (GuardUnreachableException gone) {
            return ExitCode.DONE.status();
        }
        throw new CommandException(
                ExitCode.GUARD,
                "the guard does not end",
                "it waits for what is stuck, and thaws it then; lull doctor --frozen shows who waits");
    }
}
