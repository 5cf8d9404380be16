package dev.lull.guard;

import dev.lull.guard.LeaseView.FilesystemView;
import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;

/**
 * The form that {@link Request} and {@link Reply} have on the guard's socket, as docs/protocol.md has it. Pure functions,
 * safe for any thread. Whatever bytes come in, the answer is a record within its ranges or a {@link WireException}.
 */
public final class Wire {
    /** The version of the protocol. A guard and a client of different ones do not understand each other. */
    public static final int PROTOCOL = 1;

    /** The most bytes that a call may have, its NUL included. */
    public static final int MAX_MESSAGE = 65_536;

    /** The most bytes that a reply may have, its NUL included: a status with many leases, or a long history. */
    public static final int MAX_REPLY = 1 << 20;

    /** The most leases that {@link Request.History} may ask for. */
    public static final int MAX_HISTORY = 1_000;

    /** Linux passes at most SCM_MAX_FD descriptors with one message (include/net/scm.h). */
    public static final int MAX_PATHS = 253;

    /** Longer limits than this are a mistake, and nanoseconds of it still fit a long. What is allowed, the guard says. */
    private static final long MAX_MILLIS = Duration.ofDays(365).toMillis();

    private static final int MAX_ID = 64;
    private static final int MAX_PROGRAM = 256;

    /** What a registered process may say: its name, a message or a value of evidence, and how many of those. */
    private static final int MAX_NAME = 64;

    private static final int MAX_SAYING = 1024;
    private static final int MAX_EVIDENCE = 16;

    /** PATH_MAX of linux/limits.h. */
    private static final int MAX_PATH = 4096;

    private static final String PREFIX = "dev.lull.Guard.";

    private Wire() {}

    /** The call, ended by its NUL. */
    public static byte[] encode(Request request) {
        return message(json -> {
            json.writeStringProperty("method", PREFIX + method(request));
            json.writeObjectPropertyStart("parameters");
            writeParameters(json, request);
            json.writeEndObject();
        });
    }

    /** The reply, ended by its NUL. One that would be longer than {@link #MAX_REPLY} becomes a {@link Reply.Failure}. */
    public static byte[] encode(Reply reply) {
        byte[] message = message(json -> write(json, reply));
        return message.length <= MAX_REPLY
                ? message
                : encode(
                        Reply.Failure.of(
                                Reply.Failure.Kind.FAILED,
                                "the answer would be longer than " + MAX_REPLY + " bytes",
                                "ask for fewer leases"));
    }

    /**
     * Reads a call.
     *
     * @param message without its NUL
     * @throws WireException if it is malformed, of an unknown method, or has members missing, of the wrong kind or out
     *     of range
     */
    public static Request request(byte[] message) throws WireException {
        JsonObject call = JsonObject.parse(message);
        if (call.flagOrFalse("oneway") || call.flagOrFalse("more") || call.flagOrFalse("upgrade")) {
            throw new WireException("oneway, more and upgrade are not for this service");
        }
        String method = call.text("method");
        JsonObject in = call.objectOrEmpty("parameters");
        return switch (method) {
            case PREFIX + "Arm" ->
                    new Request.Arm(
                            in.number("protocol"),
                            paths(in),
                            in.flag("attached"),
                            Duration.ofMillis(in.number("withinMillis", 1, MAX_MILLIS)),
                            timeout(in),
                            in.flag("presync"),
                            in.flag("expedite"),
                            bounded("program", in.text("program"), MAX_PROGRAM));
            case PREFIX + "Freeze" -> new Request.Freeze(lease(in));
            case PREFIX + "Extend" -> new Request.Extend(lease(in), timeout(in));
            case PREFIX + "Release" -> new Request.Release(lease(in));
            case PREFIX + "Abandon" -> new Request.Abandon(lease(in));
            case PREFIX + "Thaw" -> thaw(in);
            case PREFIX + "Status" -> new Request.Status();
            case PREFIX + "History" ->
                    new Request.History((int) in.number("limit", 1, MAX_HISTORY));
            case PREFIX + "Wait" -> new Request.Wait(lease(in));
            case PREFIX + "Register" ->
                    new Request.Register(
                            in.number("protocol"),
                            bounded("name", in.text("name"), MAX_NAME),
                            Duration.ofMillis(in.number("limitMillis", 1, MAX_MILLIS)),
                            paths(in));
            case PREFIX + "Await" -> new Request.Await();
            case PREFIX + "Answer" ->
                    new Request.Answer(
                            Request.Answer.Outcome.ofWord(in.text("outcome")),
                            atMost("message", in.optionalText("message").orElse(""), MAX_SAYING),
                            evidence(in));
            case PREFIX + "Rest" ->
                    new Request.Rest(
                            participants(in),
                            Duration.ofMillis(in.number("longestMillis", 1, MAX_MILLIS)));
            case PREFIX + "Resume" -> new Request.Resume();
            case PREFIX + "Stop" -> new Request.Stop(in.flagOrFalse("now"));
            default -> throw new WireException("no such method: " + method);
        };
    }

