package dev.lull.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is refused before anything is frozen or a guard is started. */
class BadInputTest {
    private final PrintStream realErr = System.err;
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @TempDir private Path directory;

    @BeforeEach
    void catchErrors() {
        System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
    }

    @AfterEach
    void giveBack() {
        System.setErr(realErr);
    }

    /** The words are separated by blanks; GONE is a path that does not exist. */
    private int run(String line) {
        List<String> words = new ArrayList<>();
        for (String word : line.split(" ", -1)) {
            words.add(word.replace("GONE", directory.resolve("gone").toString()));
        }
        return LullCommand.run(words.toArray(String[]::new));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "nonsense | 2 | unmatched argument",
                "--nonsense | 2 | unknown option",
                "freeze | 2 | missing required parameter",
                "freeze --timeout 30 GONE | 2 | --timeout 30 has no unit",
                "freeze --timeout 0s GONE | 2 | --timeout 0s is zero",
                "freeze --timeout -1s GONE | 2 | --timeout -1s is negative",
                "freeze --timeout 25h GONE | 2 | --timeout 25h is too long",
                "freeze --within 25h GONE | 2 | --within 25h is too long",
                "freeze --timeout never GONE | 2 | --timeout never is not a duration",
                "freeze GONE | 2 | ENOENT",
                "extend | 2 | missing required parameter",
                "extend --timeout 99 abcdefgh | 2 | --timeout 99 has no unit",
                "extend GONE | 2 | ENOENT",
                "thaw | 2 | one of LEASE, PATH and --all",
                "thaw --all abcdefgh | 2 | one of LEASE, PATH and --all",
                "thaw --foreign abcdefgh | 2 | --foreign needs a PATH",
                "thaw --foreign --all | 2 | --foreign needs a PATH",
                "history --limit 0 | 2 | --limit 0 is out of range",
                "history --limit x | 2 | invalid value",
                "hold GONE | 125 | no command to run",
                "hold GONE -- | 125 | no command to run",
                "hold -- true | 125 | missing required parameter",
                "hold --nonsense GONE -- true | 125 | unknown option",
                "hold --timeout 5 GONE -- true | 125 | has no unit",
                "hold GONE -- true | 125 | ENOENT",
                "hold GONE -- GONE | 127 | no such command",
                "hold GONE -- no-such-command-anywhere | 127 | no such command",
                "hold GONE -- /etc/passwd | 126 | not an executable file",
                "hold GONE -- /etc | 126 | not an executable file",
                "fsfreeze GONE | 2 | missing required argument",
                "fsfreeze -f -u GONE | 2 | mutually exclusive",
                "fsfreeze -f | 2 | missing required parameter",
                "fsfreeze -f --timeout 10 GONE | 2 | has no unit",
                "fsfreeze -u --timeout 10s GONE | 2 | --timeout belongs to --freeze",
                "fsfreeze -f GONE | 2 | ENOENT",
                "doctor --frozen GONE | 2 | takes no PATH",
                "guard --now | 2 | --now belongs to --stop",
                "guard --idle 1ms | 2 | too short",
            })
    void isRefusedWithItsStatusAndWithoutGuess(String line, int status, String message) {
        assertThat(run(line)).isEqualTo(status);
        List<String> said = Arrays.asList(err.toString(StandardCharsets.UTF_8).split("\n"));
        assertThat(said.getFirst()).startsWith("lull: ");
        assertThat(said.getFirst().toLowerCase(java.util.Locale.ROOT))
                .contains(message.toLowerCase(java.util.Locale.ROOT));
        assertThat(said.subList(1, said.size()))
                .hasSizeLessThanOrEqualTo(1)
                .allSatisfy(hint -> assertThat(hint).startsWith("hint: "));
    }

    @Test
    void theStatusesAreThoseOfTheManual() {
        assertThat(ExitCode.values())
                .extracting(ExitCode::status)
                .containsExactly(0, 1, 2, 3, 4, 5, 6, 7, 8);
    }
}
