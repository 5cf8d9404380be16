package dev.lull.participant.mariadb;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * MariaDB. {@code BACKUP STAGE} (https://mariadb.com/kb/en/backup-stage/): FLUSH writes tables that nobody changes,
 * BLOCK_DDL waits for statements that write to tables without transactions, and holds up those and DDL, BLOCK_COMMIT holds
 * up commits and the binary log. Transactions that are open are not waited for, and reading goes on. A session that ends
 * gives the stage up.
 */
record MariaDb() implements Dialect {
    @Override
    public String kind() {
        return "mariadb";
    }

    @Override
    public Optional<String> refusal(ServerVersion version) {
        if (!version.mariaDb()) {
            return Optional.of("it is " + version + ": the kind of that is mysql");
        }
        return version.isAtLeast(10, 5)
                ? Optional.empty()
                : Optional.of("it is " + version + ", and 10.5 or newer is needed");
    }

    @Override
    public String privileges() {
        return "RELOAD, BINLOG MONITOR, PROCESS";
    }

    @Override
    public List<String> trial() {
        return List.of("BACKUP STAGE START", "BACKUP STAGE END");
    }

    /** The server itself ends what takes longer, whatever becomes of us; max_statement_time has a fraction. */
    @Override
    public String limits(Duration left) {
        return "SET SESSION max_statement_time = "
                + Seconds.decimal(left)
                + ", lock_wait_timeout = "
                + Seconds.whole(left);
    }

    @Override
    public Optional<String> otherTables() {
        return Optional.empty();
    }

    /** Last what the server may still keep of its log of transactions (innodb_flush_log_at_trx_commit 0). */
    @Override
    public List<String> rest(boolean others) {
        return List.of(
                "BACKUP STAGE START",
                "BACKUP STAGE FLUSH",
                "BACKUP STAGE BLOCK_DDL",
                "BACKUP STAGE BLOCK_COMMIT",
                "FLUSH NO_WRITE_TO_BINLOG ENGINE LOGS");
    }

    @Override
    public List<String> resume(boolean others) {
        return List.of("BACKUP STAGE END");
    }

    @Override
    public List<String> positions(ServerVersion version) {
        return List.of(
                "SHOW MASTER STATUS",
                "SELECT @@GLOBAL.gtid_binlog_pos AS gtid_binlog_pos,"
                        + " @@GLOBAL.gtid_current_pos AS gtid_current_pos");
    }

    @Override
    public boolean exact(boolean others) {
        return true;
    }

    @Override
    public String transactions() {
        return "gtid_binlog_pos";
    }

    /** INNODB_SYS_DATAFILES went with 10.6, when INNODB_SYS_TABLESPACES got the names. */
    @Override
    public String tablespaces(ServerVersion version) {
        return version.isAtLeast(10, 6)
                ? "SELECT FILENAME AS file FROM information_schema.INNODB_SYS_TABLESPACES"
                : "SELECT PATH AS file FROM information_schema.INNODB_SYS_DATAFILES";
    }

    @Override
    public List<String> servers() {
        return List.of("mariadbd", "mysqld");
    }

    @Override
    public List<String> checkers() {
        return List.of("mariadb-check", "mysqlcheck");
    }

    @Override
    public List<String> options() {
        return List.of("--skip-slave-start");
    }
}