    /**
     * Reads the reply to a call.
     *
     * @param message without its NUL
     * @param asked the call that it answers
     * @throws WireException if it is not a reply to such a call
     */
    public static Reply reply(byte[] message, Request asked) throws WireException {
        JsonObject reply = JsonObject.parse(message);
        JsonObject in = reply.objectOrEmpty("parameters");
        Optional<String> error = reply.optionalText("error");
        if (error.isPresent()) {
            return failure(error.get(), in);
        }
        return switch (asked) {
            case Request.Arm _ -> new Reply.Armed(leaseView(in.object("lease")));
            case Request.Freeze _ -> new Reply.Frozen(lease(in), in.optionalNumber("deadline"));
            case Request.Extend _ -> new Reply.Extended(lease(in), in.optionalNumber("deadline"));
            case Request.Release _,
                    Request.Abandon _,
                    Request.Thaw _,
                    Request.History _,
                    Request.Wait _ ->
                    new Reply.Ended(leaseViews(in));
            case Request.Status _ -> guardStatus(in);
            case Request.Stop _, Request.Answer _ -> new Reply.Done();
            case Request.Register _ -> new Reply.Registered(in.number("participant"));
            case Request.Await _ ->
                    new Reply.Ordered(
                            Reply.Ordered.Order.ofWord(in.text("order")),
                            Duration.ofMillis(in.number("longestMillis", 0, MAX_MILLIS)));
            case Request.Rest _, Request.Resume _ -> new Reply.Heard(participantViews(in));
        };
    }

    /** A lease alone, as an object with the members of {@link LeaseView}, for whoever shows or keeps it. */
    public static void write(JsonGenerator json, LeaseView lease) {
        json.writeStartObject();
        json.writeStringProperty("id", lease.id());
        json.writeStringProperty("state", lease.state());
        json.writeStringProperty("reason", lease.reason());
        json.writeBooleanProperty("attached", lease.attached());
        json.writeStringProperty("program", lease.program());
        json.writeNumberProperty("pid", lease.pid());
        json.writeNumberProperty("uid", lease.uid());
        json.writeNumberProperty("withinMillis", lease.withinMillis());
        write(json, "timeoutMillis", lease.timeoutMillis());
        write(json, "deadline", lease.deadline());
        json.writeNumberProperty("beganAt", lease.beganAt());
        write(json, "endedAt", lease.endedAt());
        write(json, "windowNanos", lease.windowNanos());
        json.writeArrayPropertyStart("filesystems");
        for (FilesystemView filesystem : lease.filesystems()) {
            write(json, filesystem);
        }
        json.writeEndArray();
        json.writeEndObject();
    }

    /** A lease alone, as {@link #encode(LeaseView)} made it. @throws WireException if it is not one */
    public static LeaseView leaseView(byte[] object) throws WireException {
        return leaseView(JsonObject.parse(object));
    }

    /** A lease alone, as one JSON object without a NUL or a line's end. */
    public static byte[] encode(LeaseView lease) {
        return json(generator -> write(generator, lease)).toByteArray();
    }

    @FunctionalInterface
    private interface Content {
        void writeTo(JsonGenerator json);
    }

    private static byte[] message(Content members) {
        ByteArrayOutputStream bytes =
                json(generator -> {
                    generator.writeStartObject();
                    members.writeTo(generator);
                    generator.writeEndObject();
                });
        bytes.write(0);
        return bytes.toByteArray();
    }

