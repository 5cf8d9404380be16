package dev.lull.cli;

import dev.lull.backup.Archive;
import dev.lull.backup.ArchiveTarget;
import dev.lull.backup.Backup;
import dev.lull.backup.BackupException;
import dev.lull.backup.Compression;
import dev.lull.freeze.FreezeException;
import dev.lull.linux.LinuxKernel;
import dev.lull.participant.ParticipantException;
import dev.lull.plan.Host;
import dev.lull.plan.Manifest;
import dev.lull.plan.Plan;
import dev.lull.plan.PlanException;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lull backup}: an archive, or a tool of the user's own with the statuses of timeout(1). */
@Command(
        name = "backup",
        mixinStandardHelpOptions = true,
        customSynopsis = {
            "lull backup [OPTIONS] PATH... --to DIR|FILE.tar.zst",
            "       lull backup [OPTIONS] PATH... -- TOOL [ARGUMENT...]",
            "       lull backup [--config FILE] [--json] [-q] PLAN"
        },
        description = {
            "Freeze filesystems, take snapshots, thaw, and back up from the snapshots.",
            "The archive is tar in zstd, with a manifest beside it; its name is printed. TOOL runs in the mounted "
                    + "snapshot, which LULL_SNAPSHOT names; of several PATHs each is below it at its own place. "
                    + "LULL_MANIFEST names a JSON file that tells what it is. The status is TOOL's own; 124 if the "
                    + "freeze was not held, 125 if lull failed, 126 if TOOL cannot be run, 127 if there is none."
        })
