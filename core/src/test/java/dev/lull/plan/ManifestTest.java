package dev.lull.plan;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class ManifestTest {
    private static final Manifest FULL =
            new Manifest(
                    "0.1.0",
                    Instant.parse("2026-01-02T03:04:05.678Z"),
                    "host",
                    "6.18.0",
                    Optional.of(
                            new Manifest.Held(
                                    "abcd1234",
                                    "released",
                                    "released by its holder",
                                    Duration.ofSeconds(10),
                                    Duration.ofSeconds(30),
                                    Optional.of(Duration.ofNanos(2_345_678)))),
                    List.of(
                            new Manifest.Filesystem(
                                    List.of("/srv", "/data"),
                                    "/srv",
                                    "7:1",
                                    "ext4",
                                    "/dev/loop1",
                                    Optional.of("0000-1111"),
                                    "reflink",
                                    "abcdefghij",
                                    true,
                                    List.of("nested"))),
                    List.of(
                            new Manifest.Application(
                                    "hooks",
                                    "postgresql",
                                    Duration.ofMillis(12),
                                    Map.of("lsn", "0/1"))),
                    Optional.of(new Manifest.Archive(12, "aa", 34, Optional.of("bb"), 5)),
                    List.of("archive read back"),
                    List.of("./socket: socket ignored"),
                    List.of(
                            new Timeline.Entry(
                                    "freeze",
                                    Duration.ofNanos(5),
                                    Optional.of(Duration.ofNanos(7)),
                                    Timeline.Outcome.DONE,
                                    Optional.of("words \" and \n lines"))));

    @Test
    void whatIsReadIsWhatWasWritten() throws Exception {
        assertThat(Manifest.parse(FULL.toJson().getBytes(UTF_8))).isEqualTo(FULL);
    }

    @Test
    void aFieldThatIsNotKnownIsSkipped() throws Exception {
        String json = FULL.toJson().replaceFirst("\\{", "{ \"later\": {\"a\": [1, null, true]},");

        assertThat(Manifest.parse(json.getBytes(UTF_8))).isEqualTo(FULL);
    }

    @Test
    void aLaterFormIsRefused() {
        String json = FULL.toJson().replace("\"format\" : 1", "\"format\" : 2");

        assertThatThrownBy(() -> Manifest.parse(json.getBytes(UTF_8)))
                .isInstanceOf(IOException.class)
                .hasMessage("a manifest of format 2, known is 1");
    }

    @Property(tries = 500)
    void rubbishIsRefusedAndNothingElseThrown(@ForAll long seed) {
        byte[] bytes = FULL.toJson().getBytes(UTF_8);
        Random random = new Random(seed);
        for (int i = 0; i < 1 + random.nextInt(5); i++) {
            bytes[random.nextInt(bytes.length)] = (byte) (32 + random.nextInt(95));
        }
        try {
            assertThat(Manifest.parse(bytes)).isNotNull();
        } catch (IOException expected) {
            assertThat(expected.getMessage()).isNotBlank();
        }
    }

    @Test
    void aManifestNestedWithoutEndIsRefused() {
        assertThatThrownBy(() -> Manifest.parse(("{\"a\":" + "[".repeat(100_000)).getBytes(UTF_8)))
                .isInstanceOf(IOException.class);
    }
}
