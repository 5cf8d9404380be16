package dev.lull.participant.mariadb;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * What {@code mariadb-check --silent} printed: a table's name on a line, and below it what was found, {@code warning  : …}
 * or {@code Error    : …} (client/mysqlcheck.c, print_result). Nothing of tables that are as they should be.
 *
 * @param errors what is damaged, table and reason
 * @param warnings what is only to be known
 */
record CheckOutput(List<String> errors, List<String> warnings) {
    private static final int MOST = 8;

    CheckOutput {
        errors = List.copyOf(errors);
        warnings = List.copyOf(warnings);
    }

    static CheckOutput parse(String output) {
        List<String> errors = new ArrayList<>();
        List<String> warnings = new ArrayList<>();
        String table = "";
        for (String line : output.lines().filter(l -> !l.isBlank()).toList()) {
            String lower = line.toLowerCase(Locale.ROOT);
            if (lower.matches("error\\s*:.*")) {
                add(errors, table, line);
            } else if (lower.matches("(warning|info|note|status)\\s*:.*")) {
                // A table whose engine has nothing to check says so in a note.
                if (lower.startsWith("warning")) {
                    add(warnings, table, line);
                }
            } else {
                table = line.strip();
            }
        }
        return new CheckOutput(errors, warnings);
    }

    private static void add(List<String> found, String table, String line) {
        if (found.size() < MOST) {
            found.add(table + ": " + line.replaceAll("\\s+", " ").strip());
        } else if (found.size() == MOST) {
            found.add("and more");
        }
    }
}
