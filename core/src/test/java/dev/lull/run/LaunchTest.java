package dev.lull.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import dev.lull.linux.Execution;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Where a program is looked for, and what it inherits: bytes, not text. */
class LaunchTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            nullValues = "none",
            value = {
                "tool | /bin:/usr/bin | /bin/tool,/usr/bin/tool",
                // execvp(3): no search path at all is the system's
                "tool | '' | /bin/tool,/usr/bin/tool",
                // an empty place in it is the working directory
                "tool | :/bin | tool,/bin/tool",
                "tool | /bin: | /bin/tool,tool",
                "tool | /a::/b | /a/tool,tool,/b/tool",
                "/sbin/tool | /bin | /sbin/tool",
                "./tool | /bin | ./tool",
                "a/tool | /bin | a/tool",
                "'' | /bin | ''",
            })
    void isLookedForAsExecvpDoes(String name, String search, String expected) {
        List<String> candidates =
                Launch.candidates(bytes(name), bytes(search)).stream()
                        .map(LaunchTest::text)
                        .toList();
        assertThat(String.join(",", candidates)).isEqualTo(expected);
    }

    @Test
    void namesAndDirectoriesAreBytes() {
        byte[] name = {'a', (byte) 0xFF};
        byte[] directory = {'/', (byte) 0xC4, ':', '/', 'b'};
        assertThat(Launch.candidates(name, directory))
                .containsExactly(
                        new byte[] {'/', (byte) 0xC4, '/', 'a', (byte) 0xFF},
                        new byte[] {'/', 'b', '/', 'a', (byte) 0xFF});
    }

    @Test
    void theFirstVariableOfANameCounts() {
        Inheritance inheritance = inheritance("PATHS=x", "PATH=/one", "PATH=/two", "EMPTY=", "=");
        assertThat(text(inheritance.variable("PATH"))).isEqualTo("/one");
        assertThat(inheritance.variable("EMPTY")).isEmpty();
        assertThat(inheritance.variable("PAT")).isEmpty();
    }

    @Test
    void stringsEndAtTheirNul() {
        assertThat(Inheritance.strings(bytes("a\0\0b c\0")).stream().map(LaunchTest::text))
                .containsExactly("a", "", "b c");
        assertThat(Inheritance.strings(new byte[0])).isEmpty();
    }

    @Test
    void aProgramHasAllThatWasInherited() {
        Inheritance inheritance = inheritance("A=1");
        Execution execution = inheritance.execution(bytes("/bin/tool"), List.of(bytes("tool")));
        assertThat(execution.environment()).isEqualTo(inheritance.environment());
        assertThat(execution.descriptors()).isEqualTo(Set.of(0, 7));
        assertThat(execution.blockedSignals()).isEqualTo(2);
        assertThat(execution.ignoredSignals()).isEqualTo(1L << 63);
        Execution other = execution.of(bytes("/bin/sh"), List.of(bytes("sh"), bytes("script")));
        assertThat(text(other.program())).isEqualTo("/bin/sh");
        assertThat(other.arguments()).hasSize(2);
        assertThat(other.descriptors()).isEqualTo(execution.descriptors());
    }

    @Test
    void theEnvironmentIsReadOnceFromAFileOfOnesOwn(@TempDir Path directory) throws IOException {
        int user = (int) Files.getAttribute(directory, "unix:uid");
        Path file = Files.writeString(directory.resolve("environ"), "A=1");
        assertThatIOException()
                .isThrownBy(() -> Inheritance.saved(file.toString(), user + 1))
                .withMessageContaining("not a file of user");
        assertThat(text(Inheritance.saved(file.toString(), user))).isEqualTo("A=1");
        assertThat(file).doesNotExist();
    }

    @Test
    void theEnvironmentIsReadFromNothingButAFile(@TempDir Path directory) throws IOException {
        int user = (int) Files.getAttribute(directory, "unix:uid");
        Path file = Files.writeString(directory.resolve("environ"), "A=1");
        Path link = Files.createSymbolicLink(directory.resolve("link"), file);
        for (Path other : List.of(link, directory)) {
            assertThatIOException().isThrownBy(() -> Inheritance.saved(other.toString(), user));
        }
        assertThat(file).exists();
    }

    private static Inheritance inheritance(String... variables) {
        return new Inheritance(
                List.of(),
                List.of(variables).stream().map(LaunchTest::bytes).toList(),
                Set.of(0, 7),
                2,
                1L << 63);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