    private static ByteArrayOutputStream json(Content content) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream(512);
        try (JsonGenerator json =
                JsonObject.FACTORY.createGenerator(ObjectWriteContext.empty(), bytes)) {
            content.writeTo(json);
        }
        return bytes;
    }

    private static String method(Request request) {
        return switch (request) {
            case Request.Arm _ -> "Arm";
            case Request.Freeze _ -> "Freeze";
            case Request.Extend _ -> "Extend";
            case Request.Release _ -> "Release";
            case Request.Abandon _ -> "Abandon";
            case Request.Thaw _ -> "Thaw";
            case Request.Status _ -> "Status";
            case Request.History _ -> "History";
            case Request.Wait _ -> "Wait";
            case Request.Register _ -> "Register";
            case Request.Await _ -> "Await";
            case Request.Answer _ -> "Answer";
            case Request.Rest _ -> "Rest";
            case Request.Resume _ -> "Resume";
            case Request.Stop _ -> "Stop";
        };
    }

    private static void writeParameters(JsonGenerator json, Request request) {
        switch (request) {
            case Request.Arm arm -> {
                json.writeNumberProperty("protocol", arm.protocol());
                write(json, "paths", arm.paths());
                json.writeBooleanProperty("attached", arm.attached());
                json.writeNumberProperty("withinMillis", arm.within().toMillis());
                writeTimeout(json, arm.timeout());
                json.writeBooleanProperty("presync", arm.presync());
                json.writeBooleanProperty("expedite", arm.expedite());
                json.writeStringProperty("program", arm.program());
            }
            case Request.Freeze freeze -> json.writeStringProperty("lease", freeze.lease());
            case Request.Extend extend -> {
                json.writeStringProperty("lease", extend.lease());
                writeTimeout(json, extend.timeout());
            }
            case Request.Release release -> json.writeStringProperty("lease", release.lease());
            case Request.Abandon abandon -> json.writeStringProperty("lease", abandon.lease());
            case Request.Thaw thaw -> {
                write(json, "lease", thaw.lease());
                write(json, "path", thaw.path());
                json.writeBooleanProperty("all", thaw.all());
                json.writeBooleanProperty("foreign", thaw.foreign());
            }
            case Request.History history -> json.writeNumberProperty("limit", history.limit());
            case Request.Wait wait -> json.writeStringProperty("lease", wait.lease());
            case Request.Register register -> {
                json.writeNumberProperty("protocol", register.protocol());
                json.writeStringProperty("name", register.name());
                json.writeNumberProperty("limitMillis", register.limit().toMillis());
                write(json, "paths", register.paths());
            }
            case Request.Answer answer -> {
                json.writeStringProperty("outcome", answer.outcome().word());
                json.writeStringProperty("message", answer.message());
                write(json, "evidence", answer.evidence());
            }
            case Request.Rest rest -> {
                json.writeArrayPropertyStart("participants");
                rest.participants().forEach(json::writeNumber);
                json.writeEndArray();
                json.writeNumberProperty("longestMillis", rest.longest().toMillis());
            }
            case Request.Stop stop -> json.writeBooleanProperty("now", stop.now());
            case Request.Status _, Request.Await _, Request.Resume _ -> {}
        }
    }

    private static void write(JsonGenerator json, Reply reply) {
        if (reply instanceof Reply.Failure failure) {
            json.writeStringProperty("error", PREFIX + failure.kind().word());
        }
        json.writeObjectPropertyStart("parameters");
        switch (reply) {
            case Reply.Armed armed -> {
                json.writeName("lease");
                write(json, armed.lease());
            }
            case Reply.Frozen frozen -> {
                json.writeStringProperty("lease", frozen.lease());
                write(json, "deadline", frozen.deadline());
            }
            case Reply.Extended extended -> {
                json.writeStringProperty("lease", extended.lease());
                write(json, "deadline", extended.deadline());
            }
            case Reply.Ended ended -> writeLeases(json, ended.leases());
            case Reply.GuardStatus status -> {
                json.writeStringProperty("version", status.version());
                json.writeNumberProperty("protocol", status.protocol());
                json.writeNumberProperty("pid", status.pid());
                writePid(json, "sentry", status.sentry());
                writePid(json, "canary", status.canary());
                json.writeNumberProperty("upSince", status.upSince());
                json.writeNumberProperty("now", status.now());
                writeLeases(json, status.leases());
                writeParticipants(json, status.participants());
                write(json, "warnings", status.warnings());
            }
            case Reply.Failure failure -> {
                json.writeStringProperty("message", failure.message());
                write(json, "errno", failure.errno());
                write(json, "path", failure.path());
                write(json, "hint", failure.hint());
                if (failure.lease().isPresent()) {
                    json.writeName("lease");
                    write(json, failure.lease().get());
                }
            }
            case Reply.Registered registered ->
                    json.writeNumberProperty("participant", registered.participant());
            case Reply.Ordered ordered -> {
                json.writeStringProperty("order", ordered.order().word());
                json.writeNumberProperty("longestMillis", ordered.longest().toMillis());
            }
            case Reply.Heard heard -> writeParticipants(json, heard.participants());
            case Reply.Done _ -> {}
        }
        json.writeEndObject();
    }

    private static void write(JsonGenerator json, FilesystemView filesystem) {
        json.writeStartObject();
        json.writeStringProperty("path", filesystem.path());
        json.writeStringProperty("device", filesystem.device());
        json.writeStringProperty("type", filesystem.type());
        json.writeStringProperty("source", filesystem.source());
        write(json, "uuid", filesystem.uuid());
        json.writeStringProperty("phase", filesystem.phase());
        json.writeNumberProperty("phaseSince", filesystem.phaseSince());
        write(json, "freezeNanos", filesystem.freezeNanos());
        write(json, "thawNanos", filesystem.thawNanos());
        write(json, "errno", filesystem.errno());
        json.writeEndObject();
    }

    private static void writeLeases(JsonGenerator json, List<LeaseView> leases) {
        json.writeArrayPropertyStart("leases");
        for (LeaseView lease : leases) {
            write(json, lease);
        }
        json.writeEndArray();
    }

    private static void writeParticipants(JsonGenerator json, List<ParticipantView> participants) {
        json.writeArrayPropertyStart("participants");
        for (ParticipantView participant : participants) {
            write(json, participant);
        }
        json.writeEndArray();
    }

    /** A registered process alone, as an object with the members of {@link ParticipantView}. */
    public static void write(JsonGenerator json, ParticipantView participant) {
        json.writeStartObject();
        json.writeNumberProperty("id", participant.id());
        json.writeStringProperty("name", participant.name());
        json.writeNumberProperty("pid", participant.pid());
        json.writeNumberProperty("uid", participant.uid());
        json.writeNumberProperty("limitMillis", participant.limitMillis());
        write(json, "paths", participant.paths());
        write(json, "devices", participant.devices());
        json.writeStringProperty("state", participant.state().word());
        json.writeStringProperty("message", participant.message());
        write(json, "evidence", participant.evidence());
        json.writeEndObject();
    }

    private static void write(JsonGenerator json, String name, Map<String, String> values) {
        json.writeObjectPropertyStart(name);
        values.forEach(json::writeStringProperty);
        json.writeEndObject();
    }

    private static void writeTimeout(JsonGenerator json, Optional<Duration> timeout) {
        if (timeout.isPresent()) {
            json.writeNumberProperty("timeoutMillis", timeout.get().toMillis());
        }
    }

    private static void writePid(JsonGenerator json, String name, Optional<Integer> pid) {
        if (pid.isPresent()) {
            json.writeNumberProperty(name, pid.get());
        }
    }

    private static void write(JsonGenerator json, String name, Optional<String> value) {
        if (value.isPresent()) {
            json.writeStringProperty(name, value.get());
        }
    }

    private static void write(JsonGenerator json, String name, OptionalLong value) {
        if (value.isPresent()) {
            json.writeNumberProperty(name, value.getAsLong());
        }
    }

    private static void write(JsonGenerator json, String name, List<String> values) {
        json.writeArrayPropertyStart(name);
        for (String value : values) {
            json.writeString(value);
        }
        json.writeEndArray();
    }

    private static Request thaw(JsonObject in) throws WireException {
        Optional<String> lease = in.has("lease") ? Optional.of(lease(in)) : Optional.empty();
        Optional<String> path = in.optionalText("path");
        if (path.isPresent()) {
            bounded("path", path.get(), MAX_PATH);
        }
        boolean all = in.flagOrFalse("all");
        int named = (lease.isPresent() ? 1 : 0) + (path.isPresent() ? 1 : 0) + (all ? 1 : 0);
        if (named != 1) {
            throw new WireException("a thaw needs one of lease, path and all");
        }
        return new Request.Thaw(lease, path, all, in.flagOrFalse("foreign"));
    }

    private static List<String> paths(JsonObject in) throws WireException {
        List<String> paths = in.texts("paths");
        if (paths.isEmpty() || paths.size() > MAX_PATHS) {
            throw new WireException(
                    "paths has " + paths.size() + " of them, not from 1 to " + MAX_PATHS);
        }
        for (String path : paths) {
            bounded("paths", path, MAX_PATH);
        }
        return paths;
    }

    private static Optional<Duration> timeout(JsonObject in) throws WireException {
        OptionalLong millis = in.optionalNumber("timeoutMillis", 1, MAX_MILLIS);
        return millis.isPresent()
                ? Optional.of(Duration.ofMillis(millis.getAsLong()))
                : Optional.empty();
    }

    private static Map<String, String> evidence(JsonObject in) throws WireException {
        Map<String, String> evidence = in.textsByName("evidence");
        if (evidence.size() > MAX_EVIDENCE) {
            throw new WireException("evidence has more than " + MAX_EVIDENCE + " members");
        }
        for (String value : evidence.values()) {
            atMost("evidence", value, MAX_SAYING);
        }
        return evidence;
    }

    private static List<Integer> participants(JsonObject in) throws WireException {
        List<Integer> ids = in.numbers("participants", 1, Integer.MAX_VALUE);
        if (ids.isEmpty() || Set.copyOf(ids).size() != ids.size()) {
            throw new WireException("participants names none, or one twice");
        }
        return ids;
    }

    private static String lease(JsonObject in) throws WireException {
        String lease = bounded("lease", in.text("lease"), MAX_ID);
        for (int i = 0; i < lease.length(); i++) {
            char c = lease.charAt(i);
            if ((c < 'a' || c > 'z') && (c < '0' || c > '9')) {
                throw new WireException("lease is not lower-case letters and digits");
            }
        }
        return lease;
    }

    private static String bounded(String name, String value, int most) throws WireException {
        if (value.isEmpty() || value.length() > most) {
            throw new WireException(
                    name + " has " + value.length() + " characters, not from 1 to " + most);
        }
        return value;
    }

    private static String atMost(String name, String value, int most) throws WireException {
        return value.isEmpty() ? value : bounded(name, value, most);
    }

    private static Reply failure(String error, JsonObject in) throws WireException {
        String word = error.startsWith(PREFIX) ? error.substring(PREFIX.length()) : error;
        Optional<JsonObject> lease = in.optionalObject("lease");
        return new Reply.Failure(
                Reply.Failure.Kind.ofWord(word),
                in.optionalText("message").orElse(error),
                in.optionalText("errno"),
                in.optionalText("path"),
                in.optionalText("hint"),
                lease.isPresent() ? Optional.of(leaseView(lease.get())) : Optional.empty());
    }

    private static Reply guardStatus(JsonObject in) throws WireException {
        return new Reply.GuardStatus(
                in.text("version"),
                in.number("protocol"),
                in.number("pid"),
                pid(in, "sentry"),
                pid(in, "canary"),
                in.longNumber("upSince"),
                in.longNumber("now"),
                leaseViews(in),
                // A guard of an earlier build knows of none.
                in.has("participants") ? participantViews(in) : List.of(),
                in.texts("warnings"));
    }

    private static List<ParticipantView> participantViews(JsonObject in) throws WireException {
        List<ParticipantView> views = new ArrayList<>();
        for (JsonObject one : in.objects("participants")) {
            views.add(
                    new ParticipantView(
                            one.number("id"),
                            one.text("name"),
                            one.number("pid"),
                            one.number("uid"),
                            one.longNumber("limitMillis"),
                            one.texts("paths"),
                            one.texts("devices"),
                            ParticipantState.ofWord(one.text("state")),
                            one.text("message"),
                            one.textsByName("evidence")));
        }
        return views;
    }

    private static Optional<Integer> pid(JsonObject in, String name) throws WireException {
        OptionalLong pid = in.optionalNumber(name, 0, Integer.MAX_VALUE);
        return pid.isPresent() ? Optional.of((int) pid.getAsLong()) : Optional.empty();
    }

    private static List<LeaseView> leaseViews(JsonObject in) throws WireException {
        List<LeaseView> leases = new ArrayList<>();
        for (JsonObject lease : in.objects("leases")) {
            leases.add(leaseView(lease));
        }
        return leases;
    }

    private static LeaseView leaseView(JsonObject in) throws WireException {
        List<FilesystemView> filesystems = new ArrayList<>();
        for (JsonObject filesystem : in.objects("filesystems")) {
            filesystems.add(filesystemView(filesystem));
        }
        return new LeaseView(
                in.text("id"),
                in.text("state"),
                in.text("reason"),
                in.flag("attached"),
                in.text("program"),
                in.number("pid"),
                in.number("uid"),
                in.longNumber("withinMillis"),
                in.optionalNumber("timeoutMillis"),
                in.optionalNumber("deadline"),
                in.longNumber("beganAt"),
                in.optionalNumber("endedAt"),
                in.optionalNumber("windowNanos"),
                filesystems);
    }

    private static FilesystemView filesystemView(JsonObject in) throws WireException {
        return new FilesystemView(
                in.text("path"),
                in.text("device"),
                in.text("type"),
                in.text("source"),
                in.optionalText("uuid"),
                in.text("phase"),
                in.longNumber("phaseSince"),
                in.optionalNumber("freezeNanos"),
                in.optionalNumber("thawNanos"),
                in.optionalText("errno"));
    }
}
