/** MariaDB and MySQL servers, at rest for a snapshot. */
module dev.lull.participant.mariadb {
    requires dev.lull.core;
    requires java.sql;
    requires static org.jspecify;
    requires org.mariadb.jdbc;

    provides dev.lull.participant.ParticipantKind with
            dev.lull.participant.mariadb.MariaDbKind,
            dev.lull.participant.mariadb.MySqlKind;
}
