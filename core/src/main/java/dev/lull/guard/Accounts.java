package dev.lull.guard;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalInt;

/**
 * The machine's own users and groups, passwd(5) and group(5), by name. Those of a directory service are not looked for:
 * that takes a library of their own in the guard's memory, and a server that may not answer.
 */
public record Accounts(Path passwd, Path group) {
    public static final Accounts DEFAULT =
            new Accounts(Path.of("/etc/passwd"), Path.of("/etc/group"));

    private static final int ID = 2;

    /** @throws IOException if the file cannot be read */
    OptionalInt user(String name) throws IOException {
        return find(passwd, name);
    }

    /** @throws IOException if the file cannot be read */
    OptionalInt group(String name) throws IOException {
        return find(group, name);
    }

    /** Both tables have the name in the first field and the number in the third. */
    private static OptionalInt find(Path table, String name) throws IOException {
        // Whatever the encoding is, bytes are compared with bytes.
        try (BufferedReader lines = Files.newBufferedReader(table, StandardCharsets.ISO_8859_1)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                String[] fields = line.split(":", -1);
                if (fields.length > ID && fields[0].equals(name)) {
                    return number(fields[ID]);
                }
            }
        }
        return OptionalInt.empty();
    }

    /** A user's or group's number; empty if it is none, or −1, which stands for nobody (chown(2)). */
    static OptionalInt number(String text) {
        if (!text.matches("[0-9]{1,10}")) {
            return OptionalInt.empty();
        }
        long number = Long.parseLong(text);
        // Numbers are of 32 bits without a sign; −1 is none.
        return number < 0xFFFF_FFFFL ? OptionalInt.of((int) number) : OptionalInt.empty();
    }
}
