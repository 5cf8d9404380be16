package dev.lull.cli;

import dev.lull.freeze.FreezeSet;
import dev.lull.freeze.Freezer;
import dev.lull.freeze.GuardClient;
import dev.lull.lease.Timeouts;
import dev.lull.linux.LinuxKernel;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code lull freeze}. */
@Command(
        name = "freeze",
        mixinStandardHelpOptions = true,
        description = {
            "Freeze filesystems, all or none, and print the lease's id.",
            "They thaw at lull thaw, or by themselves after --timeout."
        })
final class FreezeCommand implements Callable<Integer> {
    @Parameters(arity = "1..*", paramLabel = "PATH", description = "mount points")
    private List<Path> paths = List.of();

    @Mixin private LimitOptions limits = new LimitOptions();
    @Mixin private NamespaceOption namespace = new NamespaceOption();
    @Mixin private OutputOptions output = new OutputOptions();

    @Override
    public Integer call() throws Exception {
        Timeouts timeouts = limits.timeouts();
        LinuxKernel kernel = new LinuxKernel();
        try (FreezeSet set = namespace.openSet(kernel, paths, limits.anyPath)) {
            Surroundings.requireOutside(kernel, set);
            String lease =
                    Freezer.system()
                            .named("freeze")
                            .freezeDetached(set, timeouts, limits.options());
            tell(lease);
            if (System.out.checkError()) {
                // Nobody knows its name: nobody could thaw it.
                try (GuardClient guard = GuardClient.connect(kernel)) {
                    GuardCalls.thaw(guard::call, lease);
                }
                throw new CommandException(
                        ExitCode.FAILED, "cannot write to stdout, so it is thawed again", "");
            }
        }
        return ExitCode.DONE.status();
    }

    private void tell(String lease) {
        if (!output.json) {
            System.out.println(lease);
            return;
        }
        LeaseReport.json(
                System.out,
                json -> {
                    json.writeStartObject();
                    json.writeStringProperty("lease", lease);
                    json.writeEndObject();
                });
    }
}
