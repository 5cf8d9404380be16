package dev.lull.snapshot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class ReserveTest {
    private static final long MIB = 1L << 20;

    @Test
    void isAShareButAtLeastSomething() throws Exception {
        assertThat(Reserve.DEFAULT.bytesFor(0)).isEqualTo(64 * MIB);
        assertThat(Reserve.DEFAULT.bytesFor(100_000 * MIB)).isEqualTo(5000 * MIB);
        assertThat(Reserve.DEFAULT.check("x", 0, 64 * MIB)).isEqualTo(64 * MIB);
    }

    @Test
    void oneByteTooLittleIsTooLittle() {
        assertThatThrownBy(() -> Reserve.DEFAULT.check("/srv/x.img", 0, 64 * MIB - 1))
                .isInstanceOfSatisfying(
                        SnapshotException.NoRoom.class, e -> assertThat(e.hint()).isPresent())
                .hasMessageContaining("/srv/x.img");
    }

    @Test
    void aRoomIsScarceBelowWhatIsNeeded() {
        Room room = new Room(java.nio.file.Path.of("/srv"), 9, 10);
        assertThat(room.scarce()).isTrue();
        assertThat(new Room(room.on(), 10, 10).scarce()).isFalse();
    }
}
