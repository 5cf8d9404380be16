package dev.lull.snapshot.command;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StepOutputTest {
    private static Map<String, String> parse(String text) {
        return StepOutput.parse(text.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void linesAndJsonSayTheSame() {
        assertThat(parse("volume=v 1=x\n\nsize_gb=7\n"))
                .isEqualTo(Map.of("volume", "v 1=x", "size_gb", "7"));
        assertThat(parse(" {\"volume\": \"v 1=x\", \"size_gb\": 7}\n"))
                .isEqualTo(Map.of("volume", "v 1=x", "size_gb", "7"));
        assertThat(parse("{\"on\": true}")).isEqualTo(Map.of("on", "true"));
        assertThat(parse("")).isEmpty();
        assertThat(parse("{}")).isEmpty();
        assertThat(parse("empty=")).isEqualTo(Map.of("empty", ""));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "hello",
                "=x",
                "Key=x",
                "a b=x",
                "../x=y",
                "a=b\u0007",
                "a=b\r\n",
                "{",
                "{\"a\"",
                "{\"a\":}",
                "{\"a\":[1]}",
                "{\"a\":{\"b\":1}}",
                "{\"a\":null}",
                "{\"a\":1,\"a\":2}",
                "{\"a\":1} {\"b\":2}",
                "{\"a\":\"x\\u0000\"}",
                "{\"A\":1}",
            })
    void anythingElseIsRefused(String text) {
        assertThatThrownBy(() -> parse(text)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void bytesThatAreNoTextAreRefused() {
        assertThatThrownBy(() -> StepOutput.parse(new byte[] {'a', '=', (byte) 0xff}))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("UTF-8");
    }

    @Test
    void tooMuchIsRefused() {
        assertThatThrownBy(() -> parse("a=" + "x".repeat(5000)))
                .isInstanceOf(IllegalArgumentException.class);
        StringBuilder many = new StringBuilder();
        for (int i = 0; i < 65; i++) {
            many.append("k").append(i).append("=v\n");
        }
        assertThatThrownBy(() -> parse(many.toString()))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void whatIsQuotedIsFitForATerminal() {
        assertThat(StepOutput.quote("a\u001b[31m\nb")).isEqualTo("\"a?[31m?b\"");
        assertThat(StepOutput.quote("x".repeat(1000))).hasSizeLessThan(310);
    }
}
