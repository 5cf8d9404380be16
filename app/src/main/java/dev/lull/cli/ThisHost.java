package dev.lull.cli;

import dev.lull.freeze.Freezer;
import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import dev.lull.plan.Host;
import dev.lull.plan.RunJournals;
import dev.lull.snapshot.Reserve;
import dev.lull.snapshot.SnapshotProvider;
import dev.lull.snapshot.SnapshotProviders;
import dev.lull.snapshot.SnapshotRecords;
import dev.lull.snapshot.btrfs.BtrfsProvider;
import dev.lull.snapshot.command.CommandProvider;
import dev.lull.snapshot.command.StepLimits;
import dev.lull.snapshot.lvm.LvmProvider;
import dev.lull.snapshot.reflink.ReflinkProvider;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The machine that the command line runs on, as plans see it. */
final class ThisHost {
    private ThisHost() {}

    /**
     * @param program what leases are held by, on the screen
     * @param script of the provider {@code command}
     * @throws CommandException if this is not root
     */
    static Host open(String program, Optional<Path> script) throws CommandException {
        Kernel kernel = new LinuxKernel();
        requireRoot(kernel);
        return new Host(
                kernel,
                Freezer.system().named(program),
                providers(kernel, script),
                new SnapshotRecords(SnapshotRecords.DEFAULT_DIRECTORY),
                new RunJournals(kernel, RunJournals.DEFAULT_DIRECTORY),
                Version.number());
    }

    private static SnapshotProviders providers(Kernel kernel, Optional<Path> script) {
        List<SnapshotProvider> all = new ArrayList<>(ownProviders(kernel));
        all.add(new CommandProvider(kernel, script, StepLimits.DEFAULT, InstantSource.system()));
        return new SnapshotProviders(all);
    }

    /**
     * Those that need no script, in the order in which they are tried: a btrfs needs no freeze for its own snapshots.
     */
    static List<SnapshotProvider> ownProviders(Kernel kernel) {
        InstantSource clock = InstantSource.system();
        return List.of(
                new BtrfsProvider(kernel, Reserve.DEFAULT, clock),
                LvmProvider.thin(kernel, Reserve.DEFAULT, clock),
                LvmProvider.classic(kernel, clock),
                new ReflinkProvider(kernel, Reserve.DEFAULT, clock));
    }

    static void requireRoot(Kernel kernel) throws CommandException {
        if (kernel.effectiveUser() != 0) {
            throw new CommandException(
                    ExitCode.NOT_PERMITTED,
                    "not root: filesystems can be neither frozen nor mounted",
                    "run it as root");
        }
    }
}
