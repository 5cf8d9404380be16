package dev.lull.participant.mariadb;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.mariadb.jdbc.NonRegisteringDriver;

/**
 * One session with a server, and one connection all the time: nothing connects again behind its back. Every call has a
 * limit; when that is over, or the caller is interrupted, the connection is closed, since nobody knows then what the
 * server has done. A call runs on a thread of the session's own: an interrupt closes the socket that a virtual thread
 * waits for, and a driver that waits for a server which was stopped has no other limit on a Unix socket.
 *
 * <p>For one thread.
 */
final class Session implements AutoCloseable {
    private static final String CONNECT = "connect";

    /** Nothing that would send the password as it is, whatever a server asks for. */
    private static final String AUTHENTICATION =
            "mysql_native_password,client_ed25519,parsec,caching_sha2_password";

    private final ExecutorService thread;
    private final Connection connection;
    private final long id;

    private Session(ExecutorService thread, Connection connection, long id) {
        this.thread = thread;
        this.connection = connection;
        this.id = id;
    }

    /** Something done with the connection. */
    private interface Call<T> {
        T run(Connection connection) throws SQLException;
    }

    /**
     * Connects.
     *
     * @param password empty for none
     * @throws ServerException if the server cannot be reached, does not let us in, or does not answer in time
     */
    static Session open(Login login, char[] password, Duration limit) throws ServerException {
        String doing = CONNECT + " to " + login.place();
        ExecutorService thread =
                Executors.newSingleThreadExecutor(
                        Thread.ofVirtual().name("database session").factory());
        try {
            Connection connection =
                    await(thread.submit(() -> connect(login, password)), doing, limit);
            long id =
                    await(
                            thread.submit(() ->
                                    Long.parseLong(
                                            value(
                                                    query(
                                                            connection,
                                                            "SELECT CONNECTION_ID() AS id"),
                                                    "id"))),
                            doing,
                            limit);
            return new Session(thread, connection, id);
        } catch (ServerException | RuntimeException e) {
            thread.shutdownNow();
            throw e;
        }
    }

    private static Connection connect(Login login, char[] password) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", login.user());
        if (password.length > 0) {
            properties.setProperty("password", new String(password));
        }
        properties.setProperty("restrictedAuth", AUTHENTICATION);
        properties.setProperty("permitRedirect", "false");
        String url =
                switch (login.place()) {
                    case Login.Socket socket -> {
                        properties.setProperty("localSocket", socket.path().toString());
                        properties.setProperty("sslMode", "disable");
                        yield "jdbc:mariadb:///";
                    }
                    case Login.Tcp tcp -> {
                        // What does not leave this machine needs no TLS, which is the driver's
                        // default.
                        if (tcp.isLoopback()) {
                            properties.setProperty("sslMode", "disable");
                        }
                        yield "jdbc:mariadb://" + tcp.bracketed() + ":" + tcp.port() + "/";
                    }
                };
        Connection connection = new NonRegisteringDriver().connect(url, properties);
        if (Thread.interrupted()) {
            connection.close();
            throw new SQLException("interrupted");
        }
        return connection;
    }

    /** The server's number for it. */
    long id() {
        return id;
    }

    /** Whether it was not given up. */
    boolean isOpen() {
        return !thread.isShutdown();
    }

    /** @throws ServerException if the server refuses it, or does not answer in time; the session is given up then */
    void execute(String sql, Duration limit) throws ServerException {
        call(
                sql,
                limit,
                connected -> {
                    try (Statement statement = connected.createStatement()) {
                        return statement.execute(sql);
                    }
                });
    }

    /**
     * The rows, each by its columns' names in lower case; what is NULL is empty.
     *
     * @throws ServerException as {@link #execute} does
     */
    List<Map<String, String>> query(String sql, Duration limit) throws ServerException {
        return call(sql, limit, connected -> query(connected, sql));
    }

    /** The only row; empty if there is none. */
    Map<String, String> row(String sql, Duration limit) throws ServerException {
        List<Map<String, String>> rows = query(sql, limit);
        return rows.isEmpty() ? Map.of() : rows.getFirst();
    }

    private <T> T call(String sql, Duration limit, Call<T> call) throws ServerException {
        if (!isOpen()) {
            throw ServerException.gone(sql);
        }
        Future<T> answer = thread.submit(() -> call.run(connection));
        try {
            return await(answer, sql, limit);
        } finally {
            if (answer.isCancelled()) {
                thread.shutdownNow();
            }
        }
    }

    private static <T> T await(Future<T> answer, String doing, Duration limit)
            throws ServerException {
        try {
            return answer.get(limit.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException _) {
            answer.cancel(true);
            throw ServerException.noAnswer(doing, limit);
        } catch (InterruptedException _) {
            answer.cancel(true);
            Thread.currentThread().interrupt();
            throw ServerException.interrupted(doing);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof SQLException failure) {
                throw ServerException.of(doing, failure);
            }
            throw new IllegalStateException(doing, e.getCause());
        }
    }

    private static List<Map<String, String>> query(Connection connection, String sql)
            throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet results = statement.executeQuery(sql)) {
            ResultSetMetaData columns = results.getMetaData();
            List<Map<String, String>> rows = new ArrayList<>();
            while (results.next()) {
                Map<String, String> row = new LinkedHashMap<>();
                for (int i = 1; i <= columns.getColumnCount(); i++) {
                    String value = results.getString(i);
                    row.put(
                            columns.getColumnLabel(i).toLowerCase(Locale.ROOT),
                            value == null ? "" : value);
                }
                rows.add(row);
            }
            return rows;
        }
    }

    private static String value(List<Map<String, String>> rows, String column) {
        return rows.isEmpty() ? "" : rows.getFirst().getOrDefault(column, "");
    }

    /** Ends it; what the server does not take note of in time is cut off. */
    @Override
    public void close() {
        if (!isOpen()) {
            return;
        }
        Future<?> closed =
                thread.submit(() -> {
                    connection.close();
                    return true;
                });
        thread.shutdown();
        try {
            closed.get(1, TimeUnit.SECONDS);
        } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException _) {
            // The server drops the session all the same, once the socket is closed.
        } finally {
            thread.shutdownNow();
        }
    }
}
