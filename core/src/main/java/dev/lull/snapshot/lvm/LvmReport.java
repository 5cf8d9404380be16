package dev.lull.snapshot.lvm;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

/**
 * What LVM's reporting commands print with {@code --reportformat json} (lvmreport(7)): {@code {"report": [{"lv":
 * [{"lv_name": "home", …}, …]}]}}, every value a string.
 */
final class LvmReport {
    private static final JsonFactory JSON = JsonFactory.builder().build();

    private LvmReport() {}

    /** @throws IllegalArgumentException if it is no report */
    static List<Map<String, String>> read(byte[] output) {
        List<Map<String, String>> rows = new ArrayList<>();
        try (JsonParser json = JSON.createParser(ObjectReadContext.empty(), output)) {
            Map<String, String> row = null;
            String field = "";
            for (JsonToken token = json.nextToken(); token != null; token = json.nextToken()) {
                switch (token) {
                    // An object within the report's; those above it have no values of their own.
                    case START_OBJECT -> row = new LinkedHashMap<>();
                    case PROPERTY_NAME -> field = json.currentName();
                    case VALUE_STRING, VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> {
                        if (row == null) {
                            throw new IllegalArgumentException("no report: a value outside of it");
                        }
                        row.put(field, json.getString());
                    }
                    case END_OBJECT -> {
                        if (row != null && !row.isEmpty()) {
                            rows.add(row);
                        }
                        row = null;
                    }
                    default -> {
                        // Arrays, and what a newer version may have besides.
                    }
                }
            }
        } catch (JacksonException e) {
            throw new IllegalArgumentException("no report: " + e.getOriginalMessage(), e);
        }
        return rows;
    }
}
