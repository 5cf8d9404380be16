package dev.lull.plan;

import java.io.IOException;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.PrettyPrinter;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.util.DefaultPrettyPrinter;

/** JSON as maps, lists, strings, longs and booleans: enough for a manifest. Numbers with a fraction are not taken. */
final class Json {
    private static final JsonFactory FACTORY = new JsonFactory();
    private static final int DEEPEST = 16;

    private static final ObjectWriteContext INDENTED =
            new ObjectWriteContext.Base() {
                @Override
                public PrettyPrinter getPrettyPrinter() {
                    return new DefaultPrettyPrinter();
                }

                @Override
                public boolean hasPrettyPrinter() {
                    return true;
                }
            };

    private Json() {}

    /** Writes a tree, indented, with a newline at its end. */
    static String write(Map<String, ?> tree) {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = FACTORY.createGenerator(INDENTED, text)) {
            write(json, tree);
        }
        return text + "\n";
    }

    /** Writes a tree as one line, with a newline at its end. */
    static String line(Map<String, ?> tree) {
        StringWriter text = new StringWriter();
        try (JsonGenerator json = FACTORY.createGenerator(ObjectWriteContext.empty(), text)) {
            write(json, tree);
        }
        return text + "\n";
    }

    private static void write(JsonGenerator json, @Nullable Object value) {
        switch (value) {
            case null -> json.writeNull();
            case String s -> json.writeString(s);
            case Long n -> json.writeNumber(n);
            case Integer n -> json.writeNumber(n);
            case Boolean b -> json.writeBoolean(b);
            case List<?> list -> {
                json.writeStartArray();
                list.forEach(item -> write(json, item));
                json.writeEndArray();
            }
            case Map<?, ?> map -> {
                json.writeStartObject();
                map.forEach((name, item) -> {
                    json.writeName(name.toString());
                    write(json, item);
                });
                json.writeEndObject();
            }
            default -> throw new IllegalArgumentException("no JSON for " + value.getClass());
        }
    }

    /** @throws IOException if it is no JSON object of the kinds above, or too deep; the message says where */
    static Map<String, Object> read(byte[] text) throws IOException {
        try (JsonParser json = FACTORY.createParser(ObjectReadContext.empty(), text)) {
            if (json.nextToken() != JsonToken.START_OBJECT) {
                throw new IOException("not a JSON object");
            }
            Map<String, Object> tree = object(json, 0);
            if (json.nextToken() != null) {
                throw new IOException("something after the JSON object");
            }
            return tree;
        } catch (JacksonException e) {
            throw new IOException(
                    "malformed JSON at line "
                            + e.getLocation().getLineNr()
                            + ", column "
                            + e.getLocation().getColumnNr(),
                    e);
        }
    }

    private static Map<String, Object> object(JsonParser json, int depth) throws IOException {
        Map<String, Object> map = new LinkedHashMap<>();
        while (json.nextToken() != JsonToken.END_OBJECT) {
            String name = json.currentName();
            Object value = value(json, json.nextToken(), depth + 1);
            if (value != null) {
                map.put(name, value);
            }
        }
        return map;
    }

    private static @Nullable Object value(JsonParser json, @Nullable JsonToken token, int depth)
            throws IOException {
        if (depth > DEEPEST) {
            throw new IOException("JSON nested too deeply");
        }
        return switch (token) {
            case START_OBJECT -> object(json, depth);
            case START_ARRAY -> {
                List<Object> list = new ArrayList<>();
                while (json.nextToken() != JsonToken.END_ARRAY) {
                    Object item = value(json, json.currentToken(), depth + 1);
                    if (item != null) {
                        list.add(item);
                    }
                }
                yield list;
            }
            case VALUE_STRING -> json.getString();
            case VALUE_NUMBER_INT -> json.getLongValue();
            case VALUE_TRUE -> true;
            case VALUE_FALSE -> false;
            case VALUE_NULL -> null;
            case null, default -> throw new IOException("unexpected JSON " + token);
        };
    }
}
