package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Applications that hooks bring to rest for a backup. */
class HooksIT {
    private static final Path HOOKS = Path.of("/var/lib/lull/it-hooks");

    private ScratchFilesystem store;
    private ScratchFilesystem origin;
    private Path target;
    private Path calls;

    @BeforeEach
    void make() throws IOException {
        store = ScratchFilesystem.of(FilesystemType.XFS).mebibytes(512).make();
        origin = ScratchFilesystem.of(FilesystemType.EXT4).on(store).make();
        target = TestNamespace.current().directory("target");
        Files.createDirectories(HOOKS);
        calls = TestNamespace.current().directory("calls").resolve("calls");
        Files.writeString(origin.resolve("file"), "content");
    }

    @AfterEach
    void close() throws IOException {
        try {
            assertThat(FrozenProbe.isFrozen(origin)).isFalse();
        } finally {
            Program.run(
                    "rm", "-rf", HOOKS.toString(), target.toString(), calls.getParent().toString());
            store.thawIfFrozen();
            origin.close();
            store.close();
        }
    }

    private void hook(String name, String freeze, String thaw) throws IOException {
        Path file = HOOKS.resolve(name);
        Files.writeString(
                file,
                String.join(
                        "\n",
                        "#!/bin/sh",
                        "echo \"" + name + " $1\" >> " + calls,
                        "case $1 in",
                        "freeze) " + freeze + " ;;",
                        "thaw) " + thaw + " ;;",
                        "esac",
                        ""));
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwx------"));
    }

    private List<String> calls() throws IOException {
        return Files.exists(calls) ? Files.readAllLines(calls) : List.of();
    }

    /** What is in the backup is what the application had on disk while it was at rest. */
    @Test
    void anApplicationIsAtRestInTheBackupAndGoesOnAfterIt() throws Exception {
        Path marker = origin.resolve("at-rest");
        hook("10-database", "touch " + marker, "rm " + marker);
        hook("20-queue", ":", ":");

        LullProcess.Result backup =
                LullProcess.run(
                                "backup",
                                origin.mountPoint().toString(),
                                "--hooks",
                                HOOKS.toString(),
                                "--to",
                                target.toString(),
                                "--json")
                        .expect(0);

        assertThat(calls())
                .containsExactly(
                        "10-database freeze",
                        "20-queue freeze",
                        "20-queue thaw",
                        "10-database thaw");
        assertThat(marker).doesNotExist();
        assertThat(backup.outText()).contains("\"applications\"").contains("10-database");
        Path archive;
        try (var files = Files.list(target)) {
            archive =
                    files.filter(f -> f.toString().endsWith(".tar.zst")).findFirst().orElseThrow();
        }
        Path restored = TestNamespace.current().directory("restored");
        LullProcess.run("restore", archive.toString(), restored.toString()).expect(0);
        assertThat(restored.resolve("at-rest")).exists();
        assertThat(restored.resolve("file")).hasContent("content");
        Program.run("rm", "-rf", restored.toString());
    }

    @Test
    void oneThatCannotBeBroughtToRestMakesTheBackupFail() throws Exception {
        hook("10-queue", ":", ":");
        hook("20-database", "echo the database is busy >&2; exit 5", ":");

        LullProcess.Result backup =
                LullProcess.run(
                                "backup",
                                origin.mountPoint().toString(),
                                "--hooks",
                                HOOKS.toString(),
                                "--to",
                                target.toString())
                        .expect(1);

        assertThat(backup.errText())
                .contains("lull: bring to rest hooks: " + HOOKS.resolve("20-database"))
                .contains("freeze ended with status 5, it said \"the database is busy\"")
                .contains("hint: run it by hand with the argument freeze");
        assertThat(calls())
                .containsExactly(
                        "10-queue freeze",
                        "20-database freeze",
                        "20-database thaw",
                        "10-queue thaw");
        try (var files = Files.list(target)) {
            assertThat(files).isEmpty();
        }
    }

    @Test
    void theyGoOnWhenTheBackupIsKilled() throws Exception {
        hook("10-queue", ":", ":");
        hook("20-database", "sleep 5", ":");
        try (LullProcess backup =
                LullProcess.start(
                        "snapshot",
                        "take",
                        origin.mountPoint().toString(),
                        "--hooks",
                        HOOKS.toString())) {
            await().atMost(Duration.ofMinutes(1))
                    .until(() -> calls().contains("20-database freeze"));
            backup.kill9();
            await().atMost(Duration.ofMinutes(1)).until(() -> calls().contains("10-queue thaw"));
        }
        assertThat(calls())
                .containsExactly(
                        "10-queue freeze",
                        "20-database freeze",
                        "20-database thaw",
                        "10-queue thaw");
        // The next run removes what that one had prepared.
        String id =
                LullProcess.run("snapshot", "take", origin.mountPoint().toString())
                        .expect(0)
                        .onlyLine();
        LullProcess.run("snapshot", "delete", id).expect(0);
    }
}
