package dev.lull.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lull.linux.DeviceNumber;
import dev.lull.snapshot.SnapshotId;
import dev.lull.snapshot.SnapshotRecord;
import dev.lull.snapshot.SnapshotState;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class RetentionTest {
    private static final Optional<String> NIGHTLY = Optional.of("nightly");

    private int minute;

    private SnapshotRecord snapshot(String uuid, SnapshotState state, Optional<String> label) {
        minute++;
        return new SnapshotRecord(
                SnapshotId.random(),
                "reflink",
                state,
                Instant.EPOCH.plusSeconds(60L * minute),
                Path.of("/srv"),
                new DeviceNumber(7, minute),
                "ext4",
                Optional.of(uuid).filter(u -> !u.isEmpty()),
                Map.of(),
                List.of(),
                Optional.empty(),
                label);
    }

    private SnapshotRecord good(String uuid) {
        return snapshot(uuid, SnapshotState.GOOD, NIGHTLY);
    }

    @Test
    void theNewestOfEachFilesystemAreKept() {
        SnapshotRecord first = good("a");
        SnapshotRecord second = good("b");
        SnapshotRecord third = good("a");
        List<SnapshotRecord> all =
                List.of(first, second, third, good("a"), good("b"), good("b"), good(""), good("a"));

        assertThat(new Retention("nightly", 2).tooMany(all)).containsExactly(first, second, third);
        assertThat(new Retention("nightly", 9).tooMany(all)).isEmpty();
    }

    @Test
    void whatIsNotGoodOrSomebodyElsesIsLeftAlone() {
        List<SnapshotRecord> all =
                List.of(
                        snapshot("a", SnapshotState.INCONSISTENT, NIGHTLY),
                        snapshot("a", SnapshotState.TAKING, NIGHTLY),
                        snapshot("a", SnapshotState.GOOD, Optional.empty()),
                        snapshot("a", SnapshotState.GOOD, Optional.of("weekly")),
                        good("a"));

        assertThat(new Retention("nightly", 1).tooMany(all)).isEmpty();
    }

    @Test
    void oneIsKeptAtLeast() {
        assertThatThrownBy(() -> new Retention("nightly", 0))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
