package dev.lull.participant.postgresql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class WalSegmentsTest {
    private static final long USUAL = 16 << 20;

    @Test
    void namesEveryFileFromTheFirstByteToTheLast() {
        assertThat(WalSegments.names(1, USUAL, "0/3000028", "0/3000100"))
                .containsExactly("000000010000000000000003");
        assertThat(WalSegments.names(2, USUAL, "0/FE000028", "1/1000001"))
                .containsExactly(
                        "0000000200000000000000FE",
                        "0000000200000000000000FF",
                        "000000020000000100000000",
                        "000000020000000100000001");
        assertThat(WalSegments.names(0x1F, 1 << 20, "0/FFF00028", "1/28"))
                .containsExactly("0000001F0000000000000FFF", "0000001F0000000100000000");
    }

    /** The position after a file's last byte is the first of the next, which need not be there. */
    @Test
    void endsWithTheLastByteThatIsNeeded() {
        assertThat(WalSegments.names(1, USUAL, "0/3000028", "0/4000000"))
                .containsExactly("000000010000000000000003");
    }

    @Test
    void refusesWhatIsNoPosition() {
        assertThatThrownBy(() -> WalSegments.position("3000028"))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> WalSegments.position("0/x"))
                .isInstanceOf(IllegalArgumentException.class);
        assertThat(WalSegments.position("FFFFFFFF/FFFFFFFF")).isEqualTo(-1);
    }
}
