package dev.lull.participant.mariadb;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** What the servers of one product are asked for. Pure. */
sealed interface Dialect permits MariaDb, MySql {
    /** As a configuration calls it. */
    String kind();

    /** Why a server cannot be brought to rest; empty if it can. */
    Optional<String> refusal(ServerVersion version);

    /** What has to be granted, for a hint. */
    String privileges();

    /** Begins and ends the rest, holding nobody up: what is not granted shows. */
    List<String> trial();

    /** Limits what one statement may wait. */
    String limits(Duration left);

    /** How many tables are not of InnoDB, in the column {@code n}; empty if that makes no difference. */
    Optional<String> otherTables();

    /**
     * Brings to rest.
     *
     * @param others whether there are tables that are not of InnoDB
     */
    List<String> rest(boolean others);

    /** Lets go on. The first fails if this very session has not been at rest, where the product can tell. */
    List<String> resume(boolean others);

    /** Rows of what is known of the binary log and of global transaction ids; a column each. */
    List<String> positions(ServerVersion version);

    /**
     * Whether {@link #positions} at rest are those of the snapshot; if not, the snapshot is no earlier.
     *
     * @param others whether there are tables that are not of InnoDB
     */
    boolean exact(boolean others);

    /** The variable that tells up to where the binary log goes, in global transaction ids. */
    String transactions();

    /** The files of all tablespaces, in the column {@code file}: absolute, or relative to the data directory. */
    String tablespaces(ServerVersion version);

    /** The names of the server's program, the usual one first. */
    List<String> servers();

    /** The names of the program that checks all tables. */
    List<String> checkers();

    /** What its server needs on the command line besides, to be reached by nobody else. */
    List<String> options();
}