final class BackupCommand implements Callable<Integer>, CommandTail {
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("uuuuMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);

    private static final String SUFFIX = ".tar.zst";
    private static final int LONGEST_NAME = 120;

    @Parameters(
            arity = "1..*",
            paramLabel = "PATH|PLAN",
            description = "mount points; or the name of a plan, see lull config")
    private List<Path> paths = List.of();

    @Option(
            names = "--config",
            paramLabel = "FILE",
            description = "the file with the plans (default: /etc/lull/lull.yaml)")
    private @Nullable Path config;

    @Option(
            names = "--to",
            paramLabel = "DIR|FILE",
            description =
                    "the directory for the archive, or the archive's name, which ends with .tar.zst")
    private @Nullable Path to;

    @Option(
            names = "--name",
            paramLabel = "NAME",
            description = "the archive's name without .tar.zst (default: from PATH and time)")
    private @Nullable String name;

    @Option(names = "--level", paramLabel = "N", description = "zstd's level, 1 to 19 (default: 3)")
    private int level = Compression.DEFAULT_LEVEL;

    @Option(names = "--keep-snapshot", description = "keep the snapshots; see lull snapshot")
    private boolean keepSnapshot;

    @Option(names = "--no-verify", description = "do not read the archive back")
    private boolean noVerify;

    @Option(
            names = "--verify-filesystem",
            description = "check each snapshot's filesystem, on a writable clone of it")
    private boolean verifyFilesystem;

    @Mixin private SnapshotOptions snapshots = new SnapshotOptions();
    @Mixin private OutputOptions output = new OutputOptions();

    private @Nullable List<String> tool;

    @Override
    public void tail(List<String> words) {
        tool = List.copyOf(words);
    }

    @Override
    public boolean runsCommand() {
        return tool != null;
    }

    @Override
    public Integer call() throws Exception {
        List<String> words = tool;
        if (namesPlan()) {
            return runPlan();
        }
        if (words != null) {
            return ToolRun.status(() -> runTool(words));
        }
        Host host = host();
        Backup backup = backup(host);
        AtomicLong progress = new AtomicLong();
        Plan plan = backup.archive(target(), compression(), !noVerify, progress::set);
        ExitCode code = ExitCode.DONE;
        try {
            PlanRun.run(plan, progress, System.err, output.quiet || output.json);
            snapshots.retain(host);
        } catch (PlanException.CleanUpIncomplete e) {
            code = Complaint.of(e).tell(System.err);
        }
        Archive archive = backup.archive().orElseThrow();
        tell(archive, System.out);
        return code.status();
    }

    /** A plan's name has no slash; and whoever says what to do with a path says where to. */
    private boolean namesPlan() {
        return to == null
                && tool == null
                && paths.size() == 1
                && !paths.getFirst().toString().contains("/");
    }

    private int runPlan() throws CommandException {
        Path file = config == null ? PlanFile.DEFAULT : config.toAbsolutePath().normalize();
        PlanFile.Named plan =
                PlanFile.read(file, new LinuxKernel().effectiveUser())
                        .plan(paths.getFirst().toString());
        List<String> words = new ArrayList<>(List.of("backup"));
        if (output.json) {
            words.add("--json");
        }
        if (output.quiet) {
            words.add("--quiet");
        }
        words.addAll(plan.words());
        return LullCommand.run(words.toArray(String[]::new));
    }

    /** Why {@code lull backup} would not even begin with these words; empty if it would. */
    static Optional<String> refusal(List<String> words) {
        BackupCommand command = new BackupCommand();
        int end = words.indexOf("--");
        if (end >= 0) {
            command.tail(words.subList(end + 1, words.size()));
        }
        try {
            new CommandLine(command)
                    .parseArgs(
                            words.subList(0, end < 0 ? words.size() : end).toArray(String[]::new));
            command.snapshots.order(command.paths);
            command.compression();
            if (command.tool == null) {
                command.destination();
            } else {
                command.requireNoArchive();
            }
            return Optional.empty();
        } catch (CommandLine.ParameterException | CommandException e) {
            return Optional.of(String.valueOf(e.getMessage()));
        }
    }

    private Host host() throws CommandException, IOException {
        Host host = ThisHost.open("backup", snapshots.script());
        KilledRuns.cleanUp(host, System.err, output.quiet);
        return host;
    }

    private Backup backup(Host host)
            throws CommandException, ParticipantException, FreezeException {
        return new Backup(
                host,
                snapshots.order(paths),
                snapshots.participants(host.kernel()),
                new Backup.Options(
                        keepSnapshot || snapshots.keeps(), verifyFilesystem, Backup.MOUNTS));
    }

    private int runTool(List<String> words)
            throws CommandException, PlanException, FreezeException, IOException {
        requireNoArchive();
        ToolRun run = ToolRun.of(words);
        Host host = host();
        Backup backup = backup(host);
        Plan plan = backup.tool(run::run);
        PlanRun.run(plan, new AtomicLong(), System.err, output.quiet || output.json);
        int status = backup.toolStatus().orElseThrow();
        if (status == 0) {
            snapshots.retain(host);
        }
        return status;
    }

    private void requireNoArchive() throws CommandException {
        if (to != null || name != null) {
            throw CommandException.usage(
                    "a tool and an archive", "name a TOOL after --, or a destination with --to");
        }
    }

    private Compression compression() throws CommandException {
        if (level < 1 || level > Compression.MAX_LEVEL) {
            throw CommandException.usage(
                    "--level " + level + " is out of range", "from 1 to " + Compression.MAX_LEVEL);
        }
        return Compression.ofLevel(level);
    }

    private Path destination() throws CommandException {
        Path where = to;
        if (where == null) {
            throw CommandException.usage(
                    "no destination", "name a directory with --to, or a tool of your own after --");
        }
        return where.toAbsolutePath().normalize();
    }

    private ArchiveTarget target() throws CommandException, BackupException {
        Path file = destination();
        Path parent = file.getParent();
        Path last = file.getFileName();
        if (parent != null
                && last != null
                && last.toString().endsWith(SUFFIX)
                && !Files.isDirectory(file)) {
            if (name != null) {
                throw CommandException.usage(
                        "two names for the archive", "give --name, or a file with --to");
            }
            String text = last.toString();
            return ArchiveTarget.in(parent, text.substring(0, text.length() - SUFFIX.length()));
        }
        return ArchiveTarget.in(file, name != null ? name : defaultName());
    }

    private String defaultName() {
        String joined =
                paths.stream()
                        .map(path -> path.toAbsolutePath().normalize())
                        .map(path ->
                                path.getNameCount() == 0 ? "root" : path.toString().substring(1))
                        .map(text -> text.replaceAll("[^A-Za-z0-9._-]+", "-"))
                        .collect(Collectors.joining("+"))
                        .replaceFirst("^[.-]+", "");
        String start = joined.isEmpty() ? "backup" : joined;
        return start.substring(0, Math.min(LONGEST_NAME, start.length()))
                + "-"
                + TIME.format(Instant.now());
    }

    private void tell(Archive archive, PrintStream out) throws BackupException {
        Manifest manifest = archive.manifest().orElseThrow();
        if (output.json) {
            JsonOutput.print(
                    out,
                    json -> {
                        json.writeStartObject();
                        json.writeStringProperty("archive", archive.file().toString());
                        json.writeName("manifest");
                        json.writeRawValue(manifest.toJson().strip());
                        json.writeEndObject();
                    });
            return;
        }
        if (!output.quiet) {
            manifest.archive()
                    .ifPresent(sums ->
                            System.err.println(
                                    "  "
                                            + Sizes.show(sums.tarBytes())
                                            + " in "
                                            + sums.entries()
                                            + " entries, "
                                            + Sizes.show(sums.bytes())
                                            + " compressed"
                                            + window(manifest)));
        }
        out.println(Plain.text(archive.file().toString()));
    }

    private static String window(Manifest manifest) {
        return manifest.lease()
                .flatMap(Manifest.Held::window)
                .map(window -> "; frozen for " + Durations.show(window))
                .orElse("; nothing had to be frozen");
    }
}
