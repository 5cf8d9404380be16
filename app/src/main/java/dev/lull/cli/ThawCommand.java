package dev.lull.cli;

import dev.lull.freeze.FreezeException;
import dev.lull.freeze.FreezeSet;
import dev.lull.freeze.GuardClient;
import dev.lull.guard.LeaseView;
import dev.lull.guard.Reply;
import dev.lull.guard.Request;
import dev.lull.lease.End;
import dev.lull.linux.LinuxKernel;
import java.io.PrintStream;
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

/** {@code lull thaw}. */
@Command(
        name = "thaw",
        mixinStandardHelpOptions = true,
        description = {
            "End a lease and thaw what it froze.",
            "Fails with status 3 if the lease was not held until now: what was made under it must be thrown away."
        })
final class ThawCommand implements Callable<Integer> {
    /** FITHAW writes to the filesystem, and the storage may be slow. */
    private static final Duration LIMIT = Duration.ofSeconds(60);

    @Parameters(
            arity = "0..1",
            paramLabel = "LEASE|PATH",
            description =
                    "the lease, or a mount point of what it froze (one named like a lease: ./NAME)")
    private @Nullable String name;

    @Option(names = "--all", description = "every lease there is")
    private boolean all;

    @Option(names = "--foreign", description = "thaw PATH also if somebody else than lull froze it")
    private boolean foreign;

    @Option(
            names = "--any-path",
            description = "a PATH that is no mount point stands for the filesystem that it is on")
    private boolean anyPath;

    @Mixin private NamespaceOption namespace = new NamespaceOption();
    @Mixin private OutputOptions output = new OutputOptions();

    @Override
    public Integer call() throws Exception {
        if (all == (name != null)) {
            throw CommandException.usage("thaw needs one of LEASE, PATH and --all", "");
        }
        if (foreign && (name == null || GuardCalls.isLease(name))) {
            throw CommandException.usage("--foreign needs a PATH", "lull thaw --foreign /srv");
        }
        if (name == null || GuardCalls.isLease(name)) {
            namespace.requireAbsent("thaw LEASE and --all need none");
        }
        LinuxKernel kernel = new LinuxKernel();
        List<LeaseView> ended;
        if (name == null || GuardCalls.isLease(name)) {
            try (GuardClient guard = GuardClient.connect(kernel)) {
                ended =
                        name == null
                                ? GuardCalls.thawAll(guard::call)
                                : GuardCalls.thaw(guard::call, name);
            }
        } else {
            try (FreezeSet set = namespace.openSet(kernel, List.of(Path.of(name)), anyPath);
                    GuardClient guard = GuardClient.connect(kernel)) {
                ended = thaw(guard, set, foreign);
            }
        }
        return report(ended, output.json, output.quiet, System.out, System.err).status();
    }

    /** Thaws the filesystem of a set of one. */
    static List<LeaseView> thaw(GuardClient guard, FreezeSet set, boolean foreign)
            throws FreezeException {
        FreezeSet.Member member = set.members().getFirst();
        Request thaw =
                new Request.Thaw(
                        Optional.empty(), Optional.of(member.path().toString()), false, foreign);
        return ((Reply.Ended) guard.call(thaw, List.of(member.directory()), Optional.of(LIMIT)))
                .leases();
    }

    /** Tells what has ended. Not held is what ended by itself, before somebody thawed it. */
    static ExitCode report(
            List<LeaseView> ended, boolean json, boolean quiet, PrintStream out, PrintStream err) {
        if (json) {
            LeaseReport.ended(out, ended);
        } else if (!quiet) {
            ended.forEach(lease -> out.println(Plain.text(LeaseReport.line(lease))));
        }
        ExitCode code = ExitCode.DONE;
        for (LeaseView lease : ended) {
            if (!lease.state().equals(End.RELEASED.word())
                    && !lease.state().equals(End.REVOKED.word())) {
                code =
                        Complaint.of(
                                        new CommandException(
                                                ExitCode.NOT_HELD,
                                                "lease "
                                                        + lease.id()
                                                        + " was not held: "
                                                        + lease.state()
                                                        + ", "
                                                        + lease.reason(),
                                                "throw away what was made under it"))
                                .tell(err);
            }
        }
        return code;
    }
}
