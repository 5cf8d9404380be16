package dev.lull.participant.postgresql;

import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Properties;
import org.postgresql.Driver;
import org.postgresql.PGProperty;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** One connection to a server. For one thread. */
final class Session implements AutoCloseable {
    /** How much longer than the server itself is a server waited for that is to give up after a while. */
    private static final Duration SLACK = Duration.ofSeconds(5);

    private final Connection connection;

    private Session(Connection connection) {
        this.connection = connection;
    }

    /**
     * Connects.
     *
     * @param password empty if there is none
     * @param peer which user of the system connects to a Unix socket; empty for ourselves
     * @param limit for being connected, and for each answer
     */
    static Session open(
            Address address, Optional<char[]> password, OptionalInt peer, Duration limit)
            throws SQLException {
        Properties properties = new Properties();
        PGProperty.USER.set(properties, address.user());
        password.ifPresent(text -> PGProperty.PASSWORD.set(properties, new String(text)));
        PGProperty.APPLICATION_NAME.set(properties, "lull");
        int seconds = Math.toIntExact(Math.max(1, limit.toSeconds()));
        PGProperty.CONNECT_TIMEOUT.set(properties, seconds);
        PGProperty.SOCKET_TIMEOUT.set(properties, seconds);
        PGProperty.GSS_ENC_MODE.set(properties, "disable");
        // Each is asked once: nothing is gained by a second way of asking.
        PGProperty.PREPARE_THRESHOLD.set(properties, 0);
        address.socket().ifPresent(path -> setSocket(properties, path, peer));
        Connection made = new Driver().connect(url(address), properties);
        if (made == null) {
            throw new SQLException("the driver does not know the address " + address);
        }
        return new Session(made);
    }

    private static void setSocket(Properties properties, Path path, OptionalInt peer) {
        PGProperty.SSL_MODE.set(properties, "disable");
        PGProperty.SOCKET_FACTORY.set(properties, UnixSocketFactory.class.getName());
        PGProperty.SOCKET_FACTORY_ARG.set(properties, UnixSocketFactory.argument(path, peer));
    }

    private static String url(Address address) {
        String host = address.socket().isPresent() ? "localhost" : address.host();
        return "jdbc:postgresql://"
                + (host.contains(":") ? "[" + host + "]" : host)
                + ":"
                + address.port()
                + "/"
                + URLEncoder.encode(address.database(), StandardCharsets.UTF_8);
    }

    /** Lets the server give up every statement from now on after that time, and us a little later. */
    void limit(Duration limit) throws SQLException {
        connection.setNetworkTimeout(Runnable::run, Math.toIntExact(limit.plus(SLACK).toMillis()));
        execute("SET statement_timeout = " + limit.toMillis());
    }

    /** Runs a statement, whose result is of no interest. */
    void execute(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute(sql);
        }
    }

    /** The rows of a query, the columns of each by name; what is null is left out. */
    List<Map<String, String>> rows(String sql, String... parameters) throws SQLException {
        List<Map<String, String>> rows = new ArrayList<>();
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int i = 0; i < parameters.length; i++) {
                statement.setString(i + 1, parameters[i]);
            }
            try (ResultSet result = statement.executeQuery()) {
                while (result.next()) {
                    rows.add(row(result));
                }
            }
        }
        return rows;
    }

    private static Map<String, String> row(ResultSet result) throws SQLException {
        Map<String, String> row = new LinkedHashMap<>();
        for (int i = 1; i <= result.getMetaData().getColumnCount(); i++) {
            String value = result.getString(i);
            if (value != null) {
                row.put(result.getMetaData().getColumnLabel(i), value);
            }
        }
        return row;
    }

    /** The only value of a query. */
    String value(String sql) throws SQLException {
        List<Map<String, String>> rows = rows(sql);
        if (rows.size() != 1 || rows.getFirst().size() != 1) {
            throw new SQLException("not one value: " + sql);
        }
        return rows.getFirst().values().iterator().next();
    }

    /** Why something failed, one line without the driver's or the server's decoration. */
    static String reason(SQLException e) {
        String text = String.valueOf(e.getMessage());
        ServerErrorMessage said =
                e instanceof PSQLException driver ? driver.getServerErrorMessage() : null;
        if (said != null && said.getMessage() != null) {
            text = said.getMessage();
        } else {
            for (Throwable cause = e.getCause(); cause != null; cause = cause.getCause()) {
                if (cause instanceof IOException && cause.getMessage() != null) {
                    text = cause.getMessage();
                }
            }
        }
        String line = text.replaceAll("\\p{Cntrl}+", " ").strip();
        return line.isEmpty() ? "" : Character.toLowerCase(line.charAt(0)) + line.substring(1);
    }

    @Override
    public void close() throws SQLException {
        connection.close();
    }
}
