package dev.lull.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class MountInfoTest {
    private static List<Mount> parse(String table) {
        return MountInfo.parse(table.getBytes(StandardCharsets.UTF_8));
    }

    private static Mount one(String line) {
        List<Mount> mounts = parse(line);
        assertThat(mounts).hasSize(1);
        return mounts.getFirst();
    }

    @Test
    void readsEveryField() {
        Mount mount =
                one(
                        "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root"
                                + " rw,errors=continue\n");
        assertThat(mount)
                .isEqualTo(
                        new Mount(
                                36,
                                35,
                                new DeviceNumber(98, 0),
                                "/mnt1",
                                Path.of("/mnt2"),
                                List.of("rw", "noatime"),
                                "ext3",
                                "/dev/root",
                                List.of("rw", "errors=continue")));
        assertThat(mount.superblockReadOnly()).isFalse();
    }

    @Test
    void keepsTheOrderOfLines() {
        assertThat(
                        parse(
                                """
                                1 0 8:1 / / rw - ext4 /dev/sda1 rw
                                2 1 8:2 / /a rw - xfs /dev/sda2 ro
                                3 2 8:1 / /a rw - ext4 /dev/sda1 rw
                                """))
                .extracting(Mount::id)
                .containsExactly(1, 2, 3);
    }

    @Test
    void takesAnyNumberOfOptionalFields() {
        assertThat(one("1 0 8:1 / /a rw - ext4 s rw").type()).isEqualTo("ext4");
        assertThat(
                        one("1 0 8:1 / /a rw shared:7 master:2 propagate_from:3"
                                        + " unbindable new:x - ext4 s rw")
                                .type())
                .isEqualTo("ext4");
    }

    @Test
    void undoesOctalEscapes() {
        Mount mount =
                one(
                        "1 0 8:1 /r\\040o /a\\040b\\011c\\012d\\134e\\043 rw - ext4 s\\040t rw,x\\040y");
        assertThat(mount.root()).isEqualTo("/r o");
        assertThat(mount.mountPoint()).isEqualTo(Path.of("/a b\tc\nd\\e#"));
        assertThat(mount.source()).isEqualTo("s t");
        assertThat(mount.superOptions()).containsExactly("rw", "x y");
    }

    @Test
    void undoesEachEscapeOnce() {
        // The directory is called \040, four characters long.
        assertThat(one("1 0 8:1 / /\\134040 rw - ext4 s rw").mountPoint())
                .isEqualTo(Path.of("/\\040"));
        assertThat(one("1 0 8:1 / /\\04 rw - ext4 s rw").mountPoint()).isEqualTo(Path.of("/\\04"));
        assertThat(one("1 0 8:1 / /\\777\\089 rw - ext4 s rw").mountPoint())
                .isEqualTo(Path.of("/\\777\\089"));
    }

    @Test
    void isNotTakenInByNamesThatLookLikeOtherFields() {
        Mount mount = one("1 0 8:1 /- /a\\040-\\040ext4\\040/dev/sda\\040rw\\0122 rw - xfs - rw");
        assertThat(mount.root()).isEqualTo("/-");
        assertThat(mount.mountPoint()).isEqualTo(Path.of("/a - ext4 /dev/sda rw\n2"));
        assertThat(mount.type()).isEqualTo("xfs");
        assertThat(mount.source()).isEqualTo("-");
    }

    @Test
    void takesAnEmptySource() {
        Mount mount = one("1 0 0:40 / /a rw - tmpfs  rw,size=4k");
        assertThat(mount.source()).isEmpty();
        assertThat(mount.superOptions()).containsExactly("rw", "size=4k");
    }

    @Test
    void keepsNamesThatAreNoText() {
        byte[] line = "1 0 8:1 / /x# rw - ext4 s rw".getBytes(StandardCharsets.ISO_8859_1);
        line[12] = (byte) 0xE9;
        Path mountPoint = MountInfo.parse(line).getFirst().mountPoint();
        assertThat(PathBytes.encode(mountPoint)).containsExactly('/', 'x', 0xE9);
    }

    @Test
    void knowsAReadOnlySuperblock() {
        assertThat(one("1 0 8:1 / /a rw - ext4 s ro").superblockReadOnly()).isTrue();
        assertThat(one("1 0 8:1 / /a ro - ext4 s rw,errors=remount-ro").superblockReadOnly())
                .isFalse();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "\n",
                "1",
                "1 0 8:1 / /a rw",
                "1 0 8:1 / /a rw - ext4 s",
                "1 0 8:1 / /a rw shared:1 ext4 s rw",
                "x 0 8:1 / /a rw - ext4 s rw",
                "1 0 8 / /a rw - ext4 s rw",
                "1 0 8:x / /a rw - ext4 s rw",
                "99999999999 0 8:1 / /a rw - ext4 s rw"
            })
    void refusesMalformedLines(String line) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> parse(line))
                .withMessageContaining("malformed line of mountinfo");
    }

    @Test
    void ofNothingIsEmpty() {
        assertThat(parse("")).isEmpty();
    }
}
