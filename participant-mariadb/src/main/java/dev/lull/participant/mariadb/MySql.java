package dev.lull.participant.mariadb;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * MySQL. {@code LOCK INSTANCE FOR BACKUP} (https://dev.mysql.com/doc/refman/8.4/en/lock-instance-for-backup.html) holds up
 * what makes, renames and removes files, and no transaction: a snapshot of one instant needs no more for InnoDB, which
 * recovers from it. Where there are other tables, {@code FLUSH TABLES WITH READ LOCK} writes them, and holds up all
 * changes; it waits for every statement that runs. Both go with the session.
 */
record MySql() implements Dialect {
    @Override
    public String kind() {
        return "mysql";
    }

    @Override
    public Optional<String> refusal(ServerVersion version) {
        if (version.mariaDb()) {
            return Optional.of("it is " + version + ": the kind of that is mariadb");
        }
        return version.isAtLeast(8, 0)
                ? Optional.empty()
                : Optional.of("it is " + version + ", and 8.0 or newer is needed");
    }

    @Override
    public String privileges() {
        return "BACKUP_ADMIN, RELOAD, REPLICATION CLIENT, PROCESS";
    }

    @Override
    public List<String> trial() {
        return List.of("LOCK INSTANCE FOR BACKUP", "UNLOCK INSTANCE");
    }

    /** Of each lock; max_execution_time is about SELECT alone. */
    @Override
    public String limits(Duration left) {
        return "SET SESSION lock_wait_timeout = " + Seconds.whole(left);
    }

    /** The logs in the system's schema are of CSV, and nothing in them is missed. */
    @Override
    public Optional<String> otherTables() {
        return Optional.of(
                "SELECT COUNT(*) AS n FROM information_schema.TABLES WHERE ENGINE <> 'InnoDB' AND TABLE_SCHEMA"
                        + " NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys')");
    }

    @Override
    public List<String> rest(boolean others) {
        List<String> statements = new ArrayList<>();
        statements.add("LOCK INSTANCE FOR BACKUP");
        if (others) {
            statements.add("FLUSH TABLES WITH READ LOCK");
            statements.add("FLUSH NO_WRITE_TO_BINLOG ENGINE LOGS");
        }
        return List.copyOf(statements);
    }

    /** Neither fails if nothing was locked: who asks has to see that it is still the same session. */
    @Override
    public List<String> resume(boolean others) {
        return others ? List.of("UNLOCK TABLES", "UNLOCK INSTANCE") : List.of("UNLOCK INSTANCE");
    }

    /** SHOW MASTER STATUS was renamed in 8.2, and went with 8.4. */
    @Override
    public List<String> positions(ServerVersion version) {
        return List.of(
                version.isAtLeast(8, 2) ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS",
                "SELECT @@GLOBAL.gtid_executed AS gtid_executed,"
                        + " @@GLOBAL.server_uuid AS server_uuid");
    }

    @Override
    public boolean exact(boolean others) {
        return others;
    }

    @Override
    public String transactions() {
        return "gtid_executed";
    }

    @Override
    public String tablespaces(ServerVersion version) {
        return "SELECT FILE_NAME AS file FROM information_schema.FILES"
                + " WHERE FILE_TYPE <> 'TEMPORARY' AND FILE_NAME IS NOT NULL";
    }

    @Override
    public List<String> servers() {
        return List.of("mysqld");
    }

    @Override
    public List<String> checkers() {
        return List.of("mysqlcheck");
    }

    @Override
    public List<String> options() {
        return List.of(
                "--loose-skip-replica-start", "--loose-skip-slave-start", "--loose-mysqlx=OFF");
    }
}
