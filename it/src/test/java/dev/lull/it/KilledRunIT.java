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
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A backup that is killed with {@code kill -9} undoes nothing; the next command of its kind does it. */
class KilledRunIT {
    private static final Path RUNS = Path.of("/var/lib/lull/runs");
    private static final Path SCRIPT = Path.of("/var/lib/lull/it-killed-script");
    private static final int KILLED = 128 + 9;

    private ScratchFilesystem store;
    private ScratchFilesystem origin;
    private Path target;

    @BeforeEach
    void make() throws IOException {
        store = ScratchFilesystem.of(FilesystemType.XFS).mebibytes(512).make();
        origin = ScratchFilesystem.of(FilesystemType.EXT4).on(store).make();
        target = TestNamespace.current().directory("target");
        Files.writeString(origin.resolve("file"), "content");
    }

    @AfterEach
    void close() throws IOException {
        try {
            assertThat(FrozenProbe.isFrozen(origin)).isFalse();
            assertThat(leftovers()).isEmpty();
        } finally {
            Files.deleteIfExists(SCRIPT);
            Program.run("rm", "-rf", target.toString());
            store.thawIfFrozen();
            // Fails if a mount or a loop device of a snapshot is left.
            origin.close();
            store.close();
        }
    }

    /** Whatever a run may have made: journals, clones, snapshot records, mounts, half an archive. */
    private List<String> leftovers() throws IOException {
        List<String> mounts =
                Files.readAllLines(Path.of("/proc/self/mountinfo")).stream()
                        .map(line -> line.split(" ", 6)[4])
                        .filter(point -> point.startsWith("/run/lull/mnt-"))
                        .toList();
        List<String> files =
                Stream.of(
                                names(RUNS),
                                names(Path.of("/var/lib/lull/snapshots")),
                                names(Path.of("/run/lull")).filter(n -> n.startsWith("mnt-")),
                                names(store.resolve(".lull")),
                                names(target).filter(name -> name.endsWith(".partial")))
                        .flatMap(names -> names)
                        .toList();
        return Stream.concat(mounts.stream(), files.stream()).toList();
    }

