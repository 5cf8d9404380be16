package dev.lull.it.harness;

import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * A PostgreSQL server of Debian's on a cluster of the test's own, as user postgres. Who logs in through its socket is asked
 * for nothing but to be the user of the system with that name, who comes by TCP, for a password.
 */
public final class PostgresqlServer implements AutoCloseable {
    public static final int PORT = 5439;
    public static final String PASSWORD = "correct-horse-battery";

    private static final String USER = "postgres";
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final Path data;
    private final Path sockets;
    private final Path log;
    private final int port;
    private Process process;

    private PostgresqlServer(Path data, int port) {
        this.data = data;
        this.port = port;
        this.sockets = TestNamespace.current().directory("pg");
        this.log = sockets.resolve("log");
        give(sockets);
    }

    /**
     * A new cluster, with its log elsewhere, and with a server that runs.
     *
     * @param data made, below an existing directory
     * @param wal the same
     */
    public static PostgresqlServer initialize(Path data, Path wal, int port) {
        make(data);
        make(wal);
        try {
            Path password = Files.createTempFile(TestNamespace.current().scratch(), "pw-", "");
            Files.writeString(password, PASSWORD + "\n");
            give(password);
            var command =
                    List.of(
                            program("initdb"),
                            "--pgdata=" + data,
                            "--waldir=" + wal,
                            "--wal-segsize=1",
                            "--data-checksums",
                            "--no-sync",
                            "--locale=C",
                            "--encoding=UTF8",
                            "--auth-local=peer",
                            "--auth-host=scram-sha-256",
                            "--pwfile=" + password);
            Program.run(asPostgres(command));
            Files.delete(password);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return on(data, port);
    }

    /** A server on a cluster that there is. */
    public static PostgresqlServer on(Path data, int port) {
        openWay(data);
        var server = new PostgresqlServer(data, port);
        server.start();
        return server;
    }

    /** The newest version that is installed. */
    public static String program(String name) {
        try (Stream<Path> versions = Files.list(Path.of("/usr/lib/postgresql"))) {
            return versions.max((a, b) -> major(a) - major(b))
                    .orElseThrow()
                    .resolve("bin")
                    .resolve(name)
                    .toString();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static int major(Path version) {
        return Integer.parseInt(version.getFileName().toString());
    }

    /** The command line that runs something as its user. */
    public static String[] asPostgres(List<String> command) {
        var words = new ArrayList<>(List.of("setpriv", "--reuid=" + USER, "--regid=" + USER));
        words.addAll(List.of("--clear-groups", "--"));
        words.addAll(command);
        return words.toArray(String[]::new);
    }

    /** Makes a directory for it. */
    public static void make(Path directory) {
        Program.run("install", "-d", "-o", USER, "-g", USER, "-m", "700", directory.toString());
        openWay(directory);
    }

    private static void give(Path file) {
        Program.run("chown", USER + ":" + USER, file.toString());
        openWay(file);
    }

    /** What tests make is for root alone; the server has to come to its own. */
    public static void openWay(Path file) {
        Path scratch = TestNamespace.current().scratch();
        for (Path above = file.getParent();
                above != null && above.startsWith(scratch);
                above = above.getParent()) {
            Program.run("chmod", "o+x", above.toString());
        }
    }

    public void start() {
        try {
            process =
                    new ProcessBuilder(
                                    asPostgres(
                                            List.of(
                                                    program("postgres"),
                                                    "-D",
                                                    data.toString(),
                                                    "-c",
                                                    "unix_socket_directories=" + sockets,
                                                    "-c",
                                                    "listen_addresses=127.0.0.1",
                                                    "-c",
                                                    "port=" + port)))
                            .redirectInput(Path.of("/dev/null").toFile())
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                            .start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        await("the server is up")
                .atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(20))
                .until(() -> isUp() || !process.isAlive());
        if (!process.isAlive()) {
            throw new AssertionError("the server has ended:\n" + log());
        }
    }

    public boolean isUp() {
        return Program.attempt(
                                asPostgres(
                                        List.of(
                                                program("pg_isready"),
                                                "--quiet",
                                                "--host=" + sockets,
                                                "--port=" + port)))
                        .status()
                == 0;
    }

    /** What the server has said. */
    public String log() {
        try {
            return Files.readString(log);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public int port() {
        return port;
    }

    public Path data() {
        return data;
    }

    /** The directory of its Unix socket. */
    public Path sockets() {
        return sockets;
    }

    /** The participant that it is, as the command line has it. */
    public String participant(String... settings) {
        var words = new ArrayList<>(List.of("postgresql", "host=" + sockets, "port=" + port));
        words.addAll(List.of(settings));
        return String.join(",", words);
    }

    /** As its superuser, over TCP. */
    public Connection connect() throws SQLException {
        return DriverManager.getConnection(
                "jdbc:postgresql://127.0.0.1:" + port + "/postgres", USER, PASSWORD);
    }

    /** Lets a link of a restored cluster lead to where its directory is now. */
    public static void relink(Path link, Path to) throws IOException {
        Files.delete(link);
        Files.createSymbolicLink(link, to);
        openWay(to);
    }

    /** What psql prints for a statement that must succeed, the columns divided by {@code |}. */
    public String sql(String statement) {
        return Program.run(psql(statement));
    }

    /** The command that has a statement executed. */
    public String[] psql(String statement) {
        return asPostgres(
                List.of(
                        program("psql"),
                        "--host=" + sockets,
                        "--port=" + port,
                        "--no-psqlrc",
                        "--quiet",
                        "--tuples-only",
                        "--no-align",
                        "--set=ON_ERROR_STOP=1",
                        "--command=" + statement,
                        "postgres"));
    }

    public long pid() {
        return process.pid();
    }

    /** Ends the server as a power cut would, as far as it is concerned. */
    public void kill9() {
        end(process::destroyForcibly);
    }

    /** Ends it, and waits until nothing of it is left. */
    public void stop() {
        end(() -> {
            if (process.isAlive()) {
                Processes.signal(process.pid(), "INT");
            }
        });
    }

    /** The server's processes notice that it has gone. */
    private void end(Runnable signal) {
        List<ProcessHandle> all = process.descendants().toList();
        signal.run();
        await("the server has ended")
                .atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(20))
                .until(() -> !process.isAlive() && all.stream().noneMatch(ProcessHandle::isAlive));
    }

    @Override
    public void close() {
        stop();
        Program.run("rm", "-rf", sockets.toString());
    }
}
