package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.MountNamespace;
import dev.lull.it.harness.PostgresqlLedger;
import dev.lull.it.harness.PostgresqlServer;
import dev.lull.it.harness.Processes;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.SnapshotScript;
import dev.lull.it.harness.TestNamespace;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** A real PostgreSQL server brought to rest for a backup: data, log and a tablespace on three filesystems. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PostgresqlIT {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final Path HOOK = Path.of("/var/lib/lull/it-pg-hook");

    private ScratchFilesystem store;
    private ScratchFilesystem data;
    private ScratchFilesystem wal;
    private ScratchFilesystem space;
    private PostgresqlServer server;
    private Path target;

    @BeforeAll
    void make() {
        store = ScratchFilesystem.of(FilesystemType.XFS).mebibytes(2048).make();
        data = ScratchFilesystem.of(FilesystemType.EXT4).mebibytes(256).on(store).make();
        wal = ScratchFilesystem.of(FilesystemType.EXT4).mebibytes(256).on(store).make();
        space = ScratchFilesystem.of(FilesystemType.EXT4).on(store).make();
        server =
                PostgresqlServer.initialize(
                        data.resolve("cluster"), wal.resolve("wal"), PostgresqlServer.PORT);
        PostgresqlServer.make(space.resolve("space"));
        server.sql("CREATE TABLESPACE space LOCATION '" + space.resolve("space") + "'");
        server.sql("CREATE TABLE ledger (n bigint PRIMARY KEY) TABLESPACE space");
    }

    @BeforeEach
    void begin() {
        for (ScratchFilesystem one : List.of(store, data, wal, space)) {
            one.renew();
        }
        target = TestNamespace.current().directory("target");
    }

    @AfterEach
    void end() throws IOException {
        Program.run("rm", "-rf", target.toString());
        Files.deleteIfExists(HOOK);
        for (ScratchFilesystem one : List.of(data, wal, space)) {
            assertThat(FrozenProbe.isFrozen(one)).isFalse();
        }
    }

    @AfterAll
    void close() {
        try {
            server.close();
        } finally {
            space.close();
            wal.close();
            data.close();
            store.close();
        }
    }

    private LullProcess start(String participant, String... more) {
        var words = new ArrayList<>(List.of("backup"));
        for (ScratchFilesystem one : List.of(data, wal, space)) {
            words.add(one.mountPoint().toString());
        }
        words.addAll(List.of("--participant", participant, "--to", target.toString()));
        words.addAll(List.of(more));
        return LullProcess.start(words.toArray(String[]::new));
    }

    private LullProcess.Result backup(String participant, String... more) {
        try (LullProcess lull = start(participant, more)) {
            return lull.finish();
        }
    }

    private void assertNothingKept(String... besides) {
        assertThat(target.toFile().list()).containsExactlyInAnyOrder(besides);
    }

    /** Whoever writes is not held up, and nobody of ours is left. */
    private void assertWritersGoOn() {
        server.sql("CREATE TABLE IF NOT EXISTS later (n int); INSERT INTO later VALUES (1)");
        await().atMost(PATIENCE)
                .until(() ->
                        server.sql(
                                        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lull'")
                                .equals("0"));
    }

    private void hook(String freeze) throws IOException {
        Files.writeString(HOOK, "#!/bin/sh\ncase $1 in freeze) " + freeze + " ;; esac\n");
        Files.setPosixFilePermissions(HOOK, PosixFilePermissions.fromString("rwx------"));
    }

    @Test
    void whatWasAcknowledgedBeforeTheFreezeIsInTheBackup() throws Exception {
        Program.run(
                PostgresqlServer.asPostgres(
                        List.of(
                                PostgresqlServer.program("pgbench"),
                                "--initialize",
                                "--quiet",
                                "--host=" + server.sockets(),
                                "--port=" + PostgresqlServer.PORT,
                                "postgres")));
        Process load =
                new ProcessBuilder(
                                PostgresqlServer.asPostgres(
                                        List.of(
                                                PostgresqlServer.program("pgbench"),
                                                "--client=3",
                                                "--time=600",
                                                "--host=" + server.sockets(),
                                                "--port=" + PostgresqlServer.PORT,
                                                "postgres")))
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start();
        long before;
        long after;
        LullProcess.Result backup;
        try (PostgresqlLedger ledger = PostgresqlLedger.write(server)) {
            await().atMost(PATIENCE).until(() -> ledger.acknowledged() > 100);
            before = ledger.acknowledged();
            backup = backup(server.participant(), "--name", "loaded", "--json").expect(0);
            after = ledger.acknowledged();
            await().atMost(PATIENCE).until(() -> ledger.acknowledged() > after);
        } finally {
            load.destroyForcibly().waitFor();
        }
        assertThat(backup.outText())
                .contains("\"kind\" : \"postgresql\"")
                .contains("\"systemIdentifier\"")
                .contains("\"dataDirectory\" : \"" + server.data() + "\"")
                .contains("\"walDirectory\" : \"" + wal.resolve("wal") + "\"");
        Path archive = target.resolve("loaded.tar.zst");

        LullProcess.Result verified =
                LullProcess.run("verify", archive.toString(), "--start").expect(0);
        assertThat(verified.outText())
                .contains("postgresql: PostgreSQL 15.")
                .contains("recovered to ")
                .contains("pg_amcheck found nothing wrong");
        assertThat(Path.of("/var/tmp")).isDirectoryNotContaining("glob:**/lull-scratch-*");

        try (LullProcess killed = LullProcess.start("verify", archive.toString(), "--start")) {
            await().atMost(PATIENCE).until(() -> !onCopies().isEmpty());
            killed.kill9();
            await().atMost(PATIENCE).until(() -> onCopies().isEmpty());
        }
        LullProcess.run("verify", archive.toString(), "--start", "-q").expect(0);
        assertThat(Path.of("/var/tmp")).isDirectoryNotContaining("glob:**/lull-scratch-*");

        try (MountNamespace without = MountNamespace.make()) {
            without.run("mount", "-t", "tmpfs", "none", "/usr/lib/postgresql");
            assertThat(
                            LullProcess.with()
                                    .in(without)
                                    .run("verify", archive.toString(), "--start")
                                    .expect(1)
                                    .errText())
                    .contains("lull: start postgresql: PostgreSQL 15 is not installed here")
                    .contains("hint: apt-get install postgresql-15");
        }

        Path restored = target.resolve("restored");
        LullProcess.run("restore", archive.toString(), restored.toString()).expect(0);
        Path there = in(restored, server.data());
        PostgresqlServer.relink(there.resolve("pg_wal"), in(restored, wal.resolve("wal")));
        try (var links = Files.list(there.resolve("pg_tblspc"))) {
            PostgresqlServer.relink(
                    links.findFirst().orElseThrow(), in(restored, space.resolve("space")));
        }
        Files.delete(there.resolve("postmaster.pid"));
        try (var copy = PostgresqlServer.on(there, PostgresqlServer.PORT + 1)) {
            assertThat(
                            copy.sql(
                                    "SELECT (SELECT sum(abalance) FROM pgbench_accounts)"
                                            + " = (SELECT sum(delta) FROM pgbench_history)"
                                            + " AND (SELECT sum(bbalance) FROM pgbench_branches)"
                                            + " = (SELECT sum(delta) FROM pgbench_history)"))
                    .isEqualTo("t");
            PostgresqlLedger.requireWhole(copy, before, after);
        }
    }

    /** The processes of servers that were started on a copy: no other has such a user. */
    private static List<Long> onCopies() throws IOException {
        List<Long> found = new ArrayList<>();
        try (var all = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            for (Path process : all) {
                try {
                    if (Files.getAttribute(process, "unix:uid") instanceof Integer user
                            && user > 2_000_000_000) {
                        found.add(Long.parseLong(process.getFileName().toString()));
                    }
                } catch (IOException gone) {
                    // Processes come and go.
                    continue;
                }
            }
        }
        return found;
    }

    private static Path in(Path restored, Path original) {
        return restored.resolve(Path.of("/").relativize(original));
    }

    @Test
    void aTablespaceOutsideTheSetIsRefusedWithItsMountPoint() {
        LullProcess.Result result =
                LullProcess.run(
                                "backup",
                                data.mountPoint().toString(),
                                wal.mountPoint().toString(),
                                "--participant",
                                server.participant(),
                                "--to",
                                target.toString())
                        .expect(1);
        assertThat(result.errText())
                .contains("lull: use postgresql: its tablespace space, " + space.resolve("space"))
                .contains("lies on no filesystem that is backed up")
                .contains("hint: name its mount point too: " + space.mountPoint());
        assertNothingKept();
    }

    @Test
    void aWrongPasswordIsSaidSoAndShownNowhere() throws Exception {
        Path secret = Path.of("/var/lib/lull/it-pg-password");
        try {
            Files.writeString(secret, "wrong-horse\n");
            Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString("rw-------"));
            String participant =
                    "postgresql,host=127.0.0.1,port="
                            + PostgresqlServer.PORT
                            + ",password-file="
                            + secret;
            LullProcess.Result refused = backup(participant).expect(1);
            assertThat(refused.errText())
                    .contains(
                            "connect to postgresql: 127.0.0.1 port "
                                    + PostgresqlServer.PORT
                                    + " as postgres: password authentication failed")
                    .contains("hint: the server's pg_hba.conf says how postgres has to log in")
                    .doesNotContain("wrong-horse");
            assertNothingKept();

            Files.writeString(secret, PostgresqlServer.PASSWORD + "\n");
            assertThat(backup(participant, "--name", "tcp", "--json").expect(0).toString())
                    .doesNotContain(PostgresqlServer.PASSWORD);
            assertThat(target.resolve("tcp.manifest.json"))
                    .content()
                    .doesNotContain(PostgresqlServer.PASSWORD);
        } finally {
            Files.deleteIfExists(secret);
        }
    }

    @Test
    void aServerThatIsDownIsSaidSoAndDoneWithoutWhereThatIsAllowed() {
        String nobody = "postgresql,host=" + server.sockets() + ",port=1";
        assertThat(backup(nobody).expect(1).errText())
                .contains("lull: connect to postgresql: " + server.sockets() + "/.s.PGSQL.1")
                .contains("hint: is the server running? host and port say where it listens");
        assertNothingKept();
        assertThat(
                        backup(nobody + ",essential=false", "--name", "without", "--json")
                                .expect(0)
                                .outText())
                .contains("postgresql was not at rest");
    }

    @Test
    void aCheckpointThatTakesTooLongIsGivenUp() {
        long checkpointer =
                Long.parseLong(
                        server.sql(
                                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'"));
        Processes.signal(checkpointer, "STOP");
        try {
            assertThat(backup(server.participant("limit=1s")).expect(1).errText())
                    .contains("lull: bring to rest postgresql: canceling statement")
                    .contains("hint: the limit was 1000 ms");
            assertNothingKept();
            assertWritersGoOn();
        } finally {
            Processes.signal(checkpointer, "CONT");
        }
    }

    @Test
    void aSessionThatEndsWhileTheSnapshotIsTakenCostsTheBackup() throws Exception {
        Path script = waitingScript();
        try (Connection connection = server.connect();
                Statement statement = connection.createStatement()) {
            String terminate =
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                            + " WHERE application_name = 'lull'";
            // What it needs is read now: the server could not write down that it has read it.
            statement.execute(terminate);
            try (LullProcess lull = start(server.participant(), "--script", script.toString())) {
                awaitReached();
                statement.execute(terminate);
                Files.createFile(target.resolve("go"));
                assertThat(lull.finish().expect(3).errText())
                        .contains(
                                "lull: keep at rest postgresql: the server or our session has ended")
                        .contains("hint: see the server's log");
            }
        }
        assertNothingKept("go", "reached");
        assertWritersGoOn();
    }

    @Test
    void aServerThatIsKilledWhileTheSnapshotIsTakenCostsTheBackup() throws Exception {
        Path script =
                SnapshotScript.withBeforeTheCut(
                        "    kill -9 " + server.pid() + " 2>/dev/null || :\n");
        try {
            assertThat(
                            backup(server.participant(), "--script", script.toString())
                                    .expect(3)
                                    .errText())
                    .contains("lull: keep at rest postgresql: the server or our session has ended");
            assertNothingKept();
        } finally {
            server.kill9();
            server.start();
        }
        assertWritersGoOn();
    }

    @Test
    void nobodyWaitsForABackupThatIsKilled() throws Exception {
        Path script = waitingScript();
        try (LullProcess lull = start(server.participant(), "--script", script.toString())) {
            awaitReached();
            lull.kill9();
            assertWritersGoOn();
            Files.createFile(target.resolve("go"));
        }
        // The next run removes what that one had prepared.
        backup(server.participant(), "--script", script.toString(), "--name", "next").expect(0);
    }

    private Path waitingScript() throws IOException {
        return SnapshotScript.withBeforeTheCut(
                "    : >"
                        + target.resolve("reached")
                        + "\n    while ! [ -e "
                        + target.resolve("go")
                        + " ]; do sleep 0.02; done\n");
    }

    private void awaitReached() {
        await().atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(20))
                .until(() -> Files.exists(target.resolve("reached")));
    }

    @Test
    void aStandbyIsBackedUpAsOne() throws Exception {
        try (var other =
                ScratchFilesystem.of(FilesystemType.EXT4).mebibytes(256).on(store).make()) {
            Path copy = other.resolve("standby");
            PostgresqlServer.make(copy);
            PostgresqlServer.make(other.resolve("space"));
            Program.run(
                    PostgresqlServer.asPostgres(
                            List.of(
                                    PostgresqlServer.program("pg_basebackup"),
                                    "--pgdata=" + copy,
                                    "--host=" + server.sockets(),
                                    "--port=" + PostgresqlServer.PORT,
                                    "--checkpoint=fast",
                                    "--write-recovery-conf",
                                    "--no-sync",
                                    "--tablespace-mapping="
                                            + space.resolve("space")
                                            + "="
                                            + other.resolve("space"))));
            try (var standby = PostgresqlServer.on(copy, PostgresqlServer.PORT + 1)) {
                LullProcess.Result backup =
                        LullProcess.run(
                                        "backup",
                                        other.mountPoint().toString(),
                                        "--participant",
                                        standby.participant("name=second"),
                                        "--to",
                                        target.toString(),
                                        "--name",
                                        "standby",
                                        "--json")
                                .expect(0);
                assertThat(backup.outText()).contains("\"standby\" : \"true\"");
                assertThat(
                                LullProcess.run(
                                                "verify",
                                                target.resolve("standby.tar.zst").toString(),
                                                "--start")
                                        .expect(0)
                                        .outText())
                        .contains("postgresql second: PostgreSQL")
                        .contains("pg_amcheck found nothing wrong");
            }
        }
    }

    @Test
    void aDamagedIndexIsFoundInTheCopy() throws Exception {
        server.sql("CREATE TABLE damaged (n int PRIMARY KEY)");
        try {
            server.sql("INSERT INTO damaged SELECT generate_series(1, 10000); CHECKPOINT");
            Path index =
                    server.data()
                            .resolve(server.sql("SELECT pg_relation_filepath('damaged_pkey')"));
            try (var file = new RandomAccessFile(index.toFile(), "rw")) {
                file.seek(2 * 8192 + 5000);
                file.write(new byte[64]);
            }
            backup(server.participant(), "--name", "damaged").expect(0);
        } finally {
            server.sql("DROP TABLE damaged");
        }
        LullProcess.Result verified =
                LullProcess.run("verify", target.resolve("damaged.tar.zst").toString(), "--start")
                        .expect(1);
        assertThat(verified.errText())
                .contains("lull: check postgresql: pg_amcheck says \"btree index")
                .contains("damaged_pkey")
                .contains("hint: the backup is what the server had");
    }

    @Test
    void aCopyThatDoesNotRecoverIsSaidSo() throws Exception {
        Path label = server.data().resolve("backup_label");
        hook(
                "printf 'START WAL LOCATION: 0/28 (file 000000010000000000000000)\\n"
                        + "CHECKPOINT LOCATION: 0/60\\nBACKUP METHOD: streamed\\n"
                        + "BACKUP FROM: primary\\n' >"
                        + label);
        try {
            backup(server.participant(), "--name", "mislabelled", "--hook", HOOK.toString())
                    .expect(0);
        } finally {
            Files.delete(label);
        }
        assertThat(
                        LullProcess.run(
                                        "verify",
                                        target.resolve("mislabelled.tar.zst").toString(),
                                        "--start")
                                .expect(1)
                                .errText())
                .contains("lull: recover postgresql: the server says \"FATAL:")
                .contains("hint: nothing can be relied on in this backup of it");
    }

    /** Two filesystems that cannot be cut at one instant, and are written to all the time. */
    @Test
    void onlineNeedsNoCommonInstant() throws Exception {
        try (var first = ScratchFilesystem.make(FilesystemType.BTRFS);
                var second = ScratchFilesystem.make(FilesystemType.BTRFS)) {
            try (var other =
                    PostgresqlServer.initialize(
                            first.resolve("cluster"),
                            second.resolve("wal"),
                            PostgresqlServer.PORT + 1)) {
                PostgresqlServer.make(second.resolve("space"));
                other.sql("CREATE TABLESPACE space LOCATION '" + second.resolve("space") + "'");
                other.sql("CREATE TABLE ledger (n bigint PRIMARY KEY) TABLESPACE space");
                String[] paths = {first.mountPoint().toString(), second.mountPoint().toString()};
                assertThat(
                                LullProcess.run(
                                                "backup",
                                                paths[0],
                                                paths[1],
                                                "--participant",
                                                other.participant(),
                                                "--to",
                                                target.toString())
                                        .expect(2)
                                        .errText())
                        .contains("cannot have snapshots of one instant");
                long before;
                try (PostgresqlLedger ledger = PostgresqlLedger.write(other)) {
                    await().atMost(PATIENCE).until(() -> ledger.acknowledged() > 100);
                    before = ledger.acknowledged();
                    LullProcess.run(
                                    "backup",
                                    paths[0],
                                    paths[1],
                                    "--participant",
                                    other.participant("online=true"),
                                    "--to",
                                    target.toString(),
                                    "--name",
                                    "online")
                            .expect(0);
                }
                assertThat(other.sql("SELECT count(*) FROM pg_replication_slots")).isEqualTo("0");
                Path archive = target.resolve("online.tar.zst");
                assertThat(
                                LullProcess.run("verify", archive.toString(), "--start")
                                        .expect(0)
                                        .outText())
                        .contains("pg_amcheck found nothing wrong");
                other.stop();

                Path restored = target.resolve("restored");
                LullProcess.run("restore", archive.toString(), restored.toString()).expect(0);
                Path there = in(restored, other.data());
                assertThat(there.resolve("backup_label")).isRegularFile();
                assertThat(there.resolve("tablespace_map")).isRegularFile();
                PostgresqlServer.relink(
                        there.resolve("pg_wal"), in(restored, second.resolve("wal")));
                Files.delete(there.resolve("tablespace_map"));
                try (var links = Files.list(there.resolve("pg_tblspc"))) {
                    PostgresqlServer.relink(
                            links.findFirst().orElseThrow(), in(restored, second.resolve("space")));
                }
                Files.delete(there.resolve("postmaster.pid"));
                try (var copy = PostgresqlServer.on(there, PostgresqlServer.PORT + 2)) {
                    String[] ledger =
                            copy.sql("SELECT count(*), max(n) FROM ledger").split("\\|", -1);
                    assertThat(ledger[0]).isEqualTo(ledger[1]);
                    assertThat(Long.parseLong(ledger[1])).isGreaterThanOrEqualTo(before);
                }
            }
        }
    }
}
