package dev.lull.participant.mariadb;

/** MariaDB servers, 10.5 and newer. */
public final class MariaDbKind extends DatabaseKind {
    public MariaDbKind() {
        super(new MariaDb());
    }
}
