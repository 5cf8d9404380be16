package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.SnapshotScript;
import dev.lull.it.harness.TestNamespace;
import dev.lull.it.harness.Writer;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The main job, on an ext4 in an image on an XFS: freeze, snapshot, thaw, back up, verify, restore. */
class BackupIT {
    private ScratchFilesystem store;
    private ScratchFilesystem origin;
    private Path target;

    @BeforeEach
    void make() {
        store = ScratchFilesystem.of(FilesystemType.XFS).mebibytes(512).make();
        origin = ScratchFilesystem.of(FilesystemType.EXT4).on(store).make();
        target = TestNamespace.current().directory("target");
    }

    @AfterEach
    void nothingIsLeft() {
        try {
            assertThat(FrozenProbe.isFrozen(origin)).isFalse();
            assertThat(FrozenProbe.isFrozen(store)).isFalse();
            assertThat(
                            LullProcess.run("snapshot", "list", "--json")
                                    .expect(0)
                                    .outText()
                                    .replaceAll("\\s", ""))
                    .isEqualTo("[]");
        } finally {
            Program.run("rm", "-rf", target.toString());
            store.thawIfFrozen();
            // Fails if a mount or a loop device of the snapshot is left.
            origin.close();
            store.close();
        }
    }

    @Test
    void whatIsRestoredEqualsWhatWasBackedUp() {
        Program.run(script("populate"), place());
        String before = describe(origin.mountPoint());

        Path archive = backup();
        LullProcess.run("verify", archive.toString()).expect(0);

        Path restored = target.resolve("restored");
        LullProcess.run("restore", archive.toString(), restored.toString()).expect(0);
        assertThat(describe(restored)).isEqualTo(before);
        Program.run(
                "diff",
                "-r",
                "--no-dereference",
                "-x",
                "fifo",
                "-x",
                "null",
                "-x",
                "block",
                place(),
                restored.toString());
        assertThat(blocks(restored.resolve("plain/sparse"))).as("sparse").isLessThan(1000);
    }

    /** A standard format: nobody needs lull to get at the data. */
    @Test
    void anArchiveCanBeRestoredWithoutLull() throws IOException {
        Program.run(script("populate"), place());
        String before = describe(origin.mountPoint());
        Path archive = backup();
        Path restored = Files.createDirectory(target.resolve("restored"));
        Program.run(
                "sh",
                "-c",
                "zstd -qdc \"$1\" >\"$2\"",
                "sh",
                archive.toString(),
                target.resolve("tar").toString());
        Program.run(
                "tar",
                "--extract",
                "--file",
                target.resolve("tar").toString(),
                "--directory",
                restored.toString(),
                "--preserve-permissions",
                "--same-owner",
                "--numeric-owner",
                "--xattrs",
                "--xattrs-include=*",
                "--acls");
        assertThat(describe(restored)).isEqualTo(before);
    }

    /** What is written while the backup runs is not in it, and the writer goes on. */
    @Test
    void aBackupUnderLoadIsOfOneInstant() {
        try (var writer = Writer.start(origin)) {
            Path archive = backup("--verify-filesystem");
            writer.awaitGoing();
            LullProcess.run("verify", archive.toString()).expect(0);
            assertThat(LullProcess.run("list", archive.toString()).expect(0).outText())
                    .contains("written");
        }
    }

    @Test
    void aToolOfTheUsersRunsInTheMountedSnapshot() throws IOException {
        Files.writeString(origin.resolve("file"), "as it was");
        LullProcess.Result result =
                LullProcess.run(
                        "backup",
                        "--quiet",
                        place(),
                        "--",
                        "sh",
                        "-c",
                        "echo changed >\"$1/file\"; [ \"$(pwd -P)\" = \"$LULL_SNAPSHOT\" ] && cat file; ! touch new 2>/dev/null",
                        "sh",
                        place());
        assertThat(result.expect(0).out()).containsExactly("as it was");
        LullProcess.run("backup", "--quiet", place(), "--", "sh", "-c", "exit 7").expect(7);
        LullProcess.run("backup", "--quiet", place(), "--", "no-such-command").expect(127);
    }

    // ---- not held to the end

