package dev.lull.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** {@code lull doctor}. */
@Command(
        name = "doctor",
        mixinStandardHelpOptions = true,
        description = "Say what would happen and what is wrong.")
final class DoctorCommand implements Callable<Integer> {
    @Override
    public Integer call() throws Exception {
        throw new CommandException(ExitCode.FAILED, "not there yet", "");
    }
}
