package dev.lull.snapshot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lull.linux.DeviceNumber;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SnapshotRecordsTest {
    @TempDir Path temporary;

    private Path directory;
    private SnapshotRecords records;

    @BeforeEach
    void registry() {
        directory = temporary.resolve("lib/lull/snapshots");
        records = new SnapshotRecords(directory);
    }

    private static SnapshotRecord sample(SnapshotId id, Instant created) {
        return new SnapshotRecord(
                id,
                "reflink",
                SnapshotState.TAKING,
                created,
                Path.of("/srv/with \"quotes\" and\nnewline"),
                new DeviceNumber(7, 3),
                "ext4",
                Optional.of("0a1b2c3d-0000-0000-0000-000000000000"),
                Map.of("file", "/srv/.lull/x.img", "odd", "ä \t\u0000"),
                List.of(Path.of("nested/a b")),
                Optional.empty(),
                Optional.of("nightly"));
    }

    @Test
    void whatIsWrittenIsFoundAgain() throws Exception {
        SnapshotRecord snapshot =
                sample(SnapshotId.random(), Instant.parse("2025-05-06T07:08:09.123456789Z"));
        records.write(snapshot);
        assertThat(records.find(snapshot.id())).contains(snapshot);

        SnapshotRecord done = snapshot.with(SnapshotState.INCONSISTENT, "lease expired");
        records.write(done);
        assertThat(records.find(snapshot.id())).contains(done);
        assertThat(records.list().records()).containsExactly(done);
    }

    @Test
    void onlyTheOwnerCanEnterAndNothingTemporaryStays() throws Exception {
        SnapshotRecord snapshot = sample(SnapshotId.random(), Instant.EPOCH);
        records.write(snapshot);
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(directory)))
                .isEqualTo("rwx------");
        try (Stream<Path> files = Files.list(directory)) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactly(snapshot.id() + ".json");
        }
    }

    @Test
    void listIsOldestFirst() throws Exception {
        SnapshotRecord newer = sample(SnapshotId.random(), Instant.ofEpochSecond(2));
        SnapshotRecord older = sample(SnapshotId.random(), Instant.ofEpochSecond(1));
        records.write(newer);
        records.write(older);
        assertThat(records.list().records()).containsExactly(older, newer);
    }

    @Test
    void aRecordIsDeletedOnceAndTwice() throws Exception {
        SnapshotRecord snapshot = sample(SnapshotId.random(), Instant.EPOCH);
        records.delete(snapshot.id());
        records.write(snapshot);
        records.delete(snapshot.id());
        records.delete(snapshot.id());
        assertThat(records.find(snapshot.id())).isEmpty();
        assertThat(records.list().records()).isEmpty();
    }

    @Test
    void aKilledWriterLeavesNothingThatDisturbs() throws Exception {
        SnapshotRecord snapshot = sample(SnapshotId.random(), Instant.EPOCH);
        records.write(snapshot);
        Files.writeString(directory.resolve("." + snapshot.id() + ".new"), "{\"ver");
        assertThat(records.list().unreadable()).isEmpty();
        records.write(snapshot);
        assertThat(records.find(snapshot.id())).contains(snapshot);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "rubbish",
                "[]",
                "{}",
                "{\"version\":1,\"id\":\"../../etc/x\"}",
                "{\"version\":2,\"id\":\"aaaaaaaaaa\"}",
                "{\"version\":1,\"version\":1}",
                "{\"version\":1,\"id\":\"aaaaaaaaaa\",\"provider\":\"reflink\",\"state\":\"fine\","
                        + "\"created\":\"2025-01-01T00:00:00Z\",\"mountPoint\":\"/a\",\"device\":\"7:1\",\"type\":\"xfs\"}",
                "{\"version\":1,\"id\":\"aaaaaaaaaa\",\"provider\":\"reflink\",\"state\":\"good\","
                        + "\"created\":\"yesterday\",\"mountPoint\":\"/a\",\"device\":\"7:1\",\"type\":\"xfs\"}",
                "{\"version\":1,\"id\":\"aaaaaaaaaa\",\"provider\":\"reflink\",\"state\":\"good\","
                        + "\"created\":\"2025-01-01T00:00:00Z\",\"mountPoint\":\"a\",\"device\":\"7:1\",\"type\":\"xfs\"}",
                "{\"version\":1,\"id\":\"aaaaaaaaaa\",\"provider\":\"reflink\",\"state\":\"good\","
                        + "\"created\":\"2025-01-01T00:00:00Z\",\"mountPoint\":\"/a\",\"device\":\"7\",\"type\":\"xfs\"}",
                "{\"version\":1,\"names\":{\"file\":[\"x\"]}}",
                "{\"version\":1,\"leftOut\":[1]}",
                "{\"version\":1,\"mountPoint\":\"\\u0000\"}",
            })
    void aBadRecordIsReportedAndTheOthersListed(String content) throws Exception {
        SnapshotRecord good = sample(SnapshotId.random(), Instant.EPOCH);
        records.write(good);
        Path bad = directory.resolve("aaaaaaaaaa.json");
        Files.writeString(bad, content);

        SnapshotRecords.Listing listing = records.list();
        assertThat(listing.records()).containsExactly(good);
        assertThat(listing.unreadable()).containsOnlyKeys(bad);
        assertThatThrownBy(() -> records.find(new SnapshotId("aaaaaaaaaa")))
                .isInstanceOf(SnapshotException.class)
                .hasMessageContaining(bad.toString());
    }

    @Test
    void deeplyNestedAndHugeRecordsAreReported() throws Exception {
        records.write(sample(SnapshotId.random(), Instant.EPOCH));
        Files.writeString(directory.resolve("bbbbbbbbbb.json"), "{\"x\":" + "[".repeat(100_000));
        Files.writeString(directory.resolve("cccccccccc.json"), " ".repeat(300_000));
        Files.createSymbolicLink(directory.resolve("dddddddddd.json"), Path.of("/dev/zero"));
        Files.createDirectory(directory.resolve("eeeeeeeeee.json"));
        assertThat(records.list().unreadable()).hasSize(4);
        assertThat(records.list().records()).hasSize(1);
    }

    @Test
    void aRecordUnderAnotherNameIsNotBelieved() throws Exception {
        SnapshotRecord snapshot = sample(SnapshotId.random(), Instant.EPOCH);
        records.write(snapshot);
        Files.move(
                directory.resolve(snapshot.id() + ".json"), directory.resolve("aaaaaaaaaa.json"));
        assertThat(records.list().unreadable())
                .containsOnlyKeys(directory.resolve("aaaaaaaaaa.json"));
    }

    @Test
    void whatANewerLullAddedIsSkipped() throws Exception {
        SnapshotRecord snapshot = sample(SnapshotId.random(), Instant.EPOCH);
        records.write(snapshot);
        Path file = directory.resolve(snapshot.id() + ".json");
        Files.writeString(
                file,
                Files.readString(file).replaceFirst("\\{", "{\"new\":[{\"a\":1}],\"more\":null,"));
        assertThat(records.find(snapshot.id())).contains(snapshot);
    }

    @Test
    void aDirectoryThatOthersCanWriteToIsRefused() throws Exception {
        Files.createDirectories(directory);
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxrwxrwx"));
        assertThatThrownBy(records::list)
                .isInstanceOfSatisfying(
                        SnapshotException.class, e -> assertThat(e.hint()).isPresent());
        assertThatThrownBy(() -> records.write(sample(SnapshotId.random(), Instant.EPOCH)))
                .isInstanceOf(SnapshotException.class);
    }

    @Test
    void aFailedWriteKeepsTheEarlierRecord() throws Exception {
        SnapshotRecord snapshot = sample(SnapshotId.random(), Instant.EPOCH);
        records.write(snapshot);
        // A directory in the way that cannot be deleted like a file.
        Path inTheWay = directory.resolve("." + snapshot.id() + ".new");
        Files.createDirectories(inTheWay.resolve("full"));
        assertThatThrownBy(() -> records.write(snapshot.with(SnapshotState.GOOD)))
                .isInstanceOf(SnapshotException.class)
                .hasCauseInstanceOf(IOException.class);
        assertThat(records.find(snapshot.id())).contains(snapshot);
    }
}
