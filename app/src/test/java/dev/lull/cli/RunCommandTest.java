package dev.lull.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Only what never gets as far as a program: that would take this process's place. */
class RunCommandTest {
    private static final String IGNORED = "lull.ignored";

    @AfterEach
    void forget() {
        System.clearProperty(IGNORED);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "run --timeout 5s --timeout 6s -- true",
                "run --max 5s --max 5s -- true",
                "run --help x -- true",
                "run -- ",
                "run true",
            })
    void whatIsUnusualIsForPicocli(String words) {
        assertThat(RunCommand.quick(List.of(words.split(" ")))).isEmpty();
    }

    /** The launcher tells no such mask. */
    @Test
    void aBugEndsIt125() {
        System.setProperty(IGNORED, "no number");
        assertThat(RunCommand.quick(List.of("run", "--", "true"))).contains(125);
    }
}
