package dev.lull.snapshot.command;

import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.snapshot.Fit;
import dev.lull.snapshot.Origin;
import dev.lull.snapshot.PreparedSnapshot;
import dev.lull.snapshot.Snapshot;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotProvider;
import dev.lull.snapshot.SnapshotRecord;
import dev.lull.snapshot.SnapshotRequest;
import dev.lull.snapshot.Undo;
import dev.lull.snapshot.process.BoundedProcess;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Snapshots made by the user's own script. The contract is in {@code docs/providers.md}: {@code SCRIPT
 * prepare|take|mount|unmount|delete}, without a shell, with {@code LULL_*} variables and nothing else in its
 * environment. {@code take} is started before the freeze and only told to cut in the window, so that nothing is loaded
 * then.
 */
public final class CommandProvider implements SnapshotProvider {
    public static final String NAME = "command";

    private static final Pattern DURATION = Pattern.compile("(\\d{1,9})(ms|s|m)");
    private static final Duration DEFAULT_ESTIMATE = Duration.ofSeconds(1);

    private final Kernel kernel;
    private final Optional<Path> script;
    private final StepLimits limits;
    private final InstantSource clock;

    /**
     * @param script absolute path of the script that makes new snapshots; empty to use those that exist only, whose
     *     records name their script
     */
    public CommandProvider(
            Kernel kernel, Optional<Path> script, StepLimits limits, InstantSource clock) {
        this.kernel = kernel;
        this.script = script;
        this.limits = limits;
        this.clock = clock;
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public Fit fits(Origin origin) {
        if (script.isEmpty()) {
            return new Fit.No("no script is named");
        }
        Optional<String> distrust = new Script(kernel, script.get()).distrust();
        return distrust.isPresent()
                ? new Fit.No(distrust.get())
                : new Fit.Yes("script " + script.get());
    }

    @Override
    public PreparedSnapshot prepare(SnapshotRequest request, Recorder recorder)
            throws SnapshotException {
        Path path =
                script.orElseThrow(() ->
                        new SnapshotException.Unsupported(
                                request.origin().mountPoint().toString(),
                                "no script is named",
                                "see docs/providers.md"));
        Script runner = new Script(kernel, path);
        SnapshotRecord begun =
                SnapshotRecord.intent(
                        request, NAME, clock.instant(), Script.names(path, Map.of()), List.of());
        runner.checkTrusted();
        recorder.record(begun);
        Undo undo = new Undo();
        undo.add(() -> runner.run(Script.Step.DELETE, begun, Map.of(), limits.finish()));
        try {
            Map<String, String> state =
                    runner.run(Script.Step.PREPARE, begun, Map.of(), limits.step());
            SnapshotRecord prepared = begun.withNames(Script.names(path, state));
            undo.forget();
            undo.add(() -> runner.run(Script.Step.DELETE, prepared, Map.of(), limits.finish()));
            recorder.record(prepared);
            boolean wantsFreeze = wantsFreeze(runner, state);
            Duration estimate = estimate(runner, state);
            Set<DeviceNumber> writesTo = writesTo(runner, state);
            if (estimate.compareTo(request.timeout()) > 0) {
                throw new SnapshotException.TooSlow(
                        path + " take",
                        "takes "
                                + estimate.toMillis()
                                + "ms by the script's estimate, the timeout is "
                                + request.timeout().toMillis()
                                + "ms",
                        "allow a longer --timeout");
            }
            BoundedProcess taking = runner.start(Script.Step.TAKE, prepared, Map.of(), true);
            undo.add(taking::close);
            awaitReady(runner, taking);
            return new PreparedCommand(
                    runner,
                    taking,
                    limits,
                    request.timeout(),
                    new PreparedSnapshot.Terms(prepared, wantsFreeze, writesTo, estimate),
                    undo);
        } catch (SnapshotException | RuntimeException e) {
            undo.runAfter(e);
            throw e;
        }
    }

    @Override
    public Snapshot open(SnapshotRecord snapshot) throws SnapshotException {
        snapshot.requireProvider(NAME);
        Path path;
        try {
            path = Path.of(snapshot.name("script"));
        } catch (InvalidPathException e) {
            throw new SnapshotException(
                    "open snapshot", snapshot.id().text(), "its script's path is none");
        }
        Script runner = new Script(kernel, path);
        runner.checkTrusted();
        return new CommandSnapshot(runner, snapshot, Optional.empty(), limits);
    }

    private void awaitReady(Script runner, BoundedProcess taking) throws SnapshotException {
        Optional<String> line;
        try {
            line = taking.awaitLine(limits.step());
        } catch (IOException e) {
            throw runner.failed(Script.Step.TAKE, e);
        }
        if (line.isEmpty()) {
            // Its status and its last words say more than the missing line.
            runner.awaitSuccess(Script.Step.TAKE, taking, limits.step());
        }
        if (!line.equals(Optional.of(PreparedCommand.READY))) {
            throw new SnapshotException(
                    "run",
                    runner.path() + " take",
                    "printed "
                            + line.map(StepOutput::quote).orElse("nothing")
                            + " instead of the line \"ready\"",
                    "it must print ready, wait for the line cut, make the snapshot and print done");
        }
    }

    private static boolean wantsFreeze(Script runner, Map<String, String> state)
            throws SnapshotException {
        String freeze = state.getOrDefault("freeze", "yes");
        return switch (freeze) {
            case "yes", "true" -> true;
            case "no", "false" -> false;
            default ->
                    throw runner.failed(
                            Script.Step.PREPARE, "freeze is neither yes nor no: " + freeze);
        };
    }

    private static Duration estimate(Script runner, Map<String, String> state)
            throws SnapshotException {
        String text = state.get("estimate");
        if (text == null) {
            return DEFAULT_ESTIMATE;
        }
        Matcher duration = DURATION.matcher(text);
        if (!duration.matches()) {
            throw runner.failed(
                    Script.Step.PREPARE, "estimate is not a duration such as 500ms: " + text);
        }
        long number = Long.parseLong(duration.group(1));
        return switch (duration.group(2)) {
            case "ms" -> Duration.ofMillis(number);
            case "s" -> Duration.ofSeconds(number);
            default -> Duration.ofMinutes(number);
        };
    }

    private Set<DeviceNumber> writesTo(Script runner, Map<String, String> state)
            throws SnapshotException {
        String text = state.getOrDefault("writes_to", "");
        Set<DeviceNumber> devices = new HashSet<>();
        for (String name : text.split(":", -1)) {
            if (name.isEmpty()) {
                continue;
            }
            Path path = Path.of(name);
            if (!path.isAbsolute()) {
                throw runner.failed(
                        Script.Step.PREPARE, "writes_to is not an absolute path: " + name);
            }
            try (Descriptor file = kernel.openDirectory(path)) {
                devices.addAll(Origin.written(kernel, file));
            } catch (KernelException e) {
                throw new SnapshotException("look at writes_to of", runner.path().toString(), e);
            }
        }
        return Set.copyOf(devices);
    }
}
