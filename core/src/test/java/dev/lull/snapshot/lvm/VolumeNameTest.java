package dev.lull.snapshot.lvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class VolumeNameTest {
    @ParameterizedTest
    @CsvSource({
        "vg-home, vg, home",
        "my--vg-home, my-vg, home",
        "vg-my--home, vg, my-home",
        "a----b-c----, a--b, c--",
        "v.g+_-0, v.g+_, 0"
    })
    void isWhatDeviceMapperCallsItAndBack(String mapped, String group, String volume) {
        assertThat(VolumeName.ofMapped(mapped)).hasValue(new VolumeName(group, volume));
        assertThat(new VolumeName(group, volume).mapped()).isEqualTo(mapped);
    }

    /** One beneath a volume, one of somebody else's, and what no command is to be given. */
    @ParameterizedTest
    @ValueSource(
            strings = {"vg-home-real", "vg-pool-tpool", "home", "", "vg-", "-home", "v g-home"})
    void isNotThatOfAnythingElse(String mapped) {
        assertThat(VolumeName.ofMapped(mapped)).isEmpty();
    }

    @Test
    void isNoOption() {
        assertThatThrownBy(() -> new VolumeName("--yes", "home"))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new VolumeName("vg", "a/b"))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
