package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.JavaProgram;
import dev.lull.it.harness.LedgerProgram;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A cut through several filesystems is one instant: no record without the one that was made before it. */
class LedgerIT {
    private static final int SNAPSHOTS = 50;
    private static final int MIXED_BACKUPS = 5;

    /** A record goes to A, fsynced, and then to B, fsynced; so A is at B's record or one ahead, at every instant. */
    @Test
    @Timeout(value = 4, unit = TimeUnit.MINUTES)
    void everySnapshotUnderLoadIsOneInstant() throws Exception {
        try (var store = ScratchFilesystem.of(FilesystemType.XFS).mebibytes(1024).make();
                var a = ScratchFilesystem.of(FilesystemType.EXT4).on(store).make();
                var b = ScratchFilesystem.of(FilesystemType.EXT4).on(store).make()) {
            Process ledger = keepLedger(a, b);
            try (BufferedReader lines = ledger.inputReader()) {
                assertThat(lines.readLine()).isEqualTo("writing");
                long before = -1;
                for (int snapshot = 0; snapshot < SNAPSHOTS; snapshot++) {
                    store.renew();
                    a.renew();
                    b.renew();
                    List<String> ids =
                            LullProcess.run(
                                            "snapshot",
                                            "take",
                                            "--quiet",
                                            a.mountPoint().toString(),
                                            b.mountPoint().toString())
                                    .expect(0)
                                    .out();
                    assertThat(ids).hasSize(2);
                    long inA = records(store, ids.getFirst());
                    long inB = records(store, ids.getLast());
                    assertThat(inA - inB)
                            .as("snapshot %s: A is at %s, B at %s", snapshot, inA, inB)
                            .isBetween(0L, 1L);
                    assertThat(inA)
                            .as("the ledger is written to between two snapshots")
                            .isGreaterThan(before);
                    before = inA;
                    LullProcess.run("snapshot", "delete", ids.getFirst(), ids.getLast()).expect(0);
                }
                assertThat(ledger.isAlive()).isTrue();
            } finally {
                ledger.destroyForcibly().waitFor();
            }
        }
    }

    /** The snapshot of a subvolume is taken while the other is frozen, and so is of the same instant. */
    @Test
    @Timeout(value = 2, unit = TimeUnit.MINUTES)
    void aBtrfsThatIsNotFrozenTakesPartInTheCut() throws Exception {
        try (var store = ScratchFilesystem.of(FilesystemType.XFS).mebibytes(1024).make();
                var a = ScratchFilesystem.of(FilesystemType.EXT4).on(store).make();
                var b = ScratchFilesystem.make(FilesystemType.BTRFS)) {
            Process ledger = keepLedger(a, b);
            Path target = TestNamespace.current().directory("target");
            try (BufferedReader lines = ledger.inputReader()) {
                assertThat(lines.readLine()).isEqualTo("writing");
                for (int backup = 0; backup < MIXED_BACKUPS; backup++) {
                    store.renew();
                    a.renew();
                    b.renew();
                    Path archive =
                            Path.of(
                                    LullProcess.run(
                                                    "backup",
                                                    "--quiet",
                                                    "--name",
                                                    "mixed-" + backup,
                                                    a.mountPoint().toString(),
                                                    b.mountPoint().toString(),
                                                    "--to",
                                                    target.toString())
                                            .expect(0)
                                            .onlyLine());
                    Path restored = target.resolve("restored-" + backup);
                    LullProcess.run("restore", archive.toString(), restored.toString()).expect(0);
                    long inA = records(restored, a);
                    long inB = records(restored, b);
                    assertThat(inA - inB)
                            .as("backup %s: A is at %s, B at %s", backup, inA, inB)
                            .isBetween(0L, 1L);
                }
                assertThat(ledger.isAlive()).isTrue();
            } finally {
                ledger.destroyForcibly().waitFor();
                Program.run("rm", "-rf", target.toString());
            }
        }
    }

    private static Process keepLedger(ScratchFilesystem a, ScratchFilesystem b) throws IOException {
        return JavaProgram.of(
                        LedgerProgram.class,
                        a.resolve("ledger").toString(),
                        b.resolve("ledger").toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    private static long records(Path restored, ScratchFilesystem of) throws IOException {
        Path ledger = restored.resolve("." + of.mountPoint()).normalize().resolve("ledger");
        return Files.size(ledger) / LedgerProgram.RECORD;
    }

    private static long records(ScratchFilesystem store, String id) {
        Path image = store.resolve(".lull").resolve(id + ".img");
        String size =
                Program.run("debugfs", "-R", "stat /ledger", image.toString())
                        .lines()
                        .filter(line -> line.contains("Size:"))
                        .findFirst()
                        .orElseThrow(() -> new AssertionError("no ledger in " + image));
        return Long.parseLong(size.replaceFirst(".*Size: *", "").strip()) / LedgerProgram.RECORD;
    }
}
