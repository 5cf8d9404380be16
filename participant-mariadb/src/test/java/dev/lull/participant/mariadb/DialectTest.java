package dev.lull.participant.mariadb;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class DialectTest {
    private static final ServerVersion MARIADB_10_11 = version("10.11.19-MariaDB-0+deb12u1-log");
    private static final ServerVersion MYSQL_8_0 = version("8.0.36-0ubuntu0.22.04.1");
    private static final ServerVersion MYSQL_8_4 = version("8.4.3");

    private final Dialect mariaDb = new MariaDb();
    private final Dialect mySql = new MySql();

    private static ServerVersion version(String text) {
        return ServerVersion.parse(text).orElseThrow();
    }

    @Test
    void eachTakesItsOwnProductsAndSaysWhoseOthersAre() {
        assertThat(mariaDb.refusal(MARIADB_10_11)).isEmpty();
        assertThat(mariaDb.refusal(version("10.5.0-MariaDB"))).isEmpty();
        assertThat(mariaDb.refusal(version("10.4.34-MariaDB")))
                .hasValueSatisfying(why ->
                        assertThat(why)
                                .isEqualTo(
                                        "it is MariaDB 10.4.34-MariaDB, and 10.5 or newer is needed"));
        assertThat(mariaDb.refusal(MYSQL_8_4))
                .hasValueSatisfying(why -> assertThat(why).endsWith("the kind of that is mysql"));
        assertThat(mySql.refusal(MYSQL_8_0)).isEmpty();
        assertThat(mySql.refusal(version("9.1.0"))).isEmpty();
        assertThat(mySql.refusal(version("5.7.44"))).isPresent();
        assertThat(mySql.refusal(MARIADB_10_11))
                .hasValueSatisfying(why -> assertThat(why).endsWith("the kind of that is mariadb"));
        assertThat(ServerVersion.parse("unknown")).isEmpty();
    }

    @Test
    void mariaDbGoesThroughTheStages() {
        assertThat(mariaDb.rest(false))
                .containsExactly(
                        "BACKUP STAGE START",
                        "BACKUP STAGE FLUSH",
                        "BACKUP STAGE BLOCK_DDL",
                        "BACKUP STAGE BLOCK_COMMIT",
                        "FLUSH NO_WRITE_TO_BINLOG ENGINE LOGS");
        assertThat(mariaDb.resume(false)).containsExactly("BACKUP STAGE END");
        assertThat(mariaDb.exact(false)).isTrue();
        assertThat(mariaDb.limits(Duration.ofMillis(1234)))
                .isEqualTo("SET SESSION max_statement_time = 1.234, lock_wait_timeout = 2");
        // Zero would be no limit at all.
        assertThat(mariaDb.limits(Duration.ZERO))
                .isEqualTo("SET SESSION max_statement_time = 0.001, lock_wait_timeout = 1");
    }

    @Test
    void mySqlLocksTablesOnlyIfThereAreOthersThanInnoDbs() {
        assertThat(mySql.rest(false)).containsExactly("LOCK INSTANCE FOR BACKUP");
        assertThat(mySql.resume(false)).containsExactly("UNLOCK INSTANCE");
        assertThat(mySql.exact(false)).isFalse();
        assertThat(mySql.rest(true))
                .containsExactly(
                        "LOCK INSTANCE FOR BACKUP",
                        "FLUSH TABLES WITH READ LOCK",
                        "FLUSH NO_WRITE_TO_BINLOG ENGINE LOGS");
        assertThat(mySql.resume(true)).containsExactly("UNLOCK TABLES", "UNLOCK INSTANCE");
        assertThat(mySql.exact(true)).isTrue();
        assertThat(mySql.limits(Duration.ofMillis(1234)))
                .isEqualTo("SET SESSION lock_wait_timeout = 2");
    }

    @Test
    void namesThatChangedWithAVersionAreTheVersions() {
        assertThat(mySql.positions(MYSQL_8_0)).first().isEqualTo("SHOW MASTER STATUS");
        assertThat(mySql.positions(MYSQL_8_4)).first().isEqualTo("SHOW BINARY LOG STATUS");
        assertThat(mariaDb.tablespaces(MARIADB_10_11)).contains("INNODB_SYS_TABLESPACES");
        assertThat(mariaDb.tablespaces(version("10.5.27-MariaDB")))
                .contains("INNODB_SYS_DATAFILES");
        assertThat(mariaDb.otherTables()).isEqualTo(Optional.empty());
        assertThat(mySql.otherTables()).isPresent();
    }
}