    private static Stream<String> names(Path directory) throws IOException {
        if (!Files.isDirectory(directory)) {
            return Stream.of();
        }
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.map(entry -> entry.getFileName().toString()).toList().stream();
        }
    }

    private String place() {
        return origin.mountPoint().toString();
    }

    private LullProcess.Result backupThatRemovesIt() throws IOException {
        assertThat(LullProcess.run("doctor").errText()).doesNotContain("Exception");
        LullProcess.Result next =
                LullProcess.run("backup", place(), "--to", target.toString()).expect(0);
        assertThat(Path.of(next.onlyLine())).exists();
        return next;
    }

    @Test
    void withItsToolAtWorkInTheMountedSnapshot() throws Exception {
        LullProcess.run("backup", place(), "--", "sh", "-c", "kill -9 $PPID").expect(KILLED);
        assertThat(leftovers()).anyMatch(name -> name.startsWith("/run/lull/mnt-"));
        assertThat(LullProcess.run("doctor").outText())
                .contains("a run that was killed (lull backup, process ")
                .contains("hint: the next lull backup or snapshot removes it");

        assertThat(backupThatRemovesIt().errText())
                .contains("lull: removed what a killed run left (lull backup, process ")
                .contains("snapshot ")
                .contains("mounts in /run/lull/mnt-");
        assertThat(LullProcess.run("doctor").outText()).doesNotContain("was killed");
    }

    /** What somebody still uses is not pulled away; and nobody is kept from a backup by it. */
    @Test
    void withItsToolLivingOn() throws Exception {
        LullProcess.run("backup", place(), "--", "sh", "-c", "kill -9 $PPID; exec sleep 60 <.")
                .expect(KILLED);
        LullProcess.Result next = backupThatRemovesIt();
        assertThat(next.errText())
                .contains("lull: cannot remove all that a killed run left")
                .contains("EBUSY")
                .contains("hint: somebody still uses it: fuser -vm /run/lull/mnt-");
        assertThat(leftovers()).isNotEmpty();

        Program.run("sh", "-c", "fuser -k -m /run/lull/mnt-*/snapshot || pkill -x -f 'sleep 60'");
        await("the tool's end")
                .atMost(Duration.ofSeconds(10))
                .untilAsserted(() -> {
                    LullProcess.run("snapshot", "delete", id()).status();
                    assertThat(leftovers()).isEmpty();
                });
    }

    /** Of the first snapshot there is, or of one that is not there. */
    private static String id() {
        String listed = LullProcess.run("snapshot", "list", "--json").expect(0).outText();
        return listed.contains("\"id\"")
                ? listed.replaceFirst("(?s).*?\"id\"\\s*:\\s*\"([a-z2-7]+)\".*", "$1")
                : "aaaaaaaaaa";
    }

    @Test
    void withHalfAnArchive() throws Exception {
        Program.run(
                "dd",
                "if=/dev/urandom",
                "of=" + origin.resolve("much"),
                "bs=1M",
                "count=40",
                "status=none");
        try (LullProcess backup =
                LullProcess.start("backup", "--level", "19", place(), "--to", target.toString())) {
            await("half an archive")
                    .atMost(Duration.ofSeconds(60))
                    .pollInterval(Duration.ofMillis(5))
                    .until(() -> names(target).anyMatch(name -> name.endsWith(".partial")));
            backup.kill9();
            backup.finish().expect(KILLED);
        }
        assertThat(leftovers()).anyMatch(name -> name.endsWith(".partial"));
        LullProcess.Result next = LullProcess.run("snapshot", "take", "--json", place()).expect(0);
        assertThat(next.errText()).contains(".tar.zst.").contains(".partial");
        LullProcess.run("snapshot", "delete", id()).expect(0);
        assertThat(names(target)).isEmpty();
    }

    /** The record is there before the provider makes anything, so that its script can be told to delete it. */
    @Test
    void whileItsSnapshotIsPrepared() throws Exception {
        Path seen = target.resolve("seen");
        Files.writeString(
                SCRIPT,
                """
                #!/bin/sh
                echo "$1" >>%s
                [ "$1" = prepare ] && kill -9 $PPID
                exit 0
                """
                        .formatted(seen));
        Program.run("chmod", "755", SCRIPT.toString());
        LullProcess.run("snapshot", "take", "--script", SCRIPT.toString(), place()).expect(KILLED);
        assertThat(leftovers()).anyMatch(name -> name.endsWith(".json"));
        assertThat(seen).hasContent("prepare\n");

        LullProcess.run("snapshot", "delete", id()).expect(0);
        assertThat(Files.readAllLines(seen)).startsWith("prepare", "delete");
    }

    /** Frozen: the guard thaws at once, and the snapshot is nobody's. */
    @Test
    void whileItsSnapshotIsTaken() throws Exception {
        Files.writeString(
                SCRIPT,
                """
                #!/bin/sh
                case $1 in
                take) echo ready; read cut; kill -9 $PPID ;;
                esac
                exit 0
                """);
        Program.run("chmod", "755", SCRIPT.toString());
        LullProcess.run("snapshot", "take", "--script", SCRIPT.toString(), place()).expect(KILLED);
        FrozenProbe.awaitThawed(origin, Duration.ofSeconds(5));
        assertThat(LullProcess.run("snapshot", "list").expect(0).outText()).contains("taking");
        backupThatRemovesIt();
    }

    @Test
    void aRunThatIsAliveIsLeftAlone() throws Exception {
        Path marker = target.resolve("marker");
        try (LullProcess running =
                LullProcess.start(
                        "backup",
                        "--quiet",
                        place(),
                        "--",
                        "sh",
                        "-c",
                        "touch \"$1\"; while [ -e \"$1\" ]; do sleep 0.05; done; cat file",
                        "sh",
                        marker.toString())) {
            await("the tool").atMost(Duration.ofSeconds(30)).until(() -> Files.exists(marker));
            assertThat(backupThatRemovesIt().errText()).doesNotContain("killed run");
            Files.delete(marker);
            assertThat(running.finish().expect(0).out()).containsExactly("content");
        }
    }
}
