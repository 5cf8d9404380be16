package dev.lull.guard;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.json.JsonFactory;

/**
 * One JSON object of a message with its members by name. Members come in any order, so a call is read whole before it is
 * understood. Reading is strict: hostile bytes cost no more than a bounded message does, and every surprise is a
 * {@link WireException}.
 */
final class JsonObject {
    /** The deepest message, a reply with leases: message, parameters, leases, lease, filesystems, filesystem. */
    private static final int MAX_DEPTH = 8;

    /** A long and its sign. */
    private static final int MAX_NUMBER = 20;

    private static final int MAX_NAME = 64;

    static final JsonFactory FACTORY =
            JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
                    // Interned names stay for ever; a hostile peer could send new ones without end.
                    .disable(TokenStreamFactory.Feature.INTERN_PROPERTY_NAMES)
                    .streamReadConstraints(
                            StreamReadConstraints.builder()
                                    .maxNestingDepth(MAX_DEPTH)
                                    .maxDocumentLength(Wire.MAX_REPLY)
                                    .maxStringLength(Wire.MAX_MESSAGE)
                                    .maxNumberLength(MAX_NUMBER)
                                    .maxNameLength(MAX_NAME)
                                    .build())
                    .build();

    private final String name;
    private final Map<String, Object> members;

    private JsonObject(String name, Map<String, Object> members) {
        this.name = name;
        this.members = members;
    }

    /** Reads a message that is one object and nothing after it. */
    static JsonObject parse(byte[] message) throws WireException {
        try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), message)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw new WireException("a message is not a JSON object");
            }
            JsonObject object = object(parser, "message");
            if (parser.nextToken() != null) {
                throw new WireException("something follows a message's object");
            }
            return object;
        } catch (JacksonException e) {
            throw new WireException("a message is not JSON: " + e.getOriginalMessage(), e);
        }
    }

    private static JsonObject object(JsonParser parser, String name) throws WireException {
        Map<String, Object> members = new HashMap<>();
        while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
            String member = parser.currentName();
            Object value = value(parser, parser.nextToken(), member);
            if (value != null) {
                members.put(member, value);
            }
        }
        return new JsonObject(name, members);
    }

    private static @Nullable Object value(JsonParser parser, JsonToken token, String name)
            throws WireException {
        return switch (token) {
            case START_OBJECT -> object(parser, name);
            case START_ARRAY -> list(parser, name);
            case VALUE_STRING -> parser.getString();
            case VALUE_NUMBER_INT -> parser.getLongValue();
            case VALUE_TRUE -> true;
            case VALUE_FALSE -> false;
            case VALUE_NULL -> null;
            default -> throw new WireException(name + " is not of a kind that a message has");
        };
    }

    private static List<Object> list(JsonParser parser, String name) throws WireException {
        List<Object> values = new ArrayList<>();
        for (JsonToken token = parser.nextToken();
                token != JsonToken.END_ARRAY;
                token = parser.nextToken()) {
            Object value = value(parser, token, name);
            if (value == null) {
                throw new WireException(name + " has a null in it");
            }
            values.add(value);
        }
        return values;
    }

    boolean has(String member) {
        return members.containsKey(member);
    }

    String text(String member) throws WireException {
        return required(member, String.class, "a string");
    }

    Optional<String> optionalText(String member) throws WireException {
        return optional(member, String.class, "a string");
    }

    boolean flag(String member) throws WireException {
        return required(member, Boolean.class, "true or false");
    }

    boolean flagOrFalse(String member) throws WireException {
        return optional(member, Boolean.class, "true or false").orElse(false);
    }

    long number(String member, long least, long most) throws WireException {
        return ranged(member, required(member, Long.class, "a whole number"), least, most);
    }

    int number(String member) throws WireException {
        return (int) number(member, Integer.MIN_VALUE, Integer.MAX_VALUE);
    }

    long longNumber(String member) throws WireException {
        return required(member, Long.class, "a whole number");
    }

    OptionalLong optionalNumber(String member) throws WireException {
        Optional<Long> value = optional(member, Long.class, "a whole number");
        return value.isPresent() ? OptionalLong.of(value.get()) : OptionalLong.empty();
    }

    OptionalLong optionalNumber(String member, long least, long most) throws WireException {
        OptionalLong value = optionalNumber(member);
        if (value.isPresent()) {
            ranged(member, value.getAsLong(), least, most);
        }
        return value;
    }

    /** The member's object; an empty one if it is left out. */
    JsonObject objectOrEmpty(String member) throws WireException {
        return optional(member, JsonObject.class, "an object")
                .orElseGet(() -> new JsonObject(member, Map.of()));
    }

    Optional<JsonObject> optionalObject(String member) throws WireException {
        return optional(member, JsonObject.class, "an object");
    }

    JsonObject object(String member) throws WireException {
        return required(member, JsonObject.class, "an object");
    }

    List<String> texts(String member) throws WireException {
        return items(member, String.class, "strings");
    }

    List<JsonObject> objects(String member) throws WireException {
        return items(member, JsonObject.class, "objects");
    }

    List<Integer> numbers(String member, long least, long most) throws WireException {
        List<Integer> numbers = new ArrayList<>();
        for (long number : items(member, Long.class, "whole numbers")) {
            numbers.add((int) ranged(member, number, least, most));
        }
        return numbers;
    }

    /** The member's object, all of whose members are strings; an empty one if it is left out. */
    Map<String, String> textsByName(String member) throws WireException {
        JsonObject object = objectOrEmpty(member);
        Map<String, String> texts = new HashMap<>();
        for (String key : object.members.keySet()) {
            texts.put(key, object.text(key));
        }
        return texts;
    }

    private <T> List<T> items(String member, Class<T> kind, String what) throws WireException {
        List<?> values = required(member, List.class, "a list");
        List<T> items = new ArrayList<>(values.size());
        for (Object value : values) {
            if (!kind.isInstance(value)) {
                throw new WireException(member + " is not a list of " + what);
            }
            items.add(kind.cast(value));
        }
        return items;
    }

    private <T> T required(String member, Class<T> kind, String what) throws WireException {
        Optional<T> value = optional(member, kind, what);
        if (value.isEmpty()) {
            throw new WireException(name + " has no " + member);
        }
        return value.get();
    }

    private <T> Optional<T> optional(String member, Class<T> kind, String what)
            throws WireException {
        Object value = members.get(member);
        if (value == null) {
            return Optional.empty();
        }
        if (!kind.isInstance(value)) {
            throw new WireException(member + " is not " + what);
        }
        return Optional.of(kind.cast(value));
    }

    private static long ranged(String member, long value, long least, long most)
            throws WireException {
        if (value < least || value > most) {
            throw new WireException(
                    member + " is " + value + ", not from " + least + " to " + most);
        }
        return value;
    }
}
