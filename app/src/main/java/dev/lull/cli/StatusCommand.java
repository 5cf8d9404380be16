package dev.lull.cli;

import dev.lull.freeze.GuardClient;
import dev.lull.freeze.PlainClient;
import dev.lull.guard.Reply;
import dev.lull.linux.LinuxKernel;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code lull status}. */
@Command(
        name = "status",
        mixinStandardHelpOptions = true,
        description = "Show the leases there are. Thaws what a guard that is gone has left.")
final class StatusCommand implements Callable<Integer> {
    @Mixin private OutputOptions output = new OutputOptions();

    @Override
    public Integer call() throws Exception {
        LinuxKernel kernel = new LinuxKernel();
        Optional<GuardClient> running =
                PlainClient.leftBehind()
                        ? Optional.of(GuardClient.connect(kernel))
                        : GuardClient.ifRunning(kernel);
        if (running.isEmpty() && !PlainClient.isRoot()) {
            throw QuickPath.notRoot();
        }
        Optional<Reply.GuardStatus> status = Optional.empty();
        if (running.isPresent()) {
            try (GuardClient guard = running.get()) {
                status = Optional.of(guard.status());
            }
        }
        LeaseReport.status(System.out, status, output.json);
        return ExitCode.DONE.status();
    }
}
