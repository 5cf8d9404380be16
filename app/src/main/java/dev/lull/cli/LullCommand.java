package dev.lull.cli;

import dev.lull.freeze.FreezeException;
import dev.lull.freeze.GuardClient;
import dev.lull.freeze.PlainClient;
import dev.lull.linux.LinuxKernel;
import java.io.PrintWriter;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.HelpCommand;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.RunLast;
import picocli.CommandLine.Spec;

/** {@code lull} itself, with every command below it. */
@Command(
        name = "lull",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        synopsisSubcommandLabel = "COMMAND",
        description = "Consistent backups of live filesystems, with a freeze that always thaws.",
        subcommands = {
            DoctorCommand.class,
            FreezeCommand.class,
            ExtendCommand.class,
            ThawCommand.class,
            StatusCommand.class,
            HistoryCommand.class,
            HoldCommand.class,
            RunCommand.class,
            SnapshotCommand.class,
            BackupCommand.class,
            VerifyCommand.class,
            RestoreCommand.class,
            ListCommand.class,
            ConfigCommand.class,
            DemoCommand.class,
            FsfreezeCommand.class,
            GuardCommand.class,
            HelpCommand.class,
        })
final class LullCommand implements Runnable {
    private static final String END_OF_OPTIONS = "--";

    /** Those that start a guard where there is none, or see to it themselves. */
    private static final Set<String> REACH_A_GUARD =
            Set.of(
                    "freeze",
                    "extend",
                    "thaw",
                    "status",
                    "history",
                    "hold",
                    "fsfreeze",
                    "guard",
                    "help");

    @Spec private @Nullable CommandSpec spec;

    /** Runs a command. @return its exit status */
    static int run(String[] args) {
        CommandLine lull = new CommandLine(new LullCommand());
        lull.setExecutionStrategy(LullCommand::execute);
        lull.setExecutionExceptionHandler((e, _, _) -> fail(e));
        lull.setParameterExceptionHandler((e, _) -> refuse(e));
        lull.setOut(new PrintWriter(System.out, true, System.out.charset()));
        lull.setErr(new PrintWriter(System.err, true, System.err.charset()));
        return lull.execute(giveTail(lull, args));
    }

    /**
     * Whatever the command is, what a guard that is gone has left frozen is thawed first: by any other guard, as the
     * first thing that it does.
     */
    private static int execute(ParseResult parsed) {
        boolean reachesGuard =
                !parsed.hasSubcommand()
                        || REACH_A_GUARD.contains(parsed.subcommand().commandSpec().name());
        if (!reachesGuard && PlainClient.leftBehind()) {
            try {
                GuardClient.connect(new LinuxKernel()).close();
            } catch (FreezeException e) {
                // The command does not need the guard: doctor may well be what helps.
                Complaint.of(e).tell(System.err);
            }
        }
        return new RunLast().execute(parsed);
    }

    /** The words of the command to run are none of ours, whatever they look like. */
    private static String[] giveTail(CommandLine lull, String[] args) {
        int end = Arrays.asList(args).indexOf(END_OF_OPTIONS);
        CommandLine command = args.length == 0 ? null : lull.getSubcommands().get(args[0]);
        if (end < 0
                || command == null
                || !(command.getCommandSpec().userObject() instanceof CommandTail tail)) {
            return args;
        }
        tail.tail(List.of(args).subList(end + 1, args.length));
        return Arrays.copyOf(args, end);
    }

    static int fail(Exception e) {
        if (System.getenv("LULL_DEBUG") != null) {
            e.printStackTrace();
        }
        return Complaint.of(e).tell(System.err).status();
    }

    private static int refuse(ParameterException e) {
        CommandSpec spec = e.getCommandLine().getCommandSpec();
        String message = String.valueOf(e.getMessage());
        String text = message.replaceFirst("^Error: ", "");
        String first = Character.toLowerCase(text.charAt(0)) + text.substring(1);
        ExitCode code =
                Complaint.of(
                                CommandException.usage(
                                        first, "see " + spec.qualifiedName() + " --help"))
                        .tell(System.err);
        return spec.userObject() instanceof CommandTail tail && tail.runsCommand()
                ? HoldCommand.LULL_FAILED
                : code.status();
    }

    @Override
    public void run() {
        if (spec != null) {
            throw new ParameterException(spec.commandLine(), "no command");
        }
    }
}
