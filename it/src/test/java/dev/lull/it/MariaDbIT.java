package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.MariaDbLedger;
import dev.lull.it.harness.MariaDbServer;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import dev.lull.linux.LinuxKernel;
import dev.lull.participant.Restored;
import dev.lull.participant.mariadb.MariaDbKind;
import dev.lull.plan.Manifest;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Debian's MariaDB server at rest for a backup; its log of transactions and its binary log on a filesystem of their own. */
class MariaDbIT {
    private static final Path ETC = Path.of("/var/lib/lull/it-mariadb");
    private static final Duration PATIENCE = Duration.ofSeconds(30);
    private static final int WRITERS = 4;

    private static ScratchFilesystem store;
    private static ScratchFilesystem data;
    private static ScratchFilesystem logs;
    private static MariaDbServer server;

    @BeforeAll
    static void make() {
        if (TestNamespace.find().isEmpty()) {
            return;
        }
        store = ScratchFilesystem.of(FilesystemType.XFS).mebibytes(1024).make();
        data = ScratchFilesystem.of(FilesystemType.EXT4).mebibytes(192).on(store).make();
        logs = ScratchFilesystem.of(FilesystemType.EXT4).mebibytes(96).on(store).make();
        server = MariaDbServer.install(data, logs);
    }

    @AfterAll
    static void remove() {
        if (store != null) {
            server.close();
            logs.close();
            data.close();
            store.close();
        }
    }

    @BeforeEach
    void start() throws IOException {
        List.of(store, data, logs).forEach(ScratchFilesystem::renew);
        if (!server.isRunning()) {
            server.start(server.binaryLog());
        }
        Files.createDirectories(ETC);
    }

    @AfterEach
    void nothingIsLeft() throws Exception {
        Program.run("rm", "-rf", ETC.toString());
        assertThat(FrozenProbe.isFrozen(data)).isFalse();
        assertThat(FrozenProbe.isFrozen(logs)).isFalse();
        if (server.isRunning()) {
            nobodyHoldsTheServer();
        }
    }

    /** Whoever holds a stage of a backup keeps others from beginning one. */
    private static void nobodyHoldsTheServer() {
        await("a backup can begin")
                .atMost(PATIENCE)
                .ignoreExceptions()
                .untilAsserted(() ->
                        server.execute(
                                "SET SESSION lock_wait_timeout = 0",
                                "BACKUP STAGE START",
                                "BACKUP STAGE BLOCK_COMMIT",
                                "BACKUP STAGE END"));
    }

    private static String participant(String... settings) {
        List<String> words = new ArrayList<>(List.of("mariadb", "socket=" + server.socket()));
        words.addAll(List.of(settings));
        return "--participant=" + String.join(",", words);
    }

    private static String[] take(String... options) {
        List<String> words = new ArrayList<>(List.of("snapshot", "take", "--quiet"));
        words.add(data.mountPoint().toString());
        words.add(logs.mountPoint().toString());
        words.addAll(List.of(options));
        return words.toArray(String[]::new);
    }

    /** For a second one, which waits for the first to go on: the server makes one backup at a time. */
    private static String waiting() {
        return participant("name=second", "limit=20s", "essential=false");
    }

    /** As {@link #waiting} makes it last. */
    private static void awaitRest() {
        awaitRows(
                1,
                "SELECT ID FROM information_schema.PROCESSLIST"
                        + " WHERE STATE LIKE 'Waiting for backup lock%' AND INFO = 'BACKUP STAGE START'");
    }

    private static void awaitRest(MariaDbLedger ledger) {
        awaitRest();
        awaitRows(
                WRITERS,
                "SELECT ID FROM information_schema.PROCESSLIST"
                        + " WHERE STATE LIKE 'Waiting for backup lock%' AND INFO <> 'BACKUP STAGE START'");
        assertThat(ledger.failures()).isEmpty();
    }

    private static void awaitRows(long count, String sql) {
        await(sql)
                .atMost(Duration.ofMinutes(1))
                .pollInterval(Duration.ofMillis(20))
                .until(() -> server.query(sql).lines().count() == count);
    }

    private static void awaitProgress(MariaDbLedger ledger) {
        long before = ledger.total();
        await("writers go on").atMost(PATIENCE).until(() -> ledger.total() > before + WRITERS);
    }

