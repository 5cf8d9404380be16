package dev.lull.snapshot.command;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;

/**
 * What a script printed: lines {@code key=value}, or one JSON object whose values are strings, numbers or booleans. Keys
 * are {@code [a-z][a-z0-9_]*}, at most 64 of them; a value is at most 4096 characters without control characters.
 * Anything else is refused: a script that prints rubbish may have done rubbish.
 */
final class StepOutput {
    private static final Pattern KEY = Pattern.compile("[a-z][a-z0-9_]{0,63}");
    private static final int SHOWN = 300;
    private static final int MOST_KEYS = 64;
    private static final int LONGEST_VALUE = 4096;
    private static final JsonFactory JSON =
            JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

    private StepOutput() {}

    /** @throws IllegalArgumentException with what is wrong, in words for a person */
    static Map<String, String> parse(byte[] bytes) {
        String text;
        try {
            text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException e) {
            throw new IllegalArgumentException("output is not UTF-8", e);
        }
        Map<String, String> values = new LinkedHashMap<>();
        if (text.stripLeading().startsWith("{")) {
            parseJson(text, values);
        } else {
            for (String line : text.split("\n", -1)) {
                parseLine(line, values);
            }
        }
        return values;
    }

    /** Adds what one line says; an empty line says nothing. */
    static void parseLine(String line, Map<String, String> values) {
        if (line.isBlank()) {
            return;
        }
        int equals = line.indexOf('=');
        if (equals < 0) {
            throw new IllegalArgumentException("not a line of the form key=value: " + quote(line));
        }
        put(values, line.substring(0, equals), line.substring(equals + 1));
    }

    private static void parseJson(String text, Map<String, String> values) {
        try (JsonParser json = JSON.createParser(ObjectReadContext.empty(), text)) {
            json.nextToken();
            while (json.nextToken() == JsonToken.PROPERTY_NAME) {
                String key = json.currentName();
                if (!json.nextToken().isScalarValue()
                        || json.currentToken() == JsonToken.VALUE_NULL) {
                    throw new IllegalArgumentException(
                            "value of " + quote(key) + " is not a string, number or boolean");
                }
                put(values, key, json.getString());
            }
            if (json.nextToken() != null) {
                throw new IllegalArgumentException("more than one JSON object");
            }
        } catch (JacksonException e) {
            throw new IllegalArgumentException("not JSON: " + e.getOriginalMessage(), e);
        }
    }

    private static void put(Map<String, String> values, String key, String value) {
        if (!KEY.matcher(key).matches()) {
            throw new IllegalArgumentException("not a key: " + quote(key));
        }
        if (value.length() > LONGEST_VALUE || value.chars().anyMatch(Character::isISOControl)) {
            throw new IllegalArgumentException(
                    "value of " + key + " is too long or has control characters");
        }
        if (values.size() == MOST_KEYS && !values.containsKey(key)) {
            throw new IllegalArgumentException("more than " + MOST_KEYS + " keys");
        }
        values.put(key, value);
    }

    /** The start of what a script printed, fit for a terminal. */
    static String quote(String text) {
        String start = text.length() > SHOWN ? text.substring(0, SHOWN) + "…" : text;
        StringBuilder quoted = new StringBuilder("\"");
        start.chars().forEach(c -> quoted.append(Character.isISOControl(c) ? '?' : (char) c));
        return quoted.append('"').toString();
    }
}
