package dev.lull.snapshot;

import dev.lull.linux.DeviceNumber;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;

/**
 * A snapshot's record as JSON, version 1. Properties that are not known are skipped, so that an older lull can read a
 * newer one's records of the same version.
 */
final class RecordJson {
    private static final int VERSION = 1;
    private static final JsonFactory JSON =
            JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

    private RecordJson() {}

    static byte[] write(SnapshotRecord snapshot) {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = JSON.createGenerator(ObjectWriteContext.empty(), text)) {
            json.writeStartObject();
            json.writeNumberProperty("version", VERSION);
            json.writeStringProperty("id", snapshot.id().text());
            json.writeStringProperty("provider", snapshot.provider());
            json.writeStringProperty("state", snapshot.state().word());
            json.writeStringProperty("created", snapshot.created().toString());
            json.writeStringProperty("mountPoint", snapshot.mountPoint().toString());
            json.writeStringProperty("device", snapshot.device().toString());
            json.writeStringProperty("type", snapshot.type());
            if (snapshot.uuid().isPresent()) {
                json.writeStringProperty("uuid", snapshot.uuid().get());
            }
            json.writeObjectPropertyStart("names");
            for (Map.Entry<String, String> name : new TreeMap<>(snapshot.names()).entrySet()) {
                json.writeStringProperty(name.getKey(), name.getValue());
            }
            json.writeEndObject();
            json.writeArrayPropertyStart("leftOut");
            for (Path path : snapshot.leftOut()) {
                json.writeString(path.toString());
            }
            json.writeEndArray();
            if (snapshot.note().isPresent()) {
                json.writeStringProperty("note", snapshot.note().get());
            }
            if (snapshot.label().isPresent()) {
                json.writeStringProperty("label", snapshot.label().get());
            }
            json.writeEndObject();
        }
        return (text + "\n").getBytes(StandardCharsets.UTF_8);
    }

    /** @throws IllegalArgumentException if it is not a record; the message says why, in words for a person */
    static SnapshotRecord read(byte[] bytes) {
        Map<String, String> texts = new HashMap<>();
        Map<String, String> names = new HashMap<>();
        List<Path> leftOut = new ArrayList<>();
        try (JsonParser json = JSON.createParser(ObjectReadContext.empty(), bytes)) {
            expect(json.nextToken(), JsonToken.START_OBJECT, "record");
            while (json.nextToken() == JsonToken.PROPERTY_NAME) {
                String name = json.currentName();
                JsonToken value = json.nextToken();
                switch (name) {
                    case "names" -> readNames(json, value, names);
                    case "leftOut" -> readPaths(json, value, leftOut);
                    default -> {
                        if (value.isScalarValue()) {
                            texts.put(name, json.getString());
                        } else {
                            json.skipChildren();
                        }
                    }
                }
            }
            if (json.nextToken() != null) {
                throw new IllegalArgumentException("more than one record");
            }
            return fromTexts(texts, names, leftOut);
        } catch (JacksonException e) {
            throw new IllegalArgumentException("not JSON: " + e.getOriginalMessage(), e);
        } catch (InvalidPathException | DateTimeException e) {
            throw new IllegalArgumentException("not a record: " + e.getMessage(), e);
        }
    }

    private static SnapshotRecord fromTexts(
            Map<String, String> texts, Map<String, String> names, List<Path> leftOut) {
        String version = text(texts, "version");
        if (!version.equals(String.valueOf(VERSION))) {
            throw new IllegalArgumentException(
                    "of version " + version + ", this lull reads version " + VERSION);
        }
        Path mountPoint = Path.of(text(texts, "mountPoint"));
        if (!mountPoint.isAbsolute()) {
            throw new IllegalArgumentException("mountPoint is not absolute: " + mountPoint);
        }
        return new SnapshotRecord(
                new SnapshotId(text(texts, "id")),
                text(texts, "provider"),
                state(text(texts, "state")),
                Instant.parse(text(texts, "created")),
                mountPoint,
                DeviceNumber.parse(text(texts, "device")),
                text(texts, "type"),
                Optional.ofNullable(texts.get("uuid")),
                names,
                leftOut,
                Optional.ofNullable(texts.get("note")),
                Optional.ofNullable(texts.get("label")));
    }

    private static void readNames(JsonParser json, JsonToken value, Map<String, String> names) {
        expect(value, JsonToken.START_OBJECT, "names");
        while (json.nextToken() == JsonToken.PROPERTY_NAME) {
            String name = json.currentName();
            expect(json.nextToken(), JsonToken.VALUE_STRING, "name " + name);
            names.put(name, json.getString());
        }
    }

    private static void readPaths(JsonParser json, JsonToken value, List<Path> paths) {
        expect(value, JsonToken.START_ARRAY, "leftOut");
        for (JsonToken item = json.nextToken();
                item != JsonToken.END_ARRAY;
                item = json.nextToken()) {
            expect(item, JsonToken.VALUE_STRING, "item of leftOut");
            paths.add(Path.of(json.getString()));
        }
    }

    private static void expect(JsonToken found, JsonToken wanted, String what) {
        if (found != wanted) {
            throw new IllegalArgumentException(what + " is not of the expected kind");
        }
    }

    private static String text(Map<String, String> texts, String name) {
        String text = texts.get(name);
        if (text == null || text.isEmpty()) {
            throw new IllegalArgumentException(name + " is missing");
        }
        return text;
    }

    private static SnapshotState state(String word) {
        for (SnapshotState state : SnapshotState.values()) {
            if (state.word().equals(word)) {
                return state;
            }
        }
        throw new IllegalArgumentException("no such state: " + word);
    }
}
