package dev.lull.cli;

import dev.lull.guard.LeaseView;
import dev.lull.guard.LeaseView.FilesystemView;
import dev.lull.guard.ParticipantView;
import dev.lull.guard.Reply;
import dev.lull.guard.Wire;
import java.io.PrintStream;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.StreamWriteFeature;
import tools.jackson.core.json.JsonFactory;

/** Leases on the screen, for people and as JSON. The JSON has the members of docs/protocol.md. */
final class LeaseReport {
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm:ss").withZone(ZoneId.systemDefault());

    private LeaseReport() {}

    /**
     * The guard's leases.
     *
     * @param status empty if no guard runs, which then has none
     */
    static void status(PrintStream out, Optional<Reply.GuardStatus> status, boolean json) {
        if (json) {
            json(out, generator -> write(generator, status));
            return;
        }
        List<LeaseView> leases = status.map(Reply.GuardStatus::leases).orElse(List.of());
        if (leases.isEmpty()) {
            out.println("no leases");
        } else {
            long now = status.get().now();
            List<List<String>> rows = new ArrayList<>();
            rows.add(List.of("LEASE", "STATE", "LEFT", "HOLDER", "FILESYSTEMS"));
            leases.forEach(lease -> rows.add(row(lease, now)));
            table(out, rows);
            stuck(out, status.get());
        }
        status.ifPresent(guard -> participants(out, guard.participants()));
        status.ifPresent(guard ->
                guard.warnings().forEach(line -> out.println("warning: " + Plain.text(line))));
    }

