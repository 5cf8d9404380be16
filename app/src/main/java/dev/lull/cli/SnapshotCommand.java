package dev.lull.cli;

import dev.lull.plan.ConsistentSnapshots;
import dev.lull.plan.Host;
import dev.lull.plan.Plan;
import dev.lull.plan.PlanException;
import dev.lull.snapshot.MountedSnapshot;
import dev.lull.snapshot.Snapshot;
import dev.lull.snapshot.SnapshotId;
import dev.lull.snapshot.SnapshotRecord;
import dev.lull.snapshot.SnapshotRecords;
import java.io.IOException;
import java.nio.file.Path;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code lull snapshot} and what is below it. */
@Command(
        name = "snapshot",
        mixinStandardHelpOptions = true,
        description = "Take, list, mount and delete snapshots.",
        subcommands = {
            SnapshotCommand.Take.class,
            SnapshotCommand.Listing.class,
            SnapshotCommand.MountOne.class,
            SnapshotCommand.Unmount.class,
            SnapshotCommand.Delete.class
        })
final class SnapshotCommand implements Callable<Integer> {
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss").withZone(ZoneId.systemDefault());

    @Override
    public Integer call() throws Exception {
        throw CommandException.usage(
                "no command for snapshot",
                "take, list, mount, unmount or delete; see lull snapshot --help");
    }

    private static SnapshotRecord find(Host host, @Nullable String text)
            throws CommandException, IOException {
        String id = Objects.requireNonNull(text);
        Optional<SnapshotRecord> found =
                SnapshotId.isId(id) ? host.records().find(new SnapshotId(id)) : Optional.empty();
        return found.orElseThrow(() ->
                CommandException.usage("no snapshot is called " + id, "see lull snapshot list"));
    }

    /** {@code lull snapshot take}. */
    @Command(
            name = "take",
            mixinStandardHelpOptions = true,
            description =
                    "Freeze, take snapshots of one instant, and thaw. Prints the snapshots' ids.")
    static final class Take implements Callable<Integer> {
        @Parameters(arity = "1..*", paramLabel = "PATH", description = "mount points")
        private List<Path> paths = List.of();

        @Mixin private SnapshotOptions options = new SnapshotOptions();
        @Mixin private OutputOptions output = new OutputOptions();

        @Override
        public Integer call() throws Exception {
            Host host = ThisHost.open("snapshot", options.script());
            KilledRuns.cleanUp(host, System.err, output.quiet);
            ConsistentSnapshots snapshots =
                    new ConsistentSnapshots(
                            host, options.order(paths), options.participants(host.kernel()));
            if (snapshots.areNotAll()) {
                throw CommandException.usage(
                        "a participant has files that are in no snapshot",
                        "use lull backup, or have it at rest without online");
            }
            snapshots.keep();
            Plan plan = new Plan();
            snapshots.addOpening(plan);
            snapshots.addTo(plan);
            ExitCode code = ExitCode.DONE;
            try {
                PlanRun.run(plan, new AtomicLong(), System.err, output.quiet || output.json);
                options.retain(host);
            } catch (PlanException.CleanUpIncomplete e) {
                code = Complaint.of(e).tell(System.err);
            }
            if (output.json) {
                String manifest = snapshots.manifest(plan.timeline().entries()).toJson().strip();
                JsonOutput.print(System.out, json -> json.writeRawValue(manifest));
            } else {
                snapshots
                        .taken()
                        .forEach(taken -> System.out.println(taken.snapshot().id().text()));
            }
            return code.status();
        }
    }

    /** {@code lull snapshot list}. */
    @Command(
            name = "list",
            mixinStandardHelpOptions = true,
            description = "Show the snapshots of this machine.")
    static final class Listing implements Callable<Integer> {
        @Mixin private OutputOptions output = new OutputOptions();

        @Override
        public Integer call() throws Exception {
            Host host = ThisHost.open("snapshot", Optional.empty());
            SnapshotRecords.Listing listing = host.records().list();
            if (output.json) {
                json(listing.records());
            } else {
                table(listing.records());
            }
            listing.unreadable()
                    .forEach((file, why) ->
                            System.err.println(
                                    "lull: cannot read " + file + ": " + Plain.text(why)));
            return (listing.unreadable().isEmpty() ? ExitCode.DONE : ExitCode.FAILED).status();
        }

        private void table(List<SnapshotRecord> records) {
            if (records.isEmpty()) {
                if (!output.quiet) {
                    System.out.println("no snapshots");
                }
                return;
            }
            System.out.printf(
                    "%-10s  %-19s  %-12s  %-12s  %-12s  %s%n",
                    "ID", "TAKEN", "STATE", "PROVIDER", "LABEL", "OF");
            for (SnapshotRecord one : records) {
                System.out.printf(
                        "%-10s  %-19s  %-12s  %-12s  %-12s  %s%n",
                        one.id().text(),
                        TIME.format(one.created()),
                        one.state().word(),
                        Plain.text(one.provider()),
                        Plain.text(one.label().orElse("-")),
                        Plain.text(one.mountPoint().toString()));
            }
        }

