/** PostgreSQL servers as participants of backups. */
// The driver has an Automatic-Module-Name and no more (42.7).
@SuppressWarnings("requires-automatic")
module dev.lull.participant.postgresql {
    requires dev.lull.core;
    requires java.sql;
    requires static org.jspecify;
    requires org.postgresql.jdbc;

    // It makes the socket factory.
    exports dev.lull.participant.postgresql to
            org.postgresql.jdbc;

    provides dev.lull.participant.ParticipantKind with
            dev.lull.participant.postgresql.PostgresqlKind;
}
