package dev.lull.participant;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A participant as it is written in one word: {@code postgresql,host=/run/postgresql,port=5433}. A comma that belongs to
 * a value is doubled.
 *
 * @param kind the {@link ParticipantKind#name}
 * @param values what is set, in the order in which it was written
 */
public record ParticipantText(String kind, Map<String, String> values) {
    /**
     * Reads one.
     *
     * @throws SettingException if something in it has no value, or is there twice
     */
    public static ParticipantText parse(String text) throws SettingException {
        List<String> parts = parts(text);
        Map<String, String> values = new LinkedHashMap<>();
        for (String part : parts.subList(1, parts.size())) {
            int equals = part.indexOf('=');
            if (equals < 1) {
                throw new SettingException(
                        part.isEmpty() ? "a setting" : part,
                        "has no value: write KIND,KEY=VALUE,KEY=VALUE");
            }
            String key = part.substring(0, equals);
            if (values.put(key, part.substring(equals + 1)) != null) {
                throw new SettingException(key, "is set twice");
            }
        }
        return new ParticipantText(parts.getFirst(), values);
    }

    /** What single commas divide; of two that follow each other the second is meant. */
    private static List<String> parts(String text) {
        List<String> parts = new ArrayList<>();
        StringBuilder part = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char letter = text.charAt(i);
            if (letter == ',' && text.startsWith(",,", i)) {
                i++;
            } else if (letter == ',') {
                parts.add(part.toString());
                part.setLength(0);
                continue;
            }
            part.append(letter);
        }
        parts.add(part.toString());
        return parts;
    }

    /** As {@link #parse} reads it. */
    public String text() {
        StringBuilder text = new StringBuilder(kind);
        values.forEach((key, value) ->
                text.append(',').append(key).append('=').append(value.replace(",", ",,")));
        return text.toString();
    }
}
