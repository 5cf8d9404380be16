package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Backups by the name of a plan. */
class PlansIT {
    private static final Path FILE = Path.of("/var/lib/lull/it-plans.yaml");

    private ScratchFilesystem store;
    private ScratchFilesystem origin;
    private Path target;

    @BeforeEach
    void make() throws IOException {
        store = ScratchFilesystem.of(FilesystemType.XFS).mebibytes(512).make();
        origin = ScratchFilesystem.of(FilesystemType.EXT4).on(store).make();
        target = TestNamespace.current().directory("target");
        Files.writeString(origin.resolve("file"), "content");
        Files.writeString(
                FILE,
                """
                plans:
                  nightly:
                    paths: %s
                    to: %s
                    name: nightly
                    verify-filesystem: true
                  own:
                    paths: [%s]
                    command: [sh, -c, 'cat file; exit 7']
                """
                        .formatted(origin.mountPoint(), target, origin.mountPoint()));
    }

    @AfterEach
    void close() throws IOException {
        Files.deleteIfExists(FILE);
        Program.run("rm", "-rf", target.toString());
        origin.close();
        store.close();
    }

    @Test
    void aPlanIsCheckedAndRunByItsName() throws Exception {
        assertThat(LullProcess.run("config", "check", FILE.toString()).expect(0).outText())
                .contains("nightly: lull backup --to=" + target)
                .contains("own: lull backup " + origin.mountPoint() + " -- sh -c");
        LullProcess.Result nightly =
                LullProcess.run("backup", "--config", FILE.toString(), "nightly").expect(0);
        assertThat(Path.of(nightly.onlyLine()))
                .isEqualTo(target.resolve("nightly.tar.zst"))
                .exists();
        assertThat(
                        LullProcess.run("backup", "--config", FILE.toString(), "own")
                                .expect(7)
                                .outText())
                .contains("content");
    }

    @Test
    void onesThatAreWrongOrMissingAreSaidSo() throws Exception {
        assertThat(
                        LullProcess.run("backup", "--config", FILE.toString(), "nigthly")
                                .expect(2)
                                .errText())
                .contains("lull: no plan in " + FILE + " is called nigthly")
                .contains("hint: there is nightly, own");
        Files.writeString(FILE, "plans:\n  nightly:\n    paths: /srv\n    timeout: 3 weeks\n");
        assertThat(LullProcess.run("config", "check", FILE.toString()).expect(2).errText())
                .contains("lull: " + FILE + ":4:14: plan nightly: --timeout");
        assertThat(
                        LullProcess.run("backup", "--config", FILE.toString(), "nightly")
                                .expect(2)
                                .errText())
                .contains(FILE + ":4:14")
                .contains("hint: lull config check " + FILE);
    }

    @Test
    void onlyTheLastSnapshotsOfAPlanAreKept() throws Exception {
        Files.writeString(
                FILE,
                """
                plans:
                  hourly:
                    paths: %s
                    command: ['true']
                    keep-last: 2
                """
                        .formatted(origin.mountPoint()));
        String others =
                LullProcess.run("snapshot", "take", origin.mountPoint().toString())
                        .expect(0)
                        .onlyLine();
        for (int run = 0; run < 4; run++) {
            LullProcess.run("backup", "--config", FILE.toString(), "hourly").expect(0);
        }

        String listed = LullProcess.run("snapshot", "list").expect(0).outText();
        assertThat(listed.lines().filter(line -> line.contains("hourly")).count()).isEqualTo(2);
        assertThat(listed).contains(others);

        LullProcess.run("snapshot", "list", "--json")
                .expect(0)
                .outText()
                .lines()
                .forEach(PlansIT::deleteAll);
        assertThat(
                        LullProcess.run(
                                        "backup",
                                        origin.mountPoint().toString(),
                                        "--keep-last",
                                        "2",
                                        "--",
                                        "true")
                                .expect(125)
                                .errText())
                .contains("--keep-last without --label");
    }

    private static void deleteAll(String json) {
        var ids = Pattern.compile("\"id\" ?: ?\"([^\"]+)\"").matcher(json);
        while (ids.find()) {
            LullProcess.run("snapshot", "delete", ids.group(1)).expect(0);
        }
    }
}