    /** Reported and checked by the kind itself, and then entry by entry. */
    @Test
    void aBackupUnderLoadIsOfOneInstantAndTheServerStartsOnIt() throws Exception {
        Path target = TestNamespace.current().directory("target");
        try (MariaDbLedger ledger = MariaDbLedger.write(server, WRITERS)) {
            awaitProgress(ledger);
            List<Long> before = ledger.acknowledged();
            Path archive =
                    Path.of(
                            LullProcess.run(
                                            "backup",
                                            "--quiet",
                                            data.mountPoint().toString(),
                                            logs.mountPoint().toString(),
                                            participant(),
                                            "--to",
                                            target.toString())
                                    .expect(0)
                                    .onlyLine());
            List<Long> after = ledger.begun();
            awaitProgress(ledger);
            assertThat(ledger.failures()).isEmpty();

            Path restored = target.resolve("restored");
            LullProcess.run("restore", archive.toString(), restored.toString()).expect(0);
            Manifest.Application told = application(archive);
            assertThat(told.kind()).isEqualTo("mariadb");
            assertThat(told.evidence())
                    .containsEntry("server_id", "7")
                    .containsEntry("position", "exact")
                    .containsKeys("version", "gtid_binlog_pos", "binlog_file", "binlog_position");
            Path scratch = Files.createDirectory(target.resolve("scratch"));
            List<String> report =
                    new MariaDbKind()
                            .prove(
                                    new LinuxKernel(),
                                    new Restored(
                                            told.name(),
                                            told.evidence(),
                                            places(restored),
                                            scratch));
            assertThat(String.join("\n", report))
                    .contains("started on the copy, without network")
                    .contains("backed up with " + told.evidence().get("version"))
                    .contains(
                            "gtid_binlog_pos is "
                                    + told.evidence().get("gtid_binlog_pos")
                                    + ", as in the backup")
                    .contains("finds no fault in any");
            Program.run("chmod", "-R", "a+x", restored.getParent().toString());
            try (var copy =
                    MariaDbServer.on(
                            place(restored, server.data()), place(restored, server.logs()))) {
                copy.start(List.of());
                MariaDbLedger.requireWhole(copy, before, after);
                copy.stop();
            }
        } finally {
            Program.run("rm", "-rf", target.toString());
        }
    }

    private static Manifest.Application application(Path archive) throws IOException {
        Path manifest =
                archive.resolveSibling(
                        archive.getFileName().toString().replace(".tar.zst", ".manifest.json"));
        return Manifest.parse(Files.readAllBytes(manifest)).applications().getFirst();
    }

    private static Map<Path, Path> places(Path restored) {
        Map<Path, Path> places = new LinkedHashMap<>();
        for (ScratchFilesystem filesystem : List.of(data, logs)) {
            places.put(filesystem.mountPoint(), place(restored, filesystem.mountPoint()));
        }
        return places;
    }

    private static Path place(Path restored, Path original) {
        return restored.resolve("." + original).normalize();
    }

    @Test
    void aStatementThatHoldsTheLockBackMakesItFailAtTheLimit() throws Exception {
        MariaDbLedger.create(server);
        try (Connection slow = server.connect();
                Statement statement = slow.createStatement()) {
            Thread writer =
                    Thread.ofPlatform()
                            .start(() -> {
                                try {
                                    statement.execute(
                                            "INSERT INTO ledger.myisam SELECT 1, SLEEP(600)");
                                } catch (SQLException _) {
                                    // It is cancelled below.
                                }
                            });
            await("it runs")
                    .until(() ->
                            !server.query(
                                            "SELECT ID FROM information_schema.PROCESSLIST WHERE STATE = 'User sleep'")
                                    .isEmpty());

            LullProcess.Result failed =
                    LullProcess.run(take(participant("limit=700ms", "name=sales"))).expect(1);

            assertThat(failed.errText())
                    .contains("lull: bring to rest mariadb sales: BACKUP STAGE BLOCK_DDL: ")
                    .contains("it was given 700ms; longest at work is connection ")
                    .contains(" of root, for ")
                    .contains("hint: something held a lock for too long");
            server.execute("INSERT INTO ledger.aria VALUES (1, 1)");
            statement.cancel();
            writer.join();
        }
    }

    /** Transactions that are open are no obstacle: only what commits would be. */
    @Test
    void anOpenTransactionHoldsNothingBack() throws Exception {
        MariaDbLedger.create(server);
        try (Connection open = server.connect();
                Statement statement = open.createStatement()) {
            statement.execute("START TRANSACTION");
            statement.execute("INSERT INTO ledger.entry VALUES (1, 1)");
            List<String> ids = LullProcess.run(take(participant("limit=2s"))).expect(0).out();
            LullProcess.run("snapshot", "delete", ids.getFirst(), ids.getLast()).expect(0);
            statement.execute("COMMIT");
        }
        assertThat(server.query("SELECT COUNT(*) FROM ledger.entry")).isEqualTo("1");
    }

