package dev.lull.cli;

import dev.lull.freeze.PlainClient;
import dev.lull.lease.DurationText;
import dev.lull.lease.Timeouts;
import dev.lull.linux.Errno;
import dev.lull.linux.KernelException;
import dev.lull.linux.LinuxKernel;
import dev.lull.run.Inheritance;
import dev.lull.run.Launch;
import dev.lull.run.RunLimits;
import java.io.IOException;
import java.time.Duration;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code lull run}: becomes the program, and so leaves no status of its own but those of timeout(1) for a failure. */
@Command(
        name = "run",
        mixinStandardHelpOptions = true,
        customSynopsis = "lull run [OPTIONS] -- PROGRAM [ARGUMENT...]",
        description = {
            "Run PROGRAM, which freezes filesystems, with a timeout on every freeze.",
            "Its FIFREEZE takes a timeout, and FIFREEZE_RESET_TIMEOUT extends it; see docs/run.md. The status is "
                    + "PROGRAM's own; 125 if lull failed, 126 if PROGRAM cannot be run, 127 if there is none."
        })
final class RunCommand implements Callable<Integer>, CommandTail {
    @Option(
            names = "--timeout",
            paramLabel = "TIME",
            description = "thaw after TIME where PROGRAM does not say (default: 60s; none: never)")
    private String timeout = "";

    @Option(
            names = "--max",
            paramLabel = "TIME",
            description =
                    "the most that PROGRAM can ask for (default: 5m; the policy may allow more)")
    private String max = "5m";

    private List<String> words = List.of();

    /**
     * Runs the command in its usual form, without picocli, which would take longer than all the rest: a program that
     * freezes is started again and again.
     *
     * @param args all of the command line
     * @return the exit status, or empty if this is for {@link LullCommand}
     */
    static Optional<Integer> quick(List<String> args) {
        int end = args.indexOf("--");
        // Options in pairs, and a program.
        boolean usual = end > 0 && end % 2 == 1 && end < args.size() - 1;
        if (!usual || !args.getFirst().equals("run")) {
            return Optional.empty();
        }
        RunCommand command = new RunCommand();
        Set<String> given = new HashSet<>();
        for (int i = 1; i < end; i += 2) {
            // What is given twice, or is no option at all, picocli refuses in its words.
            if (!given.add(args.get(i))) {
                return Optional.empty();
            }
            switch (args.get(i)) {
                case "--timeout" -> command.timeout = args.get(i + 1);
                case "--max" -> command.max = args.get(i + 1);
                default -> {
                    return Optional.empty();
                }
            }
        }
        try {
            if (PlainClient.leftBehind()) {
                return Optional.empty();
            }
        } catch (RuntimeException e) {
            return Optional.of(bug(e));
        }
        command.tail(args.subList(end + 1, args.size()));
        return Optional.of(command.call());
    }

    @Override
    public void tail(List<String> tail) {
        words = List.copyOf(tail);
    }

    @Override
    public boolean runsCommand() {
        return true;
    }

    @Override
    public Integer call() {
        try {
            if (words.isEmpty()) {
                throw CommandException.usage(
                        "no program to run", "lull run -- PROGRAM [ARGUMENT...]");
            }
            RunLimits limits = limits();
            LinuxKernel kernel = new LinuxKernel();
            if (kernel.effectiveUser() != 0) {
                throw new CommandException(
                        ExitCode.NOT_PERMITTED,
                        "only root can freeze, and run what freezes",
                        "lull needs root");
            }
            Inheritance inheritance = Inheritance.ofThisProcess(kernel);
            List<byte[]> arguments = inheritance.arguments();
            new Launch(kernel, inheritance)
                    .become(
                            arguments.subList(arguments.size() - words.size(), arguments.size()),
                            limits);
            throw new IllegalStateException("execve came back");
        } catch (KernelException e) {
            return fail(e);
        } catch (CommandException | IOException e) {
            Complaint.of(e).tell(System.err);
            return HoldCommand.LULL_FAILED;
        } catch (RuntimeException e) {
            return bug(e);
        }
    }

    /** 1, as the JVM would end with, is a status of the program's. */
    private static int bug(RuntimeException e) {
        LullCommand.fail(e);
        return HoldCommand.LULL_FAILED;
    }

    private int fail(KernelException e) {
        return switch (e.operation()) {
            case "execve" ->
                    complain(
                            e.errno().equals(Errno.ENOENT)
                                    ? HoldCommand.NO_SUCH_COMMAND
                                    : HoldCommand.CANNOT_RUN,
                            "cannot run " + words.getFirst() + ": " + e.errno(),
                            "is it on PATH, and executable?");
            case "seccomp" ->
                    complain(
                            HoldCommand.LULL_FAILED,
                            "this kernel does not hand a program's freezes over: " + e.errno(),
                            "lull run needs Linux 5.19 with seccomp, and CAP_SYS_ADMIN; lull hold and lull freeze do"
                                    + " without");
            default -> {
                Complaint.of(e).tell(System.err);
                yield HoldCommand.LULL_FAILED;
            }
        };
    }

    private static int complain(int status, String message, String hint) {
        Complaint.of(new CommandException(ExitCode.FAILED, message, hint)).tell(System.err);
        return status;
    }

    private RunLimits limits() throws CommandException {
        Duration most = LimitOptions.bounded("--max", max);
        if (timeout.equals("none")) {
            return new RunLimits(Optional.empty(), most);
        }
        if (timeout.isEmpty()) {
            Duration usual = RunLimits.DEFAULT_TIMEOUT;
            return new RunLimits(Optional.of(usual.compareTo(most) < 0 ? usual : most), most);
        }
        Duration limit = LimitOptions.bounded("--timeout", timeout);
        if (limit.compareTo(most) > 0) {
            throw CommandException.usage(
                    "--timeout " + timeout + " is more than --max " + max,
                    "ask for more with --max, at most " + DurationText.of(Timeouts.MAX));
        }
        return new RunLimits(Optional.of(limit), most);
    }
}