    @ParameterizedTest
    @ValueSource(
            strings = {
                // Writers are freed by the deadline while the snapshot is being taken.
                "sleep 3",
                "fsfreeze -u \"$LULL_MOUNT_POINT\"",
                "fsfreeze -u \"$LULL_MOUNT_POINT\"; fsfreeze -f \"$LULL_MOUNT_POINT\""
            })
    void aSnapshotThatWasNotHeldToTheEndIsNeitherGoodNorKept(String meanwhile) throws IOException {
        Path script = SnapshotScript.withBeforeTheCut("    " + meanwhile + "\n");
        LullProcess.Result result =
                LullProcess.run(
                        "backup",
                        "--timeout",
                        "2s",
                        "--script",
                        script.toString(),
                        place(),
                        "--to",
                        target.toString());
        // 1 where lull itself gave the script up at the deadline.
        assertThat(result.status()).as("%s", result).isIn(1, 3);
        assertThat(result.errText()).contains("\nhint: ");
        assertThat(result.out()).isEmpty();
        assertThat(list(target)).as("no archive").isEmpty();
        assertThat(list(store.mountPoint()))
                .as("no snapshot")
                .containsExactly(origin.image().getFileName().toString());
        origin.thawIfFrozen();

        assertThat(
                        LullProcess.run(
                                        "backup",
                                        "--timeout",
                                        "2s",
                                        "--script",
                                        script.toString(),
                                        place(),
                                        "--",
                                        "true")
                                .status())
                .isIn(124, 125);
        origin.thawIfFrozen();
        assertThat(
                        LullProcess.run(
                                        "snapshot",
                                        "take",
                                        "--timeout",
                                        "2s",
                                        "--script",
                                        script.toString(),
                                        place())
                                .status())
                .isIn(1, 3);
        origin.thawIfFrozen();
        assertThat(list(store.mountPoint()))
                .containsExactly(origin.image().getFileName().toString());
    }

    @Test
    void aSnapshotThatWasNotHeldIsKeptWhereAskedAndMarked() throws IOException {
        Path script = SnapshotScript.withBeforeTheCut("    fsfreeze -u \"$LULL_MOUNT_POINT\"\n");
        LullProcess.run(
                        "snapshot",
                        "take",
                        "--keep-inconsistent",
                        "--script",
                        script.toString(),
                        place())
                .expect(3);
        LullProcess.Result listed = LullProcess.run("snapshot", "list", "--json").expect(0);
        assertThat(listed.outText()).contains("\"inconsistent\"");
        String id = listed.outText().replaceFirst("(?s).*\"id\"\\s*:\\s*\"([a-z2-7]+)\".*", "$1");
        LullProcess.run("snapshot", "delete", id).expect(0);
    }

    // ---- bad input

    @Test
    void aDestinationOnWhatIsToBeFrozen() throws IOException {
        refused(
                2,
                origin.mountPoint().toString(),
                "backup",
                place(),
                "--to",
                Files.createDirectory(origin.resolve("backups")).toString());
    }

    @Test
    void aDestinationThatIsNotThere() {
        refused(2, "absent", "backup", place(), "--to", target.resolve("absent/deeper").toString());
    }

    @Test
    void aDestinationThatIsFull() throws IOException {
        Program.run(
                "dd",
                "if=/dev/urandom",
                "of=" + origin.resolve("much"),
                "bs=1M",
                "count=8",
                "status=none");
        Path full = Files.createDirectory(target.resolve("full"));
        Program.run("mount", "-t", "tmpfs", "-o", "size=2m", "it", full.toString());
        try {
            refused(1, "ENOSPC", "backup", place(), "--to", full.toString());
            assertThat(list(full)).as("nothing half done").isEmpty();
        } finally {
            Program.run("umount", full.toString());
        }
    }

    /** The clone would be written to a frozen filesystem, and wait for the thaw. */
    @Test
    void aSnapshotWhoseTargetLiesInTheSet() {
        try (var bottom = ScratchFilesystem.of(FilesystemType.XFS).mebibytes(1024).make();
                var middle = ScratchFilesystem.of(FilesystemType.XFS).on(bottom).make();
                var top = ScratchFilesystem.of(FilesystemType.EXT4).on(middle).make()) {
            refused(
                    2,
                    top.mountPoint().toString(),
                    "backup",
                    top.mountPoint().toString(),
                    middle.mountPoint().toString(),
                    "--to",
                    target.toString());
        }
    }

    @Test
    void nestedMounts() throws IOException {
        Path inner = Files.createDirectory(origin.resolve("inner"));
        try (var other = ScratchFilesystem.make(FilesystemType.EXT4)) {
            Program.run("mount", "--bind", other.mountPoint().toString(), inner.toString());
            try {
                refused(2, inner.toString(), "backup", place(), "--to", target.toString());
                backup("--one-file-system");
            } finally {
                Program.run("umount", inner.toString());
            }
        }
    }

