package dev.lull.snapshot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SnapshotIdTest {
    @Test
    void randomOnesAreIdsAndDiffer() {
        assertThat(
                        Stream.generate(SnapshotId::random)
                                .limit(1000)
                                .map(SnapshotId::text)
                                .filter(SnapshotId::isId)
                                .distinct())
                .hasSize(1000);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "short",
                "../../../x",
                "ABCDEFGHIJ",
                "abcdefghi1",
                "abcdefghijk",
                "abcdefghi\n"
            })
    void nothingElseIsOne(String text) {
        assertThatThrownBy(() -> new SnapshotId(text)).isInstanceOf(IllegalArgumentException.class);
    }
}
