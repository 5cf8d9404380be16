package dev.lull.backup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.lull.plan.Manifest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ArchiveTest {
    private static final Compression QUICK = new Compression(1, 2);

    @TempDir Path scratch;
    private Path source;
    private Path destination;

    @BeforeEach
    void makeSomeFiles() throws IOException {
        source = Files.createDirectories(scratch.resolve("source"));
        destination = Files.createDirectories(scratch.resolve("destination"));
        byte[] noise = new byte[300_000];
        new Random(1).nextBytes(noise);
        Files.write(source.resolve("noise"), noise);
        Files.createDirectories(source.resolve("a/b"));
        Files.writeString(source.resolve("a/b/text"), "some text\n".repeat(10_000));
        Files.createLink(source.resolve("a/hard"), source.resolve("noise"));
        Files.createSymbolicLink(source.resolve("a/soft"), Path.of("../nowhere"));
        Files.writeString(source.resolve("new\nline"), "odd");
        Files.writeString(source.resolve("-dash"), "odd");
        Files.writeString(source.resolve("n".repeat(255)), "long");
        Files.setLastModifiedTime(
                source.resolve("noise"),
                FileTime.from(Instant.parse("2001-02-03T04:05:06.123456789Z")));
    }

    @Test
    void whatIsRestoredIsWhatWasThere() throws Exception {
        Archive archive = backUp("whole");
        Path restored = scratch.resolve("restored");

        archive.restore(restored, Archive.RestoreOptions.ALL, _ -> {});

        assertThat(Run.ok(scratch, "diff", "-r", "--no-dereference", "source", "restored"))
                .isEmpty();
        assertThat(Files.getLastModifiedTime(restored.resolve("noise")).toInstant())
                .isEqualTo("2001-02-03T04:05:06.123456789Z");
        assertThat(Files.getAttribute(restored.resolve("a/hard"), "unix:ino"))
                .isEqualTo(Files.getAttribute(restored.resolve("noise"), "unix:ino"));
    }

    @Test
    void onlyWhatIsNamedIsLeftOut() throws Exception {
        Files.createDirectories(source.resolve(".lull/aaaaaaaaaa"));
        Files.createDirectories(source.resolve("a/.lull"));
        Files.writeString(source.resolve("a/.lulled"), "x");
        List<TarEntry> entries = new ArrayList<>();

        backUp("names", ArchiveSource.of(source).without(List.of(Path.of(".lull"))))
                .list(entries::add);

        assertThat(entries)
                .extracting(TarEntry::name)
                .contains("./a/.lull/", "./a/.lulled")
                .noneMatch(name -> name.startsWith("./.lull"));
    }

    @Test
    void restoresWithoutLull() throws Exception {
        assumeThat(Files.exists(Path.of("/usr/bin/zstd"))).as("the zstd program").isTrue();
        Archive archive = backUp("plain");
        Files.createDirectory(scratch.resolve("by-tar"));

        Run.ok(scratch.resolve("by-tar"), "tar", "--zstd", "-xpf", archive.file().toString());

        assertThat(Run.ok(scratch, "diff", "-r", "--no-dereference", "source", "by-tar")).isEmpty();
    }

    @Test
    void theManifestHasTheSumsOfTheFile() throws Exception {
        Archive archive = backUp("sums");

        Manifest.Archive sums = archive.manifest().orElseThrow().archive().orElseThrow();

        assertThat(sums.bytes()).isEqualTo(Files.size(archive.file()));
        assertThat(Run.ok(destination, "sha256sum", "sums.tar.zst"))
                .startsWith(sums.sha256() + " ");
        assertThat(archive.verify(_ -> {})).isEqualTo(sums);
        assertThat(sums.entries()).isEqualTo(1 + 9);
    }

    @Test
    void listsNamesThatCanBePrinted() throws Exception {
        List<TarEntry> entries = new ArrayList<>();

        backUp("names").list(entries::add);

        assertThat(entries)
                .extracting(TarEntry::name)
                .contains("./", "./new\\nline", "./-dash", "./a/b/", "./" + "n".repeat(255));
    }

    @ParameterizedTest
    @ValueSource(doubles = {0, 0.01, 0.5, 0.99})
    void anArchiveCutShortIsDamaged(double part) throws Exception {
        Archive archive = backUp("cut");
        byte[] bytes = Files.readAllBytes(archive.file());
        Files.write(archive.file(), java.util.Arrays.copyOf(bytes, (int) (bytes.length * part)));

        assertThatThrownBy(() -> archive.verify(_ -> {}))
                .isInstanceOf(BackupException.Damaged.class)
                .hasMessageContaining("cut short");

        Files.delete(destination.resolve("cut.manifest.json"));
        assertThatThrownBy(() -> archive.verify(_ -> {}))
                .isInstanceOf(BackupException.Damaged.class)
                .hasMessageContaining("cut short");
    }

    @Test
    void everySingleFlippedBitIsDamage() throws Exception {
        Archive archive = backUp("bits");
        byte[] bytes = Files.readAllBytes(archive.file());
        Random random = new Random(2);
        for (int i = 0; i < 60; i++) {
            // The first bytes are the frame's header, the last its checksum: each of them, and some
            // between.
            int at =
                    i < 10
                            ? i
                            : i < 20 ? bytes.length - 1 - (i - 10) : random.nextInt(bytes.length);
            int bit = 1 << random.nextInt(8);
            bytes[at] ^= (byte) bit;
            Files.write(archive.file(), bytes);

            assertThatThrownBy(() -> archive.verify(_ -> {}))
                    .as("byte %d, bit %d", at, bit)
                    .isInstanceOf(BackupException.Damaged.class)
                    .hasMessageStartingWith("verify " + archive.file() + ": ");
            bytes[at] ^= (byte) bit;
        }
    }

    @Test
    void somethingAfterTheArchiveIsDamage() throws Exception {
        Archive archive = backUp("tail");
        Files.delete(destination.resolve("tail.manifest.json"));
        Files.writeString(archive.file(), "x", java.nio.file.StandardOpenOption.APPEND);

        assertThatThrownBy(() -> archive.verify(_ -> {}))
                .hasMessageContaining("something after its end");
    }

    @Test
    void aRestoreOfADamagedArchiveSaysSo() throws Exception {
        Archive archive = backUp("bad");
        byte[] bytes = Files.readAllBytes(archive.file());
        bytes[bytes.length / 2] ^= 4;
        Files.write(archive.file(), bytes);

        assertThatThrownBy(() ->
                        archive.restore(scratch.resolve("r"), Archive.RestoreOptions.ALL, _ -> {}))
                .isInstanceOf(BackupException.class)
                .hasMessageContaining("not to be relied on");
    }

    @Test
    void refusesADirectoryThatIsNotEmptyUnlessTold() throws Exception {
        Archive archive = backUp("again");
        Path full = Files.createDirectory(scratch.resolve("full"));
        Files.writeString(full.resolve("mine"), "mine");

        assertThatThrownBy(() -> archive.restore(full, Archive.RestoreOptions.ALL, _ -> {}))
                .isInstanceOf(BackupException.Refused.class)
                .hasMessageContaining("not empty");
        assertThat(full).isDirectoryNotContaining("glob:**noise");

        archive.restore(full, new Archive.RestoreOptions(List.of(), true), _ -> {});
        assertThat(full.resolve("mine")).hasContent("mine");
        assertThat(full.resolve("noise")).exists();
    }

    @Test
    void aFilesystemJustMadeIsEmpty() throws Exception {
        Archive archive = backUp("fresh");
        Path fresh = Files.createDirectories(scratch.resolve("fresh/lost+found")).getParent();

        archive.restore(fresh, Archive.RestoreOptions.ALL, _ -> {});

        assertThat(fresh.resolve("noise")).exists();
    }

    @ParameterizedTest
    @ValueSource(strings = {"a/b", "./a/b/", "/a/b"})
    void restoresAPart(String part) throws Exception {
        Archive archive = backUp("part");
        Path restored = scratch.resolve("part");

        archive.restore(restored, new Archive.RestoreOptions(List.of(part), false), _ -> {});

        assertThat(restored.resolve("a/b/text")).exists();
        assertThat(restored.resolve("noise")).doesNotExist();
    }

    @Test
    void aPartThatIsNotThereIsAFailure() throws Exception {
        Archive archive = backUp("missing");

        assertThatThrownBy(() ->
                        archive.restore(
                                scratch.resolve("m"),
                                new Archive.RestoreOptions(List.of("no/such"), false),
                                _ -> {}))
                .hasMessageContaining("no/such");
    }

    @Test
    void severalDirectoriesLieBelowTheirPaths() throws Exception {
        ArchiveSource both =
                new ArchiveSource(
                        source,
                        List.of(Path.of("a/b"), Path.of("-dash")),
                        List.of(),
                        Optional.empty());
        List<TarEntry> entries = new ArrayList<>();

        backUp("two", both).list(entries::add);

        assertThat(entries)
                .extracting(TarEntry::name)
                .containsExactly("./a/b/", "./a/b/text", "./-dash");
    }

    @Test
    void filesFromElsewhereTakeThePlaceOfThoseOfTheSameName() throws Exception {
        Path besides = Files.createDirectories(scratch.resolve("besides"));
        Files.createDirectories(besides.resolve("a/b"));
        Files.writeString(besides.resolve("a/b/text"), "from elsewhere");
        Files.writeString(besides.resolve("a/new"), "new");
        ArchiveSource source =
                ArchiveSource.of(this.source)
                        .with(
                                new ArchiveSource.Files(
                                        besides, List.of(Path.of("a/b/text"), Path.of("a/new"))));
        Path into = scratch.resolve("with-files");

        backUp("besides", source).restore(into, Archive.RestoreOptions.ALL, _ -> {});

        assertThat(into.resolve("a/b/text")).hasContent("from elsewhere");
        assertThat(into.resolve("a/new")).hasContent("new");
        assertThat(into.resolve("-dash")).exists();
    }

    @Test
    void nothingIsLeftOfAnArchiveThatWasNotCommitted() throws Exception {
        ArchiveTarget target = ArchiveTarget.in(destination, "dropped");
        try (PendingArchive pending =
                PendingArchive.write(ArchiveSource.of(source), target, QUICK, _ -> {})) {
            assertThat(pending.sums().entries()).isEqualTo(10);
        }

        assertThat(destination).isEmptyDirectory();
    }

    @Test
    void nothingIsLeftWhenTarFails() throws Exception {
        ArchiveTarget target = ArchiveTarget.in(destination, "failed");

        assertThatThrownBy(() ->
                        PendingArchive.write(
                                ArchiveSource.of(scratch.resolve("none")), target, QUICK, _ -> {}))
                .isInstanceOf(BackupException.class)
                .hasMessageContaining("tar ended with status 2")
                .hasMessageContaining("No such file");

        assertThat(destination).isEmptyDirectory();
    }

    @Test
    void nothingIsLeftWhenInterrupted() throws Exception {
        ArchiveTarget target = ArchiveTarget.in(destination, "interrupted");

        assertThatThrownBy(() ->
                        PendingArchive.write(
                                ArchiveSource.of(source),
                                target,
                                QUICK,
                                _ -> Thread.currentThread().interrupt()))
                .isInstanceOf(InterruptedException.class);

        assertThat(destination).isEmptyDirectory();
    }

    @Test
    void aDestinationThatVanishesIsAFailure() throws Exception {
        ArchiveTarget target = ArchiveTarget.in(destination, "gone");
        Files.move(destination, scratch.resolve("elsewhere"));

        assertThatThrownBy(() ->
                        PendingArchive.write(ArchiveSource.of(source), target, QUICK, _ -> {}))
                .isInstanceOf(BackupException.class)
                .hasMessageContaining(destination.toString());
    }

    @Test
    void aDestinationReplacedByAnotherIsAFailureAndNothingIsLeft() throws Exception {
        ArchiveTarget target = ArchiveTarget.in(destination, "swapped");
        try (PendingArchive pending =
                PendingArchive.write(ArchiveSource.of(source), target, QUICK, _ -> {})) {
            Files.move(destination, scratch.resolve("elsewhere"));
            Files.createDirectory(destination);

            assertThatThrownBy(() -> pending.commit(manifest(pending)))
                    .hasMessageContaining("is not the one it was when the backup began");
        }

        assertThat(destination).isEmptyDirectory();
    }

    /** A backup that is still written when the next of the same name begins must not take that one's bytes for its own. */
    @Test
    void twoOfOneNameDoNotMix() throws Exception {
        try (PendingArchive first =
                        PendingArchive.write(
                                ArchiveSource.of(source),
                                ArchiveTarget.in(destination, "same"),
                                QUICK,
                                _ -> {});
                PendingArchive second =
                        PendingArchive.write(
                                new ArchiveSource(
                                        source,
                                        List.of(Path.of("-dash")),
                                        List.of(),
                                        Optional.empty()),
                                ArchiveTarget.in(destination, "same"),
                                QUICK,
                                _ -> {})) {
            Archive archive = first.commit(manifest(first));

            assertThat(archive.verify(_ -> {}).entries()).isEqualTo(first.sums().entries());
            assertThatThrownBy(() -> second.commit(manifest(second)))
                    .isInstanceOf(BackupException.class)
                    .hasMessageContaining("somebody else made one of that name");
        }

        assertThat(destination.toFile().list()).hasSize(2);
    }

    @Test
    void neverReplacesAnArchive() throws Exception {
        backUp("mine");

        assertThatThrownBy(() -> ArchiveTarget.in(destination, "mine"))
                .isInstanceOf(BackupException.Refused.class)
                .hasMessageContaining("is there already");
    }

    @Test
    void aFullDestinationIsSaidInPlainWordsAndNothingIsLeft() throws Exception {
        assumeThat(System.getProperty("user.name")).as("may mount").isEqualTo("root");
        Path small = Files.createDirectory(scratch.resolve("small"));
        Run.ok(scratch, "mount", "-t", "tmpfs", "-o", "size=128k", "lull-test", small.toString());
        try {
            ArchiveTarget target = ArchiveTarget.in(small, "full");

            assertThatThrownBy(() ->
                            PendingArchive.write(ArchiveSource.of(source), target, QUICK, _ -> {}))
                    .isInstanceOf(BackupException.class)
                    .hasMessageContaining("ENOSPC (no space left on device)");

            assertThat(small).isEmptyDirectory();
        } finally {
            Run.ok(scratch, "umount", small.toString());
        }
    }

    @Test
    void theArchiveIsForItsOwnerOnly() throws Exception {
        assertThat(Files.getPosixFilePermissions(backUp("private").file()))
                .isEqualTo(java.nio.file.attribute.PosixFilePermissions.fromString("rw-------"));
    }

    @Test
    void noFileOfTheLibraryIsLeft() throws Exception {
        backUp("library");

        for (Path place : List.of(Path.of("/run/lull"), Path.of("/dev/shm"), Path.of("/tmp"))) {
            if (Files.isDirectory(place)) {
                try (Stream<Path> files = Files.list(place)) {
                    assertThat(files)
                            .noneMatch(file -> file.getFileName().toString().startsWith("zstd-"));
                }
            }
        }
    }

    private Archive backUp(String name) throws Exception {
        return backUp(name, ArchiveSource.of(source));
    }

    private Archive backUp(String name, ArchiveSource what) throws Exception {
        try (PendingArchive pending =
                PendingArchive.write(what, ArchiveTarget.in(destination, name), QUICK, _ -> {})) {
            pending.verify(_ -> {});
            return pending.commit(manifest(pending));
        }
    }

    private static Manifest manifest(PendingArchive pending) {
        return new Manifest(
                "test",
                Instant.EPOCH,
                "host",
                "6.1",
                Optional.empty(),
                List.of(),
                List.of(),
                Optional.of(pending.sums()),
                List.of(),
                pending.notes(),
                List.of());
    }
}