    @Test
    void anArchiveCutShortOrChanged() throws IOException {
        Program.run(
                "dd",
                "if=/dev/urandom",
                "of=" + origin.resolve("much"),
                "bs=1M",
                "count=2",
                "status=none");
        Path archive = backup();
        try (var file = new RandomAccessFile(archive.toFile(), "rw")) {
            long middle = file.length() / 2;
            file.seek(middle);
            int was = file.read();
            file.seek(middle);
            file.write(was ^ 1);
            refused(1, archive.toString(), "verify", archive.toString());
            refused(
                    1,
                    archive.toString(),
                    "restore",
                    archive.toString(),
                    target.resolve("changed").toString());
            file.seek(middle);
            file.write(was);
            LullProcess.run("verify", archive.toString()).expect(0);
            file.setLength(file.length() - 1);
            refused(1, archive.toString(), "verify", archive.toString());
        }
    }

    @Test
    void restoreRefusesADirectoryThatIsNotEmpty() throws IOException {
        Files.writeString(origin.resolve("file"), "new");
        Path archive = backup();
        Path full = Files.createDirectory(target.resolve("full"));
        Files.writeString(full.resolve("file"), "old");
        refused(2, full.toString(), "restore", archive.toString(), full.toString());
        assertThat(full.resolve("file")).hasContent("old");
        LullProcess.run("restore", "--into-existing", archive.toString(), full.toString())
                .expect(0);
        assertThat(full.resolve("file")).hasContent("new");
    }

    @Test
    void aFilesystemThatCannotFreeze() throws IOException {
        Path place = Files.createDirectory(target.resolve("tmpfs"));
        Program.run("mount", "-t", "tmpfs", "-o", "size=2m", "it", place.toString());
        try {
            refused(4, "EOPNOTSUPP", "backup", place.toString(), "--to", target.toString());
            refused(4, "EOPNOTSUPP", "snapshot", "take", place.toString());
        } finally {
            Program.run("umount", place.toString());
        }
    }

    /** Several at once, of which one cannot be deleted: the others go. */
    @Test
    void snapshotsAreMountedAndDeletedByTheirIds() throws IOException {
        Files.writeString(origin.resolve("file"), "as it was");
        List<String> ids = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            ids.add(LullProcess.run("snapshot", "take", "--quiet", place()).expect(0).onlyLine());
        }
        Path mounted = Files.createDirectory(target.resolve("mounted"));
        String told =
                LullProcess.run("snapshot", "mount", "--json", ids.get(1), mounted.toString())
                        .expect(0)
                        .onlyLine();
        assertThat(told)
                .contains("\"id\":\"" + ids.get(1) + "\"")
                .contains("\"path\":\"" + mounted + "\"");
        assertThat(mounted.resolve("file")).hasContent("as it was");

        LullProcess.Result deleted =
                LullProcess.run("snapshot", "delete", ids.get(0), ids.get(1), ids.get(2));
        assertThat(deleted.expect(1).errText()).contains(mounted.toString()).contains("\nhint: ");
        assertThat(LullProcess.run("snapshot", "list").expect(0).outText())
                .contains(ids.get(1))
                .doesNotContain(ids.get(0), ids.get(2));
        LullProcess.run("snapshot", "unmount", mounted.toString()).expect(0);
        LullProcess.run("snapshot", "delete", ids.get(1)).expect(0);
    }

    private static void refused(int status, String what, String... arguments) {
        LullProcess.Result result = LullProcess.run(arguments).expect(status);
        assertThat(result.errText())
                .as("%s", result)
                .contains(what)
                .contains("\nhint: ")
                .doesNotContain("Exception");
        assertThat(result.out()).isEmpty();
    }

    private Path backup(String... options) {
        List<String> arguments = new ArrayList<>(List.of("backup", "--quiet"));
        arguments.addAll(List.of(options));
        arguments.addAll(List.of(place(), "--to", target.toString()));
        Path archive =
                Path.of(LullProcess.run(arguments.toArray(String[]::new)).expect(0).onlyLine());
        assertThat(archive).exists().hasParent(target);
        return archive;
    }

    private static String describe(Path directory) {
        String description = Program.run(script("describe"), directory.toString());
        assertThat(description).endsWith("linked");
        return description;
    }

    private static long blocks(Path file) {
        return Long.parseLong(Program.run("stat", "-c", "%b", file.toString()));
    }

    private static List<String> list(Path directory) throws IOException {
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.map(entry -> entry.getFileName().toString())
                    .filter(name -> !name.equals(".lull"))
                    .toList();
        }
    }

    private static String script(String name) {
        return TestNamespace.script(name).toString();
    }

    private String place() {
        return origin.mountPoint().toString();
    }
}
