package dev.lull.cli;

import dev.lull.freeze.FreezeOption;
import dev.lull.lease.DurationText;
import dev.lull.lease.Timeouts;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;

/** How a freeze is made, and how long it may last. */
final class LimitOptions {
    @Option(
            names = "--timeout",
            paramLabel = "TIME",
            description =
                    "thaw after TIME at the latest, unless extended (default: 30s; at most 5m, "
                            + "unless the policy says otherwise; "
                            + "none: never, for root)")
    String timeout = "30s";

    @Option(
            names = "--within",
            paramLabel = "TIME",
            description = "give up, and undo, if it is not all frozen after TIME (default: 10s)")
    String within = "10s";

    @Option(
            names = "--no-expedite",
            description = "leave the kernel's RCU grace periods as they are")
    boolean noExpedite;

    @Option(names = "--no-presync", description = "do not write back dirty data before the freeze")
    boolean noPresync;

    @Option(
            names = "--any-path",
            description = "a PATH that is no mount point stands for the filesystem that it is on")
    boolean anyPath;

    Timeouts timeouts() throws CommandException {
        return timeouts(within, timeout);
    }

    static Timeouts timeouts(String within, String timeout) throws CommandException {
        Optional<Duration> limit =
                timeout.equals("none")
                        ? Optional.empty()
                        : Optional.of(bounded("--timeout", timeout));
        return new Timeouts(bounded("--within", within), limit);
    }

    /** A duration that a lease can have. Whether this one may, the guard says, which knows the policy. */
    static Duration bounded(String what, String text) throws CommandException {
        Duration duration = Durations.parse(what, text);
        if (duration.compareTo(Timeouts.MAX) > 0) {
            throw CommandException.usage(
                    what + " " + text + " is too long",
                    "at most "
                            + DurationText.of(Timeouts.MAX)
                            + ", and "
                            + DurationText.of(Timeouts.USUAL_MAX)
                            + " without a policy; extend the lease while it is needed");
        }
        return duration;
    }

    FreezeOption[] options() {
        List<FreezeOption> options = new ArrayList<>();
        if (noExpedite) {
            options.add(FreezeOption.NO_EXPEDITE);
        }
        if (noPresync) {
            options.add(FreezeOption.NO_PRESYNC);
        }
        return options.toArray(FreezeOption[]::new);
    }
}
