package dev.lull.it.harness;

import static org.assertj.core.api.Assertions.assertThat;

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;

/**
 * Writers, each with a connection: entry n goes with a transfer between two accounts in one transaction (InnoDB), and when
 * that is acknowledged to a table of Aria and then to one of MyISAM. So each of these has as many entries as the one before
 * it, or one less; and the accounts sum to zero.
 */
public final class MariaDbLedger implements AutoCloseable {
    private static final int ACCOUNTS = 50;

    private final MariaDbServer server;
    private final List<AtomicLong> begun = new ArrayList<>();
    private final List<AtomicLong> acknowledged = new ArrayList<>();
    private final List<Thread> writers = new ArrayList<>();
    private final List<SQLException> failures = new CopyOnWriteArrayList<>();
    private volatile boolean ended;

    private MariaDbLedger(MariaDbServer server) {
        this.server = server;
    }

    /** What {@link #write} writes to, empty. */
    public static void create(MariaDbServer server) {
        server.execute(
                "DROP DATABASE IF EXISTS ledger",
                "CREATE DATABASE ledger",
                "CREATE TABLE ledger.account (id INT PRIMARY KEY, balance BIGINT NOT NULL) ENGINE=InnoDB",
                "CREATE TABLE ledger.entry (writer INT, n BIGINT, PRIMARY KEY (writer, n)) ENGINE=InnoDB",
                "CREATE TABLE ledger.aria (writer INT, n BIGINT, PRIMARY KEY (writer, n)) ENGINE=Aria",
                "CREATE TABLE ledger.myisam (writer INT, n BIGINT, PRIMARY KEY (writer, n)) ENGINE=MyISAM",
                "INSERT INTO ledger.account SELECT seq, 0 FROM ledger.seq_1_to_" + ACCOUNTS);
    }

    /** Starts so many writers. */
    public static MariaDbLedger write(MariaDbServer server, int writers) {
        create(server);
        var ledger = new MariaDbLedger(server);
        for (int writer = 0; writer < writers; writer++) {
            int number = writer;
            ledger.begun.add(new AtomicLong());
            ledger.acknowledged.add(new AtomicLong());
            ledger.writers.add(
                    Thread.ofPlatform().name("writer " + number).start(() -> ledger.run(number)));
        }
        return ledger;
    }

    private void run(int writer) {
        var random = new Random(writer);
        try (Connection connection = server.connect();
                Statement statement = connection.createStatement()) {
            for (long n = 1; !ended; n++) {
                begun.get(writer).set(n);
                int from = 1 + random.nextInt(ACCOUNTS - 1);
                int to = from + 1 + random.nextInt(ACCOUNTS - from);
                String entry = " VALUES (" + writer + ", " + n + ")";
                statement.execute("START TRANSACTION");
                statement.execute("INSERT INTO ledger.entry" + entry);
                statement.execute(
                        "UPDATE ledger.account SET balance = balance - "
                                + n
                                + " WHERE id = "
                                + from);
                statement.execute(
                        "UPDATE ledger.account SET balance = balance + " + n + " WHERE id = " + to);
                statement.execute("COMMIT");
                acknowledged.get(writer).set(n);
                statement.execute("INSERT INTO ledger.aria" + entry);
                statement.execute("INSERT INTO ledger.myisam" + entry);
            }
        } catch (SQLException e) {
            failures.add(e);
        }
    }

    /** For each writer, how many transactions were acknowledged until now. */
    public List<Long> acknowledged() {
        return acknowledged.stream().map(AtomicLong::get).toList();
    }

    /** For each writer, how many transactions were begun until now. */
    public List<Long> begun() {
        return begun.stream().map(AtomicLong::get).toList();
    }

    /** Of all writers. */
    public long total() {
        return acknowledged.stream().flatMapToLong(a -> LongStream.of(a.get())).sum();
    }

    /** What made writers end. */
    public List<SQLException> failures() {
        return List.copyOf(failures);
    }

    /** A copy has all that was acknowledged before, nothing that was begun after, and no gap. */
    public static void requireWhole(MariaDbServer copy, List<Long> before, List<Long> after) {
        assertThat(copy.query("SELECT SUM(balance) FROM ledger.account")).isEqualTo("0");
        for (int writer = 0; writer < before.size(); writer++) {
            long entries = count(copy, "entry", writer);
            long inAria = count(copy, "aria", writer);
            long inMyIsam = count(copy, "myisam", writer);
            assertThat(entries).isBetween(before.get(writer), after.get(writer));
            assertThat(entries - inAria).isBetween(0L, 1L);
            assertThat(inAria - inMyIsam).isBetween(0L, 1L);
            assertThat(entries - inMyIsam).isBetween(0L, 1L);
        }
    }

    /** They are numbered from 1: so many, and none is missing. */
    private static long count(MariaDbServer copy, String table, int writer) {
        String[] found =
                copy.query(
                                "SELECT COUNT(*), COALESCE(MAX(n), 0) FROM ledger."
                                        + table
                                        + " WHERE writer = "
                                        + writer)
                        .split("\\|", -1);
        assertThat(found[0]).isEqualTo(found[1]);
        return Long.parseLong(found[0]);
    }

    /** Ends them, and waits for it. */
    @Override
    public void close() {
        ended = true;
        try {
            for (Thread writer : writers) {
                writer.join();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
    }
}
