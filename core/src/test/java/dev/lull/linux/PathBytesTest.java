package dev.lull.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class PathBytesTest {
    private static final byte[][] NAMES = {
        "/".getBytes(StandardCharsets.UTF_8),
        "/a/b c".getBytes(StandardCharsets.UTF_8),
        "/ünï/☃".getBytes(StandardCharsets.UTF_8),
        {'/', (byte) 0xFF, '/', (byte) 0xC3, '%', '4', '1'},
        "a/b".getBytes(StandardCharsets.UTF_8),
        {'x', (byte) 0xE9, '/', 'y'},
        // The replacement character itself
        {'/', (byte) 0xEF, (byte) 0xBF, (byte) 0xBD}
    };

    @Test
    void everyNameComesBackAsItWas() {
        for (byte[] name : NAMES) {
            assertThat(PathBytes.encode(PathBytes.decode(name))).containsExactly(name);
        }
    }

    @Test
    void textIsItself() {
        assertThat(PathBytes.decode("/a b".getBytes(StandardCharsets.UTF_8)))
                .isEqualTo(Path.of("/a b"));
        assertThat(PathBytes.encode(Path.of(""))).isEmpty();
    }
}
