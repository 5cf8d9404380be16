package dev.lull.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class MountTreeTest {
    private static Mount mount(int id, int parent, int disk, String root, String point) {
        return new Mount(
                id,
                parent,
                new DeviceNumber(8, disk),
                root,
                Path.of(point),
                List.of("rw"),
                "ext4",
                "/dev/sda" + disk,
                List.of("rw"));
    }

    private static final Mount ROOT = mount(20, 1, 0, "/", "/");
    private static final Mount SRV = mount(21, 20, 1, "/", "/srv");
    private static final Mount DB = mount(22, 21, 2, "/", "/srv/db");

    private static int at(MountTree tree, String path) {
        return tree.at(Path.of(path)).map(Mount::id).orElse(0);
    }

    @Test
    void aMountPointShowsWhatIsMountedThere() {
        MountTree tree = new MountTree(List.of(ROOT, SRV, DB));
        assertThat(at(tree, "/")).isEqualTo(20);
        assertThat(at(tree, "/srv")).isEqualTo(21);
        assertThat(at(tree, "/srv/db")).isEqualTo(22);
        assertThat(tree.within(Path.of("/srv"))).containsExactly(SRV, DB);
    }

    @Test
    void whereNothingIsMountedNothingIsSeenAndNeverTheParent() {
        MountTree tree = new MountTree(List.of(ROOT, SRV));
        assertThat(at(tree, "/srv/db")).isZero();
        assertThat(at(tree, "/sr")).isZero();
        assertThat(tree.within(Path.of("/srv/db"))).isEmpty();
        assertThat(tree.within(Path.of("/sr"))).isEmpty();
    }

    @Test
    void ofSeveralAtOnePlaceTheTopmostIsSeenInWhateverOrderTheyStand() {
        Mount over = mount(30, 21, 3, "/", "/srv");
        assertThat(at(new MountTree(List.of(ROOT, SRV, over)), "/srv")).isEqualTo(30);
        assertThat(at(new MountTree(List.of(over, SRV, ROOT)), "/srv")).isEqualTo(30);
    }

    @Test
    void whatACoverOfAParentHidesIsNotSeen() {
        Mount over = mount(30, 21, 3, "/", "/srv");
        MountTree tree = new MountTree(List.of(ROOT, SRV, DB, over));
        assertThat(at(tree, "/srv/db")).isZero();
        assertThat(tree.within(Path.of("/srv"))).containsExactly(over);
    }

    @Test
    void aRootOnARootIsTheRoot() {
        Mount over = mount(40, 20, 4, "/", "/");
        MountTree tree = new MountTree(List.of(ROOT, over, mount(41, 40, 5, "/", "/srv")));
        assertThat(at(tree, "/")).isEqualTo(40);
        assertThat(at(tree, "/srv")).isEqualTo(41);
    }

    @Test
    void aTableWithoutARootOrThatGoesRoundShowsNothing() {
        assertThat(at(new MountTree(List.of()), "/")).isZero();
        assertThat(at(new MountTree(List.of(SRV)), "/srv")).isZero();
        Mount first = mount(1, 2, 0, "/", "/");
        Mount second = mount(2, 1, 0, "/", "/");
        assertThat(at(new MountTree(List.of(first, second)), "/srv")).isZero();
        assertThat(at(new MountTree(List.of(mount(1, 1, 0, "/", "/"))), "/")).isEqualTo(1);
    }
}
