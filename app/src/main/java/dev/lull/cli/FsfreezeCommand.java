package dev.lull.cli;

import dev.lull.freeze.FreezeSet;
import dev.lull.freeze.Freezer;
import dev.lull.freeze.GuardClient;
import dev.lull.guard.LeaseView;
import dev.lull.lease.Timeouts;
import dev.lull.linux.LinuxKernel;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lull fsfreeze}: the options and the meaning of util-linux's fsfreeze(8), and a timeout. */
@Command(
        name = "fsfreeze",
        mixinStandardHelpOptions = true,
        description = {
            "Freeze or thaw one filesystem, as fsfreeze(8) does.",
            "Other than there, it thaws by itself after --timeout."
        })
final class FsfreezeCommand implements Callable<Integer> {
    private static final String DEFAULT_TIMEOUT = "60s";

    private static final class Direction {
        @Option(
                names = {"-f", "--freeze"},
                required = true,
                description = "freeze the filesystem")
        private boolean freeze;

        @Option(
                names = {"-u", "--unfreeze"},
                required = true,
                description = "thaw it, whoever froze it")
        @SuppressWarnings("UnusedVariable") // not to freeze is to thaw
        private boolean unfreeze;
    }

    @ArgGroup(multiplicity = "1")
    private Direction direction = new Direction();

    @Option(
            names = "--timeout",
            paramLabel = "TIME",
            description =
                    "thaw after TIME (default: 60s; at most 5m, unless the policy says otherwise; none: never, for root)")
    private @Nullable String timeout;

    @Option(
            names = "--any-path",
            description =
                    "a directory that is no mount point stands for the filesystem that it is on")
    private boolean anyPath;

    @Mixin private NamespaceOption namespace = new NamespaceOption();

    @Parameters(paramLabel = "MOUNTPOINT", description = "where the filesystem is mounted")
    private Path mountPoint = Path.of("");

    @Override
    public Integer call() throws Exception {
        LinuxKernel kernel = new LinuxKernel();
        return direction.freeze ? freeze(kernel) : thaw(kernel);
    }

    private int freeze(LinuxKernel kernel) throws Exception {
        String limit = timeout == null ? DEFAULT_TIMEOUT : timeout;
        Timeouts timeouts = LimitOptions.timeouts("10s", limit);
        try (FreezeSet set = namespace.openSet(kernel, List.of(mountPoint), anyPath)) {
            Surroundings.requireOutside(kernel, set);
            String lease = Freezer.system().named("fsfreeze").freezeDetached(set, timeouts);
            if (timeout == null) {
                System.err.println(
                        "lull: "
                                + Plain.text(set.toString())
                                + " thaws by itself in "
                                + limit
                                + "; another time: --timeout, more of it: lull extend "
                                + lease);
            }
        }
        return ExitCode.DONE.status();
    }

    private int thaw(LinuxKernel kernel) throws Exception {
        if (timeout != null) {
            throw CommandException.usage("--timeout belongs to --freeze", "");
        }
        PrintStream nowhere = new PrintStream(PrintStream.nullOutputStream());
        try (FreezeSet set = namespace.openSet(kernel, List.of(mountPoint), anyPath);
                GuardClient guard = GuardClient.connect(kernel)) {
            List<LeaseView> ended = ThawCommand.thaw(guard, set, kernel.effectiveUser() == 0);
            return ThawCommand.report(ended, false, true, nowhere, System.err).status();
        }
    }
}
