package dev.lull.cli;

import dev.lull.freeze.FreezeException;
import dev.lull.freeze.GuardClient;
import dev.lull.guard.LeaseView;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import dev.lull.linux.Mount;
import dev.lull.linux.MountNamespace;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.core.JsonGenerator;

/** {@code lull doctor}. */
@Command(
        name = "doctor",
        mixinStandardHelpOptions = true,
        description = {
            "Say what a freeze would do here, and what is wrong. Freezes nothing.",
            "Fails with status 1 if something would not work."
        })
final class DoctorCommand implements Callable<Integer> {
    @Parameters(arity = "0..*", paramLabel = "PATH", description = "what is to be frozen")
    private List<Path> paths = List.of();

    @Option(
            names = "--frozen",
            description = "show what is frozen now, whoever froze it, and who waits for it")
    private boolean frozen;

    @Mixin private NamespaceOption namespace = new NamespaceOption();
    @Mixin private OutputOptions output = new OutputOptions();

    @Override
    public Integer call() throws Exception {
        LinuxKernel kernel = new LinuxKernel();
        if (frozen) {
            if (!paths.isEmpty()) {
                throw CommandException.usage("--frozen looks everywhere, it takes no PATH", "");
            }
            try (MountNamespace mounts = namespace.open(kernel)) {
                return showFrozen(kernel, mounts);
            }
        }
        if (paths.isEmpty()) {
            namespace.requireAbsent("name one, or ask for --frozen");
        }
        List<Finding> findings = new ArrayList<>(MachineCheck.of(kernel));
        try (MountNamespace mounts = namespace.open(kernel)) {
            for (Path path : paths) {
                findings.addAll(FilesystemCheck.of(kernel, mounts, path));
            }
        }
        if (output.json) {
            LeaseReport.json(System.out, json -> write(json, findings));
        } else {
            show(System.out, findings, output.quiet);
        }
        return (Finding.anyBad(findings) ? ExitCode.FAILED : ExitCode.DONE).status();
    }

    private static void show(PrintStream out, List<Finding> findings, boolean quiet) {
        String about = "";
        for (Finding finding : findings) {
            if (quiet && finding.level().compareTo(Finding.Level.WARNING) < 0) {
                continue;
            }
            if (!finding.about().equals(about)) {
                about = finding.about();
                out.println(Plain.text(about) + ":");
            }
            out.printf("%-5s %s%n", finding.level().word(), Plain.text(finding.text()));
            if (!finding.hint().isEmpty()) {
                out.println("      hint: " + Plain.text(finding.hint()));
            }
        }
    }

    private static void write(JsonGenerator json, List<Finding> findings) {
        json.writeStartObject();
        json.writeArrayPropertyStart("findings");
        for (Finding finding : findings) {
            json.writeStartObject();
            json.writeStringProperty("level", finding.level().word());
            if (!finding.about().isEmpty()) {
                json.writeStringProperty("path", finding.about());
            }
            json.writeStringProperty("text", finding.text());
            if (!finding.hint().isEmpty()) {
                json.writeStringProperty("hint", finding.hint());
            }
            json.writeEndObject();
        }
        json.writeEndArray();
        json.writeEndObject();
    }

    private int showFrozen(Kernel kernel, MountNamespace mounts)
            throws IOException, CommandException {
        if (kernel.effectiveUser() != 0) {
            throw new CommandException(
                    ExitCode.NOT_PERMITTED, "only root sees who waits for what", "be root");
        }
        FreezeProbe probe = new FreezeProbe(kernel, mounts);
        Map<DeviceNumber, Mount> blocked = probe.frozen();
        List<FrozenReport.Waiting> waiting =
                new BlockedThreads(kernel, blocked)
                        .find().stream()
                                .filter(one -> !probe.processes().contains(one.process()))
                                .toList();
        FrozenReport report = FrozenReport.of(blocked, leases(kernel), waiting);
        if (output.json) {
            LeaseReport.json(System.out, json -> write(json, report));
        } else {
            show(System.out, report);
        }
        return ExitCode.DONE.status();
    }

    /** None if no guard runs: then whatever is frozen is not under a lease any more. */
    private static List<LeaseView> leases(Kernel kernel) {
        try {
            Optional<GuardClient> running = GuardClient.ifRunning(kernel);
            if (running.isEmpty()) {
                return List.of();
            }
            try (GuardClient guard = running.get()) {
                return guard.status().leases();
            }
        } catch (FreezeException e) {
            // What is frozen is worth knowing without the guard, and just then.
            Complaint.of(e).tell(System.err);
            return List.of();
        }
    }

    private static void show(PrintStream out, FrozenReport report) {
        if (report.frozen().isEmpty()) {
            out.println("no filesystem mounted here is frozen");
        }
        for (FrozenReport.Frozen frozen : report.frozen()) {
            String point = frozen.mount().mountPoint().toString();
            String by =
                    frozen.lease()
                            .map(lease ->
                                    "under lease "
                                            + lease.id()
                                            + " of "
                                            + lease.program()
                                            + " (process "
                                            + lease.pid()
                                            + ")")
                            .orElse("not by a lease of lull");
            out.println(
                    Plain.text(
                            point
                                    + " ("
                                    + frozen.mount().type()
                                    + " "
                                    + frozen.mount().source()
                                    + ") is frozen, "
                                    + by));
            out.println(
                    Plain.text(
                            "hint: lull thaw "
                                    + frozen.lease()
                                            .map(LeaseView::id)
                                            .orElse("--foreign " + point)));
        }
        if (!report.waiting().isEmpty()) {
            List<List<String>> rows = new ArrayList<>();
            rows.add(List.of("WAITS FOR", "PROCESS", "THREAD", "NAME", "ON", "IN"));
            for (FrozenReport.Waiting waiting : report.waiting()) {
                rows.add(
                        List.of(
                                waiting.since().map(Durations::show).orElse("?"),
                                Integer.toString(waiting.process()),
                                Integer.toString(waiting.thread()),
                                waiting.command(),
                                waiting.path().orElse("?"),
                                waiting.place()));
            }
            LeaseReport.table(out, rows);
        }
    }

    private static void write(JsonGenerator json, FrozenReport report) {
        json.writeStartObject();
        json.writeArrayPropertyStart("frozen");
        for (FrozenReport.Frozen frozen : report.frozen()) {
            json.writeStartObject();
            json.writeStringProperty("path", frozen.mount().mountPoint().toString());
            json.writeStringProperty("device", frozen.mount().device().toString());
            json.writeStringProperty("type", frozen.mount().type());
            json.writeStringProperty("source", frozen.mount().source());
            if (frozen.lease().isPresent()) {
                json.writeStringProperty("lease", frozen.lease().get().id());
            }
            json.writeEndObject();
        }
        json.writeEndArray();
        json.writeArrayPropertyStart("waiting");
        for (FrozenReport.Waiting waiting : report.waiting()) {
            json.writeStartObject();
            json.writeNumberProperty("process", waiting.process());
            json.writeNumberProperty("thread", waiting.thread());
            json.writeStringProperty("name", waiting.command());
            if (waiting.path().isPresent()) {
                json.writeStringProperty("path", waiting.path().get());
            }
            if (waiting.since().isPresent()) {
                json.writeNumberProperty(
                        "sinceMillis", waiting.since().map(Duration::toMillis).orElse(0L));
            }
            json.writeStringProperty("in", waiting.place());
            json.writeEndObject();
        }
        json.writeEndArray();
        json.writeEndObject();
    }
}
