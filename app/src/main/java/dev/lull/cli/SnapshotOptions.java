package dev.lull.cli;

import dev.lull.freeze.FreezeException;
import dev.lull.freeze.FreezeOption;
import dev.lull.lease.Timeouts;
import dev.lull.linux.Kernel;
import dev.lull.participant.Participant;
import dev.lull.participant.ParticipantException;
import dev.lull.participant.ParticipantKinds;
import dev.lull.participant.ParticipantText;
import dev.lull.participant.SettingException;
import dev.lull.participant.hook.Hooks;
import dev.lull.participant.process.RegisteredProcesses;
import dev.lull.plan.Host;
import dev.lull.plan.PlanException;
import dev.lull.plan.Retention;
import dev.lull.plan.SnapshotOrder;
import dev.lull.snapshot.SnapshotException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How snapshots are taken. */
final class SnapshotOptions {
    @Option(
            names = "--timeout",
            paramLabel = "TIME",
            description =
                    "thaw after TIME at the latest; the snapshot is then thrown away (default: 30s; at most 5m)")
    private String timeout = "30s";

    @Option(
            names = "--within",
            paramLabel = "TIME",
            description = "give up, and undo, if it is not all frozen after TIME (default: 10s)")
    private String within = "10s";

    @Option(
            names = "--no-expedite",
            description = "leave the kernel's RCU grace periods as they are")
    private boolean noExpedite;

    @Option(names = "--no-presync", description = "do not write back dirty data before the freeze")
    private boolean noPresync;

    @Option(
            names = "--provider",
            paramLabel = "NAME",
            description =
                    "make snapshots with btrfs, lvm-thin, lvm-snapshot, reflink or command (default: the first that fits)")
    private @Nullable String provider;

    @Option(
            names = "--script",
            paramLabel = "FILE",
            description = "the script of the provider command, see docs/providers.md")
    private @Nullable Path script;

    @Option(
            names = "--hook",
            paramLabel = "FILE",
            description =
                    "call FILE with freeze before the freeze, and with thaw after it; may be given more than once")
    private List<Path> hooks = List.of();

    @Option(
            names = "--hooks",
            paramLabel = "DIR",
            description = "the same of each executable in DIR, in the order of their names")
    private @Nullable Path hookDirectory;

    @Option(
            names = "--hook-limit",
            paramLabel = "TIME",
            description = "kill a hook that takes longer than TIME (default: 10s)")
    private @Nullable String hookLimit;

    @Option(
            names = "--participant",
            paramLabel = "KIND[,KEY=VALUE]...",
            description =
                    "bring a postgresql or mariadb to rest, see docs/participants.md; may be given more than once")
    private List<String> participants = List.of();

    @Option(
            names = "--without",
            paramLabel = "NAME",
            description =
                    "do not bring the process to rest that has registered as NAME, see lull status; may be given more than once")
    private List<String> without = List.of();

    @Option(
            names = "--one-file-system",
            description = "leave out mounts and subvolumes nested in a PATH, instead of refusing")
    private boolean oneFileSystem;

    @Option(
            names = "--keep-inconsistent",
            description = "keep the snapshots, marked inconsistent, if the freeze was not held")
    private boolean keepInconsistent;

    @Option(
            names = "--label",
            paramLabel = "NAME",
            description = "what kept snapshots belong to (of a plan: its name)")
    private @Nullable String label;

    @Option(
            names = "--keep-last",
            paramLabel = "N",
            description =
                    "keep the snapshots, and of each filesystem the last N good ones with this label; older ones are deleted")
    private @Nullable Integer keepLast;

    boolean keeps() {
        return keepLast != null;
    }

    /** Deletes what is too many by now, if it was said how many are kept. */
    void retain(Host host)
            throws CommandException, PlanException.CleanUpIncomplete, SnapshotException {
        Optional<Retention> retention = retention();
        if (retention.isPresent()) {
            retention.get().apply(host);
        }
    }

    private Optional<Retention> retention() throws CommandException {
        if (keepLast == null) {
            return Optional.empty();
        }
        if (keepLast < 1) {
            throw CommandException.usage(
                    "--keep-last " + keepLast + " is less than one", "leave it out to keep none");
        }
        if (label == null) {
            throw CommandException.usage(
                    "--keep-last without --label",
                    "name what they belong to: only snapshots with the same label are deleted");
        }
        return Optional.of(new Retention(label, keepLast));
    }

    SnapshotOrder order(List<Path> paths) throws CommandException {
        retention();
        return new SnapshotOrder(
                paths,
                Timeouts.of(
                        LimitOptions.bounded("--within", within),
                        LimitOptions.bounded("--timeout", timeout)),
                freezeOptions(),
                Optional.ofNullable(script == null || provider != null ? provider : "command"),
                oneFileSystem,
                Optional.ofNullable(label),
                keepInconsistent);
    }

    /** Who is to be brought to rest; databases last, and so the first to go on: all the others may need them for it. */
    List<Participant> participants(Kernel kernel)
            throws CommandException, ParticipantException, FreezeException {
        List<Participant> all = new ArrayList<>();
        if (RegisteredProcesses.any(kernel)) {
            all.add(new RegisteredProcesses(kernel, Set.copyOf(without)));
        }
        hooks(kernel).ifPresent(all::add);
        all.addAll(configured(kernel));
        return all;
    }

    /** Those of {@code --participant}. */
    private List<Participant> configured(Kernel kernel) throws CommandException {
        ParticipantKinds kinds = ParticipantKinds.installed();
        List<Participant> configured = new ArrayList<>();
        for (String text : participants) {
            try {
                configured.add(kinds.participant(kernel, ParticipantText.parse(text)));
            } catch (SettingException e) {
                throw CommandException.usage(
                        "--participant " + text + ": " + e.getMessage(),
                        "see docs/participants.md");
            }
        }
        return configured;
    }

    private Optional<Hooks> hooks(Kernel kernel) throws CommandException, ParticipantException {
        List<Path> all = new ArrayList<>();
        if (hookDirectory != null) {
            all.addAll(Hooks.in(hookDirectory));
        }
        hooks.forEach(hook -> all.add(hook.toAbsolutePath().normalize()));
        if (all.isEmpty()) {
            return Optional.empty();
        }
        Duration limit =
                hookLimit == null
                        ? Hooks.DEFAULT_LIMIT
                        : LimitOptions.bounded("--hook-limit", hookLimit);
        return Optional.of(new Hooks(kernel, all, limit));
    }

    private Set<FreezeOption> freezeOptions() {
        Set<FreezeOption> options = EnumSet.noneOf(FreezeOption.class);
        if (noExpedite) {
            options.add(FreezeOption.NO_EXPEDITE);
        }
        if (noPresync) {
            options.add(FreezeOption.NO_PRESYNC);
        }
        return options;
    }

    Optional<Path> script() {
        return Optional.ofNullable(script).map(path -> path.toAbsolutePath().normalize());
    }
}
