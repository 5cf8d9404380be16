package dev.lull.cli;

import dev.lull.freeze.FreezeException;
import dev.lull.freeze.GuardUnreachableException;
import dev.lull.freeze.PlainClient;
import dev.lull.guard.LeaseView;
import dev.lull.guard.Request;
import java.io.PrintStream;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The commands that must start fast, in their usual forms: {@code status}, {@code extend LEASE}, {@code thaw LEASE} and
 * {@code thaw --all}, while a guard runs. Without picocli and without calls into the kernel, which cost most of a start.
 * Everything else, and every mistake, is left to {@link LullCommand}.
 */
final class QuickPath {
    private static final Duration PROMPT = Duration.ofSeconds(2);
    private static final Duration THAWING = Duration.ofSeconds(60);

    /** What was typed, if this class can do it. */
    private sealed interface Quick {
        record Status(boolean json) implements Quick {}

        record Extend(String lease, Optional<Duration> timeout) implements Quick {}

        record Thaw(Optional<String> lease, boolean json, boolean quiet) implements Quick {}
    }

    private QuickPath() {}

    /** @return the exit status, or empty if this is for {@link LullCommand} */
    static Optional<ExitCode> run(String[] args, PrintStream out, PrintStream err) {
        try {
            Optional<Quick> quick = parse(Arrays.asList(args));
            if (quick.isEmpty()) {
                return Optional.empty();
            }
            Optional<PlainClient> client = PlainClient.ifRunning();
            if (client.isPresent()) {
                return run(client.get(), quick.get(), out, err);
            }
            if (!PlainClient.isRoot()) {
                throw notRoot();
            }
            if (PlainClient.leftBehind()) {
                return Optional.empty();
            }
            return run(quick.get(), out, err);
        } catch (FreezeException | CommandException e) {
            return Optional.of(Complaint.of(e).tell(err));
        }
    }

    private static Optional<ExitCode> run(
            PlainClient client, Quick quick, PrintStream out, PrintStream err)
            throws FreezeException {
        try (PlainClient guard = client) {
            if (quick instanceof Quick.Thaw) {
                // A thaw can take long; whether anybody is there need not.
                guard.call(new Request.Status(), PROMPT);
            }
            Duration limit = quick instanceof Quick.Thaw ? THAWING : PROMPT;
            return Optional.of(run(quick, request -> guard.call(request, limit), out, err));
        } catch (GuardUnreachableException e) {
            // Dead with its socket open, or slow: the other way finds out which, and starts
            // another.
            return Optional.empty();
        }
    }

    private static Optional<Quick> parse(List<String> args) throws CommandException {
        if (args.isEmpty()) {
            return Optional.empty();
        }
        List<String> rest = args.subList(1, args.size());
        return switch (args.getFirst()) {
            case "status" -> status(rest);
            case "extend" -> extend(rest);
            case "thaw" -> thaw(rest);
            default -> Optional.empty();
        };
    }

    private static Optional<Quick> status(List<String> args) {
        return args.isEmpty() || args.equals(List.of("--json"))
                ? Optional.of(new Quick.Status(!args.isEmpty()))
                : Optional.empty();
    }

    private static Optional<Quick> extend(List<String> args) throws CommandException {
        if (args.isEmpty() || !GuardCalls.isLease(args.getFirst())) {
            return Optional.empty();
        }
        if (args.size() == 1) {
            return Optional.of(new Quick.Extend(args.getFirst(), Optional.empty()));
        }
        if (args.size() == 3 && args.get(1).equals("--timeout")) {
            Duration timeout = LimitOptions.bounded("--timeout", args.get(2));
            return Optional.of(new Quick.Extend(args.getFirst(), Optional.of(timeout)));
        }
        return Optional.empty();
    }

    private static Optional<Quick> thaw(List<String> args) {
        boolean json = false;
        boolean quiet = false;
        boolean all = false;
        String lease = null;
        for (String arg : args) {
            switch (arg) {
                case "--json" -> json = true;
                case "-q", "--quiet" -> quiet = true;
                case "--all" -> all = true;
                default -> {
                    if (lease != null || !GuardCalls.isLease(arg)) {
                        return Optional.empty();
                    }
                    lease = arg;
                }
            }
        }
        return all == (lease == null)
                ? Optional.of(new Quick.Thaw(Optional.ofNullable(lease), json, quiet))
                : Optional.empty();
    }

    private static ExitCode run(
            Quick quick, GuardCalls.Caller guard, PrintStream out, PrintStream err)
            throws FreezeException {
        return switch (quick) {
            case Quick.Status status -> {
                LeaseReport.status(out, Optional.of(GuardCalls.status(guard)), status.json());
                yield ExitCode.DONE;
            }
            case Quick.Extend extend -> {
                GuardCalls.extend(guard, extend.lease(), extend.timeout());
                yield ExitCode.DONE;
            }
            case Quick.Thaw thaw -> {
                List<LeaseView> ended =
                        thaw.lease().isPresent()
                                ? GuardCalls.thaw(guard, thaw.lease().get())
                                : GuardCalls.thawAll(guard);
                yield ThawCommand.report(ended, thaw.json(), thaw.quiet(), out, err);
            }
        };
    }

    /** Without a guard there is no lease. */
    private static Optional<ExitCode> run(Quick quick, PrintStream out, PrintStream err) {
        return switch (quick) {
            case Quick.Status status -> {
                LeaseReport.status(out, Optional.empty(), status.json());
                yield Optional.of(ExitCode.DONE);
            }
            case Quick.Extend extend -> Optional.of(noSuchLease(extend.lease()).tell(err));
            case Quick.Thaw thaw when thaw.lease().isPresent() ->
                    Optional.of(noSuchLease(thaw.lease().get()).tell(err));
            case Quick.Thaw thaw ->
                    Optional.of(ThawCommand.report(List.of(), thaw.json(), thaw.quiet(), out, err));
        };
    }

    static CommandException notRoot() {
        return new CommandException(
                ExitCode.NOT_PERMITTED,
                "no guard runs, and only root can start one",
                "lull needs root; whom the policy names needs a guard that runs");
    }

    private static Complaint noSuchLease(String lease) {
        return Complaint.of(
                new CommandException(
                        ExitCode.NOT_HELD,
                        "no lease " + lease + " is held: EINVAL",
                        "no guard runs, so none is; how it ended: lull history"));
    }
}
