package dev.lull.participant.mariadb;

/** MySQL servers, 8.0 and newer. */
public final class MySqlKind extends DatabaseKind {
    public MySqlKind() {
        super(new MySql());
    }
}