    @Test
    void passwordsAreCheckedOverTheNetwork() throws Exception {
        server.execute(
                "CREATE OR REPLACE USER lull@'127.0.0.1' IDENTIFIED BY 'open, sesame'",
                "GRANT RELOAD, PROCESS ON *.* TO lull@'127.0.0.1'");
        int port;
        try (var free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        server.stop();
        List<String> options = new ArrayList<>(server.binaryLog());
        options.add("--port=" + port);
        options.add("--bind-address=127.0.0.1");
        server.start(options);
        Path password = ETC.resolve("password");
        Files.writeString(password, "sesame\n");
        Files.setPosixFilePermissions(password, PosixFilePermissions.fromString("rw-------"));
        String lull =
                "--participant=mariadb,host=127.0.0.1,user=lull,port="
                        + port
                        + ",password-file="
                        + password;

        assertThat(LullProcess.run(take(lull)).expect(1).errText())
                .contains("lull: prepare mariadb: connect to 127.0.0.1:" + port + ": Access denied")
                .contains("hint: is the password in " + password + " that of lull?")
                .doesNotContain("sesame");
        Files.writeString(password, "open, sesame\n");
        assertThat(LullProcess.run(take(lull)).expect(1).errText())
                .contains("BINLOG MONITOR privilege")
                .contains("hint: GRANT RELOAD, BINLOG MONITOR, PROCESS ON *.* TO lull");
        server.execute("GRANT BINLOG MONITOR ON *.* TO lull@'127.0.0.1'");
        List<String> ids = LullProcess.run(take(lull)).expect(0).out();
        LullProcess.run("snapshot", "delete", ids.getFirst(), ids.getLast()).expect(0);
        server.stop();
    }

    @Test
    void aServerThatIsDownOrHasFilesElsewhereIsRefused() throws Exception {
        assertThat(
                        LullProcess.run(
                                        "snapshot",
                                        "take",
                                        data.mountPoint().toString(),
                                        participant())
                                .expect(1)
                                .errText())
                .contains(
                        "lull: prepare mariadb: innodb_log_group_home_dir lies in " + server.logs())
                .contains("on the filesystem " + logs.mountPoint() + ", which is not backed up")
                .contains("hint: back up " + logs.mountPoint() + " too");
        assertThat(
                        LullProcess.run(take("--participant=mariadb,socket=/run/no-such/socket"))
                                .expect(1)
                                .errText())
                .contains("lull: prepare mariadb: connect to /run/no-such/socket: ")
                .contains("hint: does the server run");
        assertThat(
                        LullProcess.run(take("--participant=mysql,socket=" + server.socket()))
                                .expect(1)
                                .errText())
                .contains("lull: prepare mysql: it is MariaDB ");
    }

    @Test
    void whatWasLetGoBeforeTheThawIsNotCalledGood() throws Exception {
        try (LullProcess taking = LullProcess.start(take(participant(), waiting()))) {
            awaitRest();
            server.execute(
                    "KILL CONNECTION "
                            + server.query(
                                    "SELECT ID FROM information_schema.PROCESSLIST"
                                            + " WHERE COMMAND = 'Sleep' ORDER BY ID LIMIT 1"));
            assertThat(taking.finish().expect(3).errText())
                    .contains("lull: keep at rest mariadb: its session ended before the thaw")
                    .contains("hint: was it killed");
        }
        assertThat(LullProcess.run("snapshot", "list").expect(0).onlyLine())
                .isEqualTo("no snapshots");
    }

    @Test
    void aServerThatIsKilledAtRestCostsTheBackup() throws Exception {
        try (LullProcess taking = LullProcess.start(take(participant(), waiting()))) {
            awaitRest();
            server.kill9();
            assertThat(taking.finish().expect(3).errText())
                    .contains("lull: keep at rest mariadb: its session ended before the thaw");
        }
    }

    @Test
    void writersGoOnWhenTheBackupIsKilled() throws Exception {
        try (MariaDbLedger ledger = MariaDbLedger.write(server, WRITERS);
                LullProcess taking = LullProcess.start(take(participant(), waiting()))) {
            awaitRest(ledger);
            taking.kill9();
            awaitProgress(ledger);
            assertThat(ledger.failures()).isEmpty();
        }
    }

    /** Nobody else lets it go then: the server itself ends a session that says nothing for too long. */
    @Test
    void writersGoOnAtTheLimitWhenTheBackupIsStopped() throws Exception {
        try (MariaDbLedger ledger = MariaDbLedger.write(server, WRITERS);
                LullProcess taking =
                        LullProcess.start(
                                take(participant(), waiting(), "--within=1s", "--timeout=2s"))) {
            awaitRest(ledger);
            taking.stop();
            awaitProgress(ledger);
            taking.proceed();
            assertThat(taking.finish().expect(3).errText())
                    .contains("lull: keep at rest mariadb: its session ended before the thaw");
        }
    }
}