        private static void json(List<SnapshotRecord> records) {
            JsonOutput.print(
                    System.out,
                    json -> {
                        json.writeStartArray();
                        for (SnapshotRecord one : records) {
                            json.writeStartObject();
                            json.writeStringProperty("id", one.id().text());
                            json.writeStringProperty("created", one.created().toString());
                            json.writeStringProperty("state", one.state().word());
                            json.writeStringProperty("provider", one.provider());
                            json.writeStringProperty("mountPoint", one.mountPoint().toString());
                            json.writeStringProperty("type", one.type());
                            one.label()
                                    .ifPresent(label -> json.writeStringProperty("label", label));
                            one.uuid().ifPresent(uuid -> json.writeStringProperty("uuid", uuid));
                            one.note().ifPresent(note -> json.writeStringProperty("note", note));
                            json.writeEndObject();
                        }
                        json.writeEndArray();
                    });
        }
    }

    /** {@code lull snapshot mount}. */
    @Command(
            name = "mount",
            mixinStandardHelpOptions = true,
            description =
                    "Mount a snapshot read-only. It stays mounted until lull snapshot unmount, or umount(8).")
    static final class MountOne implements Callable<Integer> {
        @Parameters(
                index = "0",
                paramLabel = "ID",
                description = "the snapshot, see lull snapshot list")
        private @Nullable String id;

        @Parameters(index = "1", paramLabel = "DIR", description = "an existing directory")
        private @Nullable Path directory;

        @Mixin private OutputOptions output = new OutputOptions();

        @Override
        public Integer call() throws Exception {
            Host host = ThisHost.open("snapshot", Optional.empty());
            Snapshot snapshot = host.providers().open(find(host, id));
            Path target = Objects.requireNonNull(directory).toAbsolutePath().normalize();
            MountedSnapshot mounted = snapshot.mount(target);
            try {
                mounted.leaveMounted();
            } catch (IOException e) {
                try {
                    mounted.close();
                } catch (IOException suppressed) {
                    e.addSuppressed(suppressed);
                }
                throw e;
            }
            tell(snapshot, mounted.path());
            return ExitCode.DONE.status();
        }

        private void tell(Snapshot snapshot, Path path) {
            if (!output.json) {
                System.out.println(Plain.text(path.toString()));
                return;
            }
            JsonOutput.print(
                    System.out,
                    json -> {
                        json.writeStartObject();
                        json.writeStringProperty("id", snapshot.id().text());
                        json.writeStringProperty("state", snapshot.record().state().word());
                        json.writeStringProperty("path", path.toString());
                        json.writeEndObject();
                    });
        }
    }

    /** {@code lull snapshot unmount}. */
    @Command(
            name = "unmount",
            mixinStandardHelpOptions = true,
            description = "Unmount a snapshot from where lull snapshot mount has mounted it.")
    static final class Unmount implements Callable<Integer> {
        @Parameters(paramLabel = "DIR", description = "where it is mounted")
        private @Nullable Path directory;

        @Override
        public Integer call() throws Exception {
            Host host = ThisHost.open("snapshot", Optional.empty());
            Path target = Objects.requireNonNull(directory).toRealPath();
            boolean mounted =
                    host.kernel().mounts().stream()
                            .anyMatch(mount -> mount.mountPoint().equals(target));
            if (!mounted) {
                throw CommandException.usage("nothing is mounted on " + target, "see findmnt(8)");
            }
            host.kernel().unmount(target, false);
            return ExitCode.DONE.status();
        }
    }

    /** {@code lull snapshot delete}. */
    @Command(
            name = "delete",
            mixinStandardHelpOptions = true,
            description = "Delete snapshots, also what is left of one that was never completed.")
    static final class Delete implements Callable<Integer> {
        @Parameters(
                arity = "1..*",
                paramLabel = "ID",
                description = "the snapshots, see lull snapshot list")
        private List<String> ids = List.of();

        @Mixin private OutputOptions output = new OutputOptions();

        @Override
        public Integer call() throws Exception {
            Host host = ThisHost.open("snapshot", Optional.empty());
            List<SnapshotRecord> named = new ArrayList<>();
            for (String id : ids) {
                named.add(find(host, id));
            }
            KilledRuns.cleanUp(host, System.err, output.quiet);
            ExitCode code = ExitCode.DONE;
            for (SnapshotRecord one : named) {
                try {
                    host.delete(one);
                } catch (IOException e) {
                    // The others can go all the same.
                    code = Complaint.of(e).tell(System.err);
                }
            }
            return code.status();
        }
    }
}
