package dev.lull.snapshot;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Mount;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class NestedMountsTest {
    private static final List<Mount> MOUNTS =
            Stream.of("/", "/srv", "/srv/a", "/srv/a/b", "/srvother", "/srv")
                    .map(NestedMountsTest::mount)
                    .toList();

    private static Mount mount(String point) {
        return new Mount(
                1,
                1,
                new DeviceNumber(8, 1),
                "/",
                Path.of(point),
                List.of("rw"),
                "ext4",
                "/dev/sda1",
                List.of("rw"));
    }

    @Test
    void areThoseStrictlyBelow() {
        assertThat(NestedMounts.below(Path.of("/srv"), MOUNTS))
                .extracting(Mount::mountPoint)
                .containsExactly(Path.of("/srv/a"), Path.of("/srv/a/b"));
        assertThat(NestedMounts.below(Path.of("/srv/a/b"), MOUNTS)).isEmpty();
        assertThat(NestedMounts.below(Path.of("/"), MOUNTS)).hasSize(5);
    }
}
