package dev.lull.cli;

import dev.lull.backup.Archive;
import dev.lull.backup.TarEntry;
import java.io.BufferedOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lull list}: what is in an archive, in the form of {@code tar tv}. */
@Command(
        name = "list",
        mixinStandardHelpOptions = true,
        description = "List what is in an archive, and check it on the way.")
final class ListCommand implements Callable<Integer> {
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("uuuu-MM-dd HH:mm").withZone(ZoneId.systemDefault());

    @Parameters(paramLabel = "ARCHIVE", description = "a file NAME.tar.zst")
    private @Nullable Path file;

    @Option(names = "--json", description = "print a JSON object for each entry, one a line")
    private boolean json;

    @Override
    public Integer call() throws Exception {
        PrintStream out =
                new PrintStream(
                        new BufferedOutputStream(System.out, 1 << 16),
                        false,
                        StandardCharsets.UTF_8);
        try {
            new Archive(Objects.requireNonNull(file)).list(entry -> print(out, entry));
        } finally {
            out.flush();
        }
        return ExitCode.DONE.status();
    }

    private void print(PrintStream out, TarEntry entry) {
        if (json) {
            printJson(out, entry);
            return;
        }
        boolean device =
                entry.kind() == TarEntry.Kind.CHARACTER_DEVICE
                        || entry.kind() == TarEntry.Kind.BLOCK_DEVICE;
        String size =
                device
                        ? entry.deviceMajor() + "," + entry.deviceMinor()
                        : Long.toString(entry.size());
        String link =
                switch (entry.kind()) {
                    case HARD_LINK -> " link to " + entry.link();
                    case SYMBOLIC_LINK -> " -> " + entry.link();
                    default -> "";
                };
        out.printf(
                "%c%s %s %10s %s %s%s%n",
                entry.kind().letter(),
                mode(entry.mode()),
                entry.user() + "/" + entry.group(),
                size,
                TIME.format(entry.modified()),
                entry.name(),
                link);
    }

    private static void printJson(PrintStream out, TarEntry entry) {
        JsonOutput.print(
                out,
                json -> {
                    json.writeStartObject();
                    json.writeStringProperty("name", entry.name());
                    json.writeStringProperty("type", String.valueOf(entry.kind().letter()));
                    json.writeStringProperty("mode", String.format("%04o", entry.mode()));
                    json.writeNumberProperty("uid", entry.user());
                    json.writeNumberProperty("gid", entry.group());
                    json.writeNumberProperty("size", entry.size());
                    json.writeStringProperty("modified", entry.modified().toString());
                    if (!entry.link().isEmpty()) {
                        json.writeStringProperty("link", entry.link());
                    }
                    json.writeEndObject();
                });
    }

    /** As ls(1) shows it, with s and t for the special bits. */
    private static String mode(int mode) {
        char[] text = "rwxrwxrwx".toCharArray();
        for (int i = 0; i < 9; i++) {
            if ((mode >> (8 - i) & 1) == 0) {
                text[i] = '-';
            }
        }
        special(text, 2, mode >> 11 & 1, 's');
        special(text, 5, mode >> 10 & 1, 's');
        special(text, 8, mode >> 9 & 1, 't');
        return new String(text);
    }

    private static void special(char[] text, int at, int set, char letter) {
        if (set == 1) {
            text[at] = text[at] == 'x' ? letter : Character.toUpperCase(letter);
        }
    }
}
