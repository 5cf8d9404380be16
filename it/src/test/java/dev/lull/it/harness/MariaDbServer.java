package dev.lull.it.harness;

import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A MariaDB server of the test's own, run as the user {@code mysql}: data in one directory, log of transactions and binary
 * log in another, reached over a socket alone unless told otherwise.
 */
public final class MariaDbServer implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final Path data;
    private final Path logs;
    private final Path run;
    private Process process;

    private MariaDbServer(Path data, Path logs) {
        this.data = data;
        this.logs = logs;
        this.run = TestNamespace.current().directory("mariadb");
        Program.run("chown", "mysql:mysql", run.toString());
        // The user of the server has to come through to its files.
        Program.run("chmod", "a+x", TestNamespace.current().scratch().toString());
    }

    /** A new one, not started, with its data on one filesystem and its logs on the other. */
    public static MariaDbServer install(ScratchFilesystem forData, ScratchFilesystem forLogs) {
        var server = new MariaDbServer(forData.resolve("data"), forLogs.resolve("logs"));
        for (ScratchFilesystem filesystem : List.of(forData, forLogs)) {
            Program.run("chmod", "a+x", filesystem.mountPoint().getParent().toString());
        }
        Program.run("install", "-d", "-o", "mysql", "-g", "mysql", server.logs.toString());
        Program.run("install", "-d", "-o", "mysql", "-g", "mysql", server.data.toString());
        var install = new ArrayList<String>();
        install.addAll(
                List.of("mariadb-install-db", "--no-defaults", "--user=mysql", "--skip-test-db"));
        install.add("--auth-root-authentication-method=socket");
        install.addAll(server.files());
        Program.run(install.toArray(String[]::new));
        return server;
    }

    /** One on files that are there, for example restored ones; it keeps no binary log. */
    public static MariaDbServer on(Path data, Path logs) {
        return new MariaDbServer(data, logs);
    }

    private List<String> files() {
        return List.of(
                "--datadir=" + data,
                "--innodb-log-group-home-dir=" + logs,
                "--innodb-log-file-size=16M",
                "--innodb-buffer-pool-size=32M",
                "--tmpdir=" + run);
    }

    /** Options for {@link #start}. */
    public List<String> binaryLog() {
        return List.of("--log-bin=" + logs.resolve("binary"), "--server-id=7");
    }

    public void start(List<String> options) {
        var command = new ArrayList<String>();
        command.addAll(List.of("mariadbd", "--no-defaults", "--user=mysql"));
        command.addAll(files());
        command.add("--socket=" + socket());
        command.add("--pid-file=" + run.resolve("pid"));
        if (options.stream().noneMatch(option -> option.startsWith("--port="))) {
            command.add("--skip-networking");
        }
        command.addAll(options);
        Path log = run.resolve("log");
        try {
            process =
                    new ProcessBuilder(command)
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                            .start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        await("the server answers")
                .atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(50))
                .until(() -> {
                    if (!process.isAlive()) {
                        throw new AssertionError("it ended: " + Files.readString(log));
                    }
                    try (Connection _ = connect()) {
                        return true;
                    } catch (SQLException e) {
                        return false;
                    }
                });
    }

    public boolean isRunning() {
        return process != null && process.isAlive();
    }

    public Path data() {
        return data;
    }

    public Path logs() {
        return logs;
    }

    public Path socket() {
        return run.resolve("socket");
    }

    public long pid() {
        return process.pid();
    }

    /** As root. */
    public Connection connect() throws SQLException {
        return DriverManager.getConnection(
                "jdbc:mariadb:///?user=root&sslMode=disable&localSocket=" + socket());
    }

    /** What a query says, a row a line, fields between bars. */
    public String query(String sql) {
        try (Connection connection = connect();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            var lines = new ArrayList<String>();
            while (rows.next()) {
                var fields = new ArrayList<String>();
                for (int i = 1; i <= rows.getMetaData().getColumnCount(); i++) {
                    fields.add(rows.getString(i));
                }
                lines.add(String.join("|", fields));
            }
            return String.join("\n", lines);
        } catch (SQLException e) {
            throw new AssertionError(sql, e);
        }
    }

    public void execute(String... statements) {
        try (Connection connection = connect();
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        } catch (SQLException e) {
            throw new AssertionError(e);
        }
    }

    public void stop() {
        process.destroy();
        awaitEnd();
    }

    public void kill9() {
        process.destroyForcibly();
        awaitEnd();
    }

    private void awaitEnd() {
        try {
            if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
                throw new AssertionError("the server does not end");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }

    /** Kills it if it runs. */
    @Override
    public void close() {
        if (isRunning()) {
            kill9();
        }
        Program.run("rm", "-rf", run.toString());
    }
}
