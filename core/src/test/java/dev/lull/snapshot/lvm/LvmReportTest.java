package dev.lull.snapshot.lvm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lull.linux.DeviceNumber;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LvmReportTest {
    /** As LVM 2.03.16 prints it. */
    private static final String THIN =
            """
              {
                  "report": [
                      {
                          "lv": [
                              {"vg_name":"vg", "vg_uuid":"6sFST8-aHdg-35rW-cIkY-mBvC-9bc2-gmK5xW", "vg_free":"931135488", \
            "vg_extent_size":"4194304", "vg_missing_pv_count":"0", "lv_name":"thin", \
            "lv_uuid":"9UNJqx-EZ5h-Z4TY-M3P3-Kt2p-IQD8-g4mY8Y", "segtype":"thin", "lv_size":"419430400", \
            "data_percent":"16.11", "origin":"", "pool_lv":"pool", "lv_tags":"a,lull", "lv_role":"public", \
            "lv_kernel_major":"253", "lv_kernel_minor":"4"}
                          ]
                      }
                  ]
              }
            """;

    private static List<Map<String, String>> read(String text) {
        return LvmReport.read(text.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void tellsOfAVolume() {
        Volume volume = Volume.of(read(THIN).getFirst());
        assertThat(volume.name()).isEqualTo(new VolumeName("vg", "thin"));
        assertThat(volume.uuid()).isEqualTo("9UNJqxEZ5hZ4TYM3P3Kt2pIQD8g4mY8Y");
        assertThat(volume.isThin()).isTrue();
        assertThat(volume.isOurs()).isTrue();
        assertThat(volume.complete()).isTrue();
        assertThat(volume.occupiedBytes()).isEqualTo(67570237);
        assertThat(volume.device()).hasValue(new DeviceNumber(253, 4));
        assertThat(volume.node()).hasValue(Path.of("/dev/dm-4"));
    }

    @Test
    void tellsOfOneThatIsNotActive() {
        Volume volume =
                Volume.of(
                        read(THIN.replace("\"253\"", "\"-1\"")
                                        .replace("\"4\"}", "\"-1\"}")
                                        .replace("16.11", "")
                                        .replace("a,lull", "lullaby"))
                                .getFirst());
        assertThat(volume.node()).isEmpty();
        assertThat(volume.occupiedBytes()).isZero();
        assertThat(volume.isOurs()).isFalse();
    }

    @Test
    void tellsOfNone() {
        assertThat(read("{\"report\": [{\"lv\": []}]}")).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"{", "{\"report\": [{\"lv\": [{\"a\": \"b\"", "no report", "\"x\""})
    void isRefusedIfItIsNone(String text) {
        assertThatThrownBy(() -> read(text)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void isRefusedIfItDoesNotTellEnough() {
        assertThatThrownBy(() -> Volume.of(Map.of("vg_name", "vg")))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
