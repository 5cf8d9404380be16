package dev.lull.snapshot.lvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lull.snapshot.SnapshotException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CopySpaceTest {
    private static final long MIB = 1L << 20;
    private static final VolumeName NAME = new VolumeName("vg", "home");

    /** In MiB, with extents of 4 MiB. */
    @ParameterizedTest
    @CsvSource({
        // a fifth
        "100000, 500000, 20000",
        // at least 256 MiB
        "600, 500000, 256",
        // never more than could be used
        "64, 500000, 76",
        // what there is
        "100000, 6001, 6000",
        "100000, 5000, 5000"
    })
    void isAFifthOrWhatThereIs(long origin, long free, long wanted) throws Exception {
        assertThat(CopySpace.of("/home", NAME, origin * MIB, free * MIB, 4 * MIB))
                .isEqualTo(wanted * MIB);
    }

    @Test
    void isRefusedBelowATwentieth() {
        assertThatThrownBy(() -> CopySpace.of("/home", NAME, 100_000 * MIB, 4999 * MIB, 4 * MIB))
                .isInstanceOf(SnapshotException.NoRoom.class)
                .hasMessageContaining("volume group vg has 4999 MiB free")
                .hasMessageContaining("vg/home needs 5000 MiB");
        assertThatThrownBy(() -> CopySpace.of("/home", NAME, 500 * MIB, 63 * MIB, 4 * MIB))
                .isInstanceOf(SnapshotException.NoRoom.class);
    }
}
