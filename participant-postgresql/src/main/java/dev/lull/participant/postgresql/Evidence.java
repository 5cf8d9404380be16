package dev.lull.participant.postgresql;

/** What the manifest tells of a server, by name. */
final class Evidence {
    static final String VERSION = "version";
    static final String SYSTEM_IDENTIFIER = "systemIdentifier";
    static final String SUPERUSER = "superuser";
    static final String STANDBY = "standby";

    /** Where it was, below the mount points that were named. */
    static final String DATA_DIRECTORY = "dataDirectory";

    /** The same of the write-ahead log, where it is not in the data directory. */
    static final String WAL_DIRECTORY = "walDirectory";

    /** The same of a tablespace; its number follows. */
    static final String TABLESPACE = "tablespace";

    /** How far the log had been written out, or replayed by a standby, when the server was at rest. */
    static final String LSN = "lsn";

    /** Where the last checkpoint's own record lies: whatever recovers comes at least as far. */
    static final String CHECKPOINT = "checkpoint";

    static final String TIMELINE = "timeline";

    private Evidence() {}
}
