package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.JavaProgram;
import dev.lull.it.harness.LedgerProgram;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import java.io.BufferedReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A cut through several filesystems is one instant: no record without the one that was made before it. */
class LedgerIT {
    private static final int SNAPSHOTS = 50;

    /** A record goes to A, fsynced, and then to B, fsynced; so A is at B's record or one ahead, at every instant. */
    @Test
    @Timeout(value = 4, unit = TimeUnit.MINUTES)
    void everySnapshotUnderLoadIsOneInstant() throws Exception {
        try (var store = ScratchFilesystem.of(FilesystemType.XFS).mebibytes(1024).make();
                var a = ScratchFilesystem.of(FilesystemType.EXT4).on(store).make();
                var b = ScratchFilesystem.of(FilesystemType.EXT4).on(store).make()) {
            Process ledger =
                    JavaProgram.of(
                                    LedgerProgram.class,
                                    a.resolve("ledger").toString(),
                                    b.resolve("ledger").toString())
                            .redirectError(ProcessBuilder.Redirect.INHERIT)
                            .start();
            try (BufferedReader lines = ledger.inputReader()) {
                assertThat(lines.readLine()).isEqualTo("writing");
                Path copyOfA = store.resolve("a.copy");
                Path copyOfB = store.resolve("b.copy");
                long before = -1;
                for (int snapshot = 0; snapshot < SNAPSHOTS; snapshot++) {
                    store.renew();
                    a.renew();
                    b.renew();
                    LullProcess.run(
                                    "hold",
                                    "--timeout",
                                    "20s",
                                    a.mountPoint().toString(),
                                    b.mountPoint().toString(),
                                    "--",
                                    "sh",
                                    "-c",
                                    "cp --reflink=always \"$1\" \"$2\" && cp --reflink=always \"$3\" \"$4\"",
                                    "sh",
                                    a.image().toString(),
                                    copyOfA.toString(),
                                    b.image().toString(),
                                    copyOfB.toString())
                            .expect(0);
                    long inA = records(copyOfA);
                    long inB = records(copyOfB);
                    assertThat(inA - inB)
                            .as("snapshot %s: A is at %s, B at %s", snapshot, inA, inB)
                            .isBetween(0L, 1L);
                    assertThat(inA)
                            .as("the ledger is written to between two snapshots")
                            .isGreaterThan(before);
                    before = inA;
                    Files.delete(copyOfA);
                    Files.delete(copyOfB);
                }
                assertThat(ledger.isAlive()).isTrue();
            } finally {
                ledger.destroyForcibly().waitFor();
            }
        }
    }

    private static long records(Path image) {
        String size =
                Program.run("debugfs", "-R", "stat /ledger", image.toString())
                        .lines()
                        .filter(line -> line.contains("Size:"))
                        .findFirst()
                        .orElseThrow(() -> new AssertionError("no ledger in " + image));
        return Long.parseLong(size.replaceFirst(".*Size: *", "").strip()) / LedgerProgram.RECORD;
    }
}