    private static void participants(PrintStream out, List<ParticipantView> participants) {
        if (participants.isEmpty()) {
            return;
        }
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("PARTICIPANT", "STATE", "LIMIT", "PROCESS", "FILESYSTEMS"));
        for (ParticipantView one : participants) {
            rows.add(
                    List.of(
                            one.name(),
                            one.message().isEmpty()
                                    ? one.state().word()
                                    : one.state().word() + ": " + one.message(),
                            Durations.show(Duration.ofMillis(one.limitMillis())),
                            Integer.toString(one.pid()),
                            String.join(" ", one.paths())));
        }
        table(out, rows);
    }

    /** A line for each call that does not return. */
    static void stuck(PrintStream out, Reply.GuardStatus status) {
        for (LeaseView lease : status.leases()) {
            for (FilesystemView filesystem : lease.stuck(status.now())) {
                out.println(Plain.text(stuck(lease, filesystem, status.now())));
            }
        }
    }

    /** Before the freeze that is work; later it is trouble. */
    private static String stuck(LeaseView lease, FilesystemView filesystem, long now) {
        Duration lasts = filesystem.phaseLasts(now);
        String since =
                "since "
                        + TIME.format(Instant.now().minus(lasts))
                        + ", for "
                        + Durations.show(lasts);
        return lease.state().equals("armed")
                ? "note: lease "
                        + lease.id()
                        + ": what is dirty on "
                        + filesystem.path()
                        + " is being written back "
                        + since
                        + "; nothing is frozen"
                : "stuck: lease "
                        + lease.id()
                        + ": the kernel has not returned from "
                        + filesystem.call().orElse("")
                        + " of "
                        + filesystem.path()
                        + " "
                        + since;
    }

    /** Ended leases, newest first. */
    static void history(PrintStream out, List<LeaseView> leases, boolean json) {
        if (json) {
            ended(out, leases);
            return;
        }
        if (leases.isEmpty()) {
            out.println("no leases have ended since the machine started");
            return;
        }
        List<List<String>> rows = new ArrayList<>();
        rows.add(List.of("LEASE", "BEGAN", "END", "FROZEN FOR", "HOLDER", "FILESYSTEMS", "REASON"));
        for (LeaseView lease : leases) {
            rows.add(
                    List.of(
                            lease.id(),
                            TIME.format(Instant.ofEpochMilli(lease.beganAt())),
                            lease.state(),
                            window(lease),
                            holder(lease),
                            paths(lease),
                            lease.reason()));
        }
        table(out, rows);
    }

    /** Leases that a command has ended. */
    static void ended(PrintStream out, List<LeaseView> leases) {
        json(
                out,
                generator -> {
                    generator.writeStartObject();
                    writeLeases(generator, leases);
                    generator.writeEndObject();
                });
    }

    /** One line for a lease that has ended: {@code k3x9p2aa released after 1.53 s: /srv}. */
    static String line(LeaseView lease) {
        String after = lease.windowNanos().isPresent() ? " after " + window(lease) : "";
        return lease.id() + " " + lease.state() + after + ": " + paths(lease);
    }

    static void json(PrintStream out, Consumer<JsonGenerator> content) {
        JsonFactory factory =
                JsonFactory.builder().disable(StreamWriteFeature.AUTO_CLOSE_TARGET).build();
        try (JsonGenerator generator = factory.createGenerator(ObjectWriteContext.empty(), out)) {
            content.accept(generator);
        }
        out.println();
    }

    private static void write(JsonGenerator json, Optional<Reply.GuardStatus> status) {
        json.writeStartObject();
        if (status.isPresent()) {
            Reply.GuardStatus guard = status.get();
            json.writeObjectPropertyStart("guard");
            json.writeStringProperty("version", guard.version());
            json.writeNumberProperty("protocol", guard.protocol());
            json.writeNumberProperty("pid", guard.pid());
            if (guard.sentry().isPresent()) {
                json.writeNumberProperty("sentry", guard.sentry().get());
            }
            if (guard.canary().isPresent()) {
                json.writeNumberProperty("canary", guard.canary().get());
            }
            json.writeNumberProperty("upSince", guard.upSince());
            json.writeNumberProperty("now", guard.now());
            json.writeEndObject();
        } else {
            json.writeNullProperty("guard");
        }
        writeLeases(json, status.map(Reply.GuardStatus::leases).orElse(List.of()));
        json.writeArrayPropertyStart("participants");
        status.map(Reply.GuardStatus::participants)
                .orElse(List.of())
                .forEach(one -> Wire.write(json, one));
        json.writeEndArray();
        json.writeArrayPropertyStart("warnings");
        status.map(Reply.GuardStatus::warnings).orElse(List.of()).forEach(json::writeString);
        json.writeEndArray();
        json.writeEndObject();
    }

    private static void writeLeases(JsonGenerator json, List<LeaseView> leases) {
        json.writeArrayPropertyStart("leases");
        leases.forEach(lease -> Wire.write(json, lease));
        json.writeEndArray();
    }

    private static List<String> row(LeaseView lease, long now) {
        String left =
                lease.deadline().isPresent()
                        ? Durations.show(
                                Duration.ofNanos(Math.max(0, lease.deadline().getAsLong() - now)))
                        : lease.timeoutMillis().isPresent() ? "-" : "for ever";
        return List.of(lease.id(), lease.state(), left, holder(lease), filesystems(lease));
    }

    private static String holder(LeaseView lease) {
        String process = lease.attached() && lease.pid() > 0 ? " (pid " + lease.pid() + ")" : "";
        return lease.program() + process;
    }

    private static String window(LeaseView lease) {
        return lease.windowNanos().isPresent()
                ? Durations.show(Duration.ofNanos(lease.windowNanos().getAsLong()))
                : "-";
    }

    private static String paths(LeaseView lease) {
        return lease.filesystems().stream()
                .map(FilesystemView::path)
                .collect(Collectors.joining(" "));
    }

    private static String filesystems(LeaseView lease) {
        return lease.filesystems().stream()
                .map(filesystem -> filesystem.path() + " (" + filesystem.type() + ")")
                .collect(Collectors.joining(" "));
    }

    /** Columns as wide as their widest cell; the last one is not padded. */
    static void table(PrintStream out, List<List<String>> rows) {
        int columns = rows.getFirst().size();
        int[] widths = new int[columns];
        for (List<String> row : rows) {
            for (int i = 0; i < columns; i++) {
                widths[i] = Math.max(widths[i], Plain.text(row.get(i)).length());
            }
        }
        for (List<String> row : rows) {
            StringBuilder line = new StringBuilder();
            for (int i = 0; i < columns; i++) {
                String cell = Plain.text(row.get(i));
                line.append(cell);
                if (i < columns - 1) {
                    line.repeat(' ', widths[i] - cell.length() + 2);
                }
            }
            out.println(line);
        }
    }
}
