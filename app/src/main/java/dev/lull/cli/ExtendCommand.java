package dev.lull.cli;

import dev.lull.freeze.FreezeSet;
import dev.lull.freeze.GuardClient;
import dev.lull.linux.LinuxKernel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lull extend}. */
@Command(
        name = "extend",
        mixinStandardHelpOptions = true,
        description = {
            "Set a lease's deadline to now and its timeout.",
            "Fails with status 3 if the lease has ended: what was made under it must be thrown away."
        })
final class ExtendCommand implements Callable<Integer> {
    @Parameters(
            paramLabel = "LEASE|PATH",
            description =
                    "the lease, or a mount point of what it froze (one named like a lease: ./NAME)")
    private String name = "";

    @Option(
            names = "--timeout",
            paramLabel = "TIME",
            description = "another timeout than the lease's, at most 5m")
    private @Nullable String timeout;

    @Option(
            names = "--any-path",
            description = "a PATH that is no mount point stands for the filesystem that it is on")
    private boolean anyPath;

    @Mixin private NamespaceOption namespace = new NamespaceOption();

    @Override
    public Integer call() throws Exception {
        Optional<Duration> limit =
                timeout == null
                        ? Optional.empty()
                        : Optional.of(LimitOptions.bounded("--timeout", timeout));
        LinuxKernel kernel = new LinuxKernel();
        if (GuardCalls.isLease(name)) {
            namespace.requireAbsent("extend LEASE needs none");
            try (GuardClient guard = GuardClient.connect(kernel)) {
                GuardCalls.extend(guard::call, name, limit);
            }
            return ExitCode.DONE.status();
        }
        try (FreezeSet set = namespace.openSet(kernel, List.of(Path.of(name)), anyPath);
                GuardClient guard = GuardClient.connect(kernel)) {
            String lease =
                    LeaseNames.leaseOf(guard::call, set)
                            .orElseThrow(() ->
                                    new CommandException(
                                            ExitCode.NOT_HELD,
                                            "no lease holds " + set + ": EINVAL",
                                            "how it ended: lull history"))
                            .id();
            GuardCalls.extend(guard::call, lease, limit);
        }
        return ExitCode.DONE.status();
    }
}
