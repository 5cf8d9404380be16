package dev.lull.it.harness;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.concurrent.atomic.AtomicLong;

/** A writer of table {@code ledger}: one record a transaction, each acknowledged before the next is begun. */
public final class PostgresqlLedger implements AutoCloseable {
    private final AtomicLong acknowledged = new AtomicLong();
    private final Connection connection;
    private final Thread writer;
    private volatile boolean ending;
    private volatile SQLException failure;

    private PostgresqlLedger(Connection connection) {
        this.connection = connection;
        this.writer = Thread.ofPlatform().start(this::write);
    }

    /** Starts on an empty table. */
    public static PostgresqlLedger write(PostgresqlServer server) throws SQLException {
        server.sql("TRUNCATE ledger");
        return new PostgresqlLedger(server.connect());
    }

    private void write() {
        try (Statement statement = connection.createStatement()) {
            while (!ending) {
                statement.execute("INSERT INTO ledger VALUES (" + (acknowledged.get() + 1) + ")");
                acknowledged.incrementAndGet();
            }
        } catch (SQLException e) {
            failure = e;
        }
    }

    /** How many transactions were acknowledged until now. */
    public long acknowledged() {
        return acknowledged.get();
    }

    /** A copy has all that was acknowledged before, nothing that was begun after, and no gap. */
    public static void requireWhole(PostgresqlServer copy, long before, long after) {
        String[] ledger = copy.sql("SELECT count(*), max(n) FROM ledger").split("\\|", -1);
        assertThat(ledger[0]).isEqualTo(ledger[1]);
        assertThat(Long.parseLong(ledger[1])).isBetween(before, after + 1);
    }

    @Override
    public void close() throws Exception {
        ending = true;
        writer.join();
        connection.close();
        assertThat((Throwable) failure).isNull();
    }
}
