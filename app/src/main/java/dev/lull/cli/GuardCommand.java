package dev.lull.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** {@code lull guard}. */
@Command(
        name = "guard",
        mixinStandardHelpOptions = true,
        description = "Run the guard, or stop it.")
final class GuardCommand implements Callable<Integer> {
    @Override
    public Integer call() throws Exception {
        throw new CommandException(ExitCode.FAILED, "not there yet", "");
    }
}
