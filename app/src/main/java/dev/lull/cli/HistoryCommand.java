package dev.lull.cli;

import dev.lull.freeze.GuardClient;
import dev.lull.guard.LeaseView;
import dev.lull.guard.Reply;
import dev.lull.guard.Request;
import dev.lull.guard.Wire;
import dev.lull.linux.LinuxKernel;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code lull history}. */
@Command(
        name = "history",
        mixinStandardHelpOptions = true,
        description = "Show the leases that have ended since the machine started, newest first.")
final class HistoryCommand implements Callable<Integer> {
    @Mixin private OutputOptions output = new OutputOptions();

    @Option(
            names = {"-n", "--limit"},
            paramLabel = "N",
            description = "show at most N (default: 50)")
    private int limit = 50;

    @Override
    public Integer call() throws Exception {
        if (limit < 1 || limit > Wire.MAX_HISTORY) {
            throw CommandException.usage(
                    "--limit " + limit + " is out of range", "from 1 to " + Wire.MAX_HISTORY);
        }
        try (GuardClient guard = GuardClient.connect(new LinuxKernel())) {
            List<LeaseView> leases =
                    ((Reply.Ended) guard.call(new Request.History(limit))).leases();
            LeaseReport.history(System.out, leases, output.json);
        }
        return ExitCode.DONE.status();
    }
}
