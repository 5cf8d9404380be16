package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.MariaDbLedger;
import dev.lull.it.harness.MariaDbServer;
import dev.lull.it.harness.PostgresqlLedger;
import dev.lull.it.harness.PostgresqlServer;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import dev.lull.testkit.Tally;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;

/**
 * PostgreSQL, MariaDB and a hook in one plan, all of one instant. {@code -Dlull.databases=20} makes so many backups of them
 * under load; without it there is one.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class DatabasesIT {
    private static final int BACKUPS = Integer.getInteger("lull.databases", 1);
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Path ETC = Path.of("/var/lib/lull/it-databases");
    private static final int WRITERS = 2;

    private ScratchFilesystem store;
    private ScratchFilesystem relational;
    private ScratchFilesystem wal;
    private ScratchFilesystem data;
    private ScratchFilesystem logs;
    private PostgresqlServer postgresql;
    private MariaDbServer mariaDb;
    private Path target;

    @BeforeAll
    void make() throws IOException {
        store = ScratchFilesystem.of(FilesystemType.XFS).mebibytes(3072).make();
        relational = ScratchFilesystem.of(FilesystemType.EXT4).mebibytes(256).on(store).make();
        wal = ScratchFilesystem.of(FilesystemType.EXT4).mebibytes(256).on(store).make();
        data = ScratchFilesystem.of(FilesystemType.EXT4).mebibytes(192).on(store).make();
        logs = ScratchFilesystem.of(FilesystemType.EXT4).mebibytes(96).on(store).make();
        postgresql =
                PostgresqlServer.initialize(
                        relational.resolve("cluster"), wal.resolve("wal"), PostgresqlServer.PORT);
        postgresql.sql("CREATE TABLE ledger (n bigint PRIMARY KEY)");
        mariaDb = MariaDbServer.install(data, logs);
        mariaDb.start(mariaDb.binaryLog());
        target = TestNamespace.current().directory("target");
        Files.createDirectories(ETC.resolve("hooks"));
        Path hook = ETC.resolve("hooks/10-note");
        Files.writeString(hook, "#!/bin/sh\necho \"$1\" >>" + ETC.resolve("calls") + "\n");
        Files.setPosixFilePermissions(hook, PosixFilePermissions.fromString("rwx------"));
        Files.writeString(
                ETC.resolve("lull.yaml"),
                """
                plans:
                  all:
                    paths: [%s, %s, %s, %s]
                    participants:
                      - postgresql: {host: %s, port: %d}
                      - mariadb: {socket: %s, limit: 20s}
                    hooks: %s
                    to: %s
                    no-verify: true
                """
                        .formatted(
                                relational.mountPoint(),
                                wal.mountPoint(),
                                data.mountPoint(),
                                logs.mountPoint(),
                                postgresql.sockets(),
                                postgresql.port(),
                                mariaDb.socket(),
                                ETC.resolve("hooks"),
                                target));
    }

    @AfterAll
    void remove() {
        try {
            mariaDb.close();
            postgresql.close();
        } finally {
            Program.run("rm", "-rf", ETC.toString(), target.toString());
            for (ScratchFilesystem one : List.of(logs, data, wal, relational, store)) {
                one.close();
            }
        }
    }

    @Test
    @Timeout(3600)
    void allAreOfOneInstantAndStartOnIt() throws Exception {
        for (int backup = 0; backup < BACKUPS; backup++) {
            for (ScratchFilesystem one : List.of(store, relational, wal, data, logs)) {
                one.renew();
            }
            backUp();
        }
        new Tally("databases").set("backups", BACKUPS).set("violations", 0).write();
        List<String> calls = Files.readAllLines(ETC.resolve("calls"));
        assertThat(calls).hasSize(2 * BACKUPS).startsWith("freeze", "thaw");
    }

    private void backUp() throws Exception {
        Path archive;
        long before;
        long after;
        List<Long> beforeThere;
        List<Long> afterThere;
        try (PostgresqlLedger here = PostgresqlLedger.write(postgresql);
                MariaDbLedger there = MariaDbLedger.write(mariaDb, WRITERS)) {
            await().atMost(PATIENCE).until(() -> here.acknowledged() > 20 && there.total() > 20);
            before = here.acknowledged();
            beforeThere = there.acknowledged();
            archive =
                    Path.of(
                            LullProcess.run(
                                            "backup",
                                            "--quiet",
                                            "--config",
                                            ETC.resolve("lull.yaml").toString(),
                                            "all")
                                    .expect(0)
                                    .onlyLine());
            after = here.acknowledged();
            afterThere = there.begun();
            long sinceHere = after;
            long sinceThere = there.total();
            await("writers go on")
                    .atMost(PATIENCE)
                    .until(() ->
                            here.acknowledged() > sinceHere + 1
                                    && there.total() > sinceThere + WRITERS);
        }

        assertThat(LullProcess.run("verify", "--start", archive.toString()).expect(0).outText())
                .contains("postgresql: PostgreSQL")
                .contains("pg_amcheck found nothing wrong")
                .contains("mariadb: ")
                .contains("finds no fault in any");

        Path restored = target.resolve("restored");
        LullProcess.run("restore", archive.toString(), restored.toString()).expect(0);
        Path cluster = in(restored, postgresql.data());
        PostgresqlServer.relink(cluster.resolve("pg_wal"), in(restored, wal.resolve("wal")));
        Files.delete(cluster.resolve("postmaster.pid"));
        try (var copy = PostgresqlServer.on(cluster, PostgresqlServer.PORT + 1)) {
            PostgresqlLedger.requireWhole(copy, before, after);
        }
        Program.run("chmod", "-R", "a+x", target.toString());
        try (var copy =
                MariaDbServer.on(in(restored, mariaDb.data()), in(restored, mariaDb.logs()))) {
            copy.start(List.of());
            MariaDbLedger.requireWhole(copy, beforeThere, afterThere);
            copy.stop();
        }
        Program.run("rm", "-rf", restored.toString(), archive.toString());
    }

    private static Path in(Path restored, Path original) {
        return restored.resolve("." + original).normalize();
    }
}
