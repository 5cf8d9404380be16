package dev.lull.snapshot.lvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What device-mapper says of pools and snapshots; the first of each is from Linux 6.1, the others from its documentation. */
class StatusTest {
    @Test
    void ofAPool() {
        PoolStatus pool =
                PoolStatus.parse(
                        "0 819200 thin-pool 2 117/1024 1031/6400 - rw discard_passdown queue_if_no_space - 256 ");
        assertThat(pool.trouble()).isEmpty();
        assertThat(pool.bytes()).isEqualTo(400L << 20);
        assertThat(pool.free()).isEqualTo((6400 - 1031) * 65536L);
        assertThat(pool.dataPercent()).isEqualTo(16);
        assertThat(pool.metadataPercent()).isEqualTo(11);
    }

    @ParameterizedTest
    @CsvSource({
        "0 819200 thin-pool Fail, Fail",
        "0 819200 thin-pool Error, Error",
        "0 8 thin-pool 2 1/4 2/4 - ro no_discard_passdown error_if_no_space - 256, ro",
        "0 8 thin-pool 2 1/4 4/4 - out_of_data_space discard_passdown queue_if_no_space - 256, out_of_data_space",
        "0 8 thin-pool 2 1/4 2/4 - rw discard_passdown queue_if_no_space needs_check 256, needs_check"
    })
    void ofAPoolInTrouble(String line, String trouble) {
        assertThat(PoolStatus.parse(line).trouble()).isEqualTo(trouble);
    }

    @ParameterizedTest
    @CsvSource({
        "0 409600 snapshot 24/65536 16, true",
        "0 409600 snapshot Invalid, false",
        "0 409600 snapshot Overflow, false",
        "0 409600 snapshot Merge failed, false"
    })
    void ofASnapshot(String line, boolean valid) {
        assertThat(CopyStatus.isValid(line)).isEqualTo(valid);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "0 409600 linear ",
                "0 409600 snapshot-origin ",
                "0 1 thin-pool 2 1 2 - rw - - - -"
            })
    void ofNeither(String line) {
        assertThatThrownBy(() -> PoolStatus.parse(line))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> CopyStatus.isValid(line))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
