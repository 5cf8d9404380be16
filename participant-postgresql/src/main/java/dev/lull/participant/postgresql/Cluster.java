package dev.lull.participant.postgresql;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What a server says of the database cluster that it serves.
 *
 * @param version for example {@code 15.18}
 * @param systemIdentifier of the cluster, and of its copies and standbys
 * @param started when the server was started, seconds of Unix time with their fraction, as it says them
 * @param standby whether it is in recovery
 * @param superuser the role that the cluster was made with
 * @param dataDirectory as the server calls it
 * @param configuration the files of its configuration, by the name of the setting that names each
 * @param tablespaces those that lie elsewhere: their names by their numbers
 */
record Cluster(
        String version,
        String systemIdentifier,
        String started,
        boolean standby,
        String superuser,
        Path dataDirectory,
        Map<String, String> configuration,
        Map<String, String> tablespaces) {
    static final String STARTED =
            "SELECT extract(epoch FROM pg_catalog.pg_postmaster_start_time())::text AS started";

    /** pg_default and pg_global lie in the data directory. */
    static final String TABLESPACES =
            "SELECT oid::text AS oid, spcname::text AS name FROM pg_catalog.pg_tablespace"
                    + " WHERE pg_catalog.pg_tablespace_location(oid) <> '' ORDER BY oid";

    /** The bootstrap superuser has this number (src/include/catalog/pg_authid.dat). */
    private static final String FACTS =
            """
            SELECT current_setting('server_version') AS version,
                (SELECT system_identifier FROM pg_catalog.pg_control_system())::text AS system,
                pg_catalog.pg_is_in_recovery()::text AS standby,
                (SELECT rolname FROM pg_catalog.pg_roles WHERE oid = 10)::text AS superuser,
                current_setting('data_directory') AS data
            """;

    private static final String CONFIGURATION =
            "SELECT name, setting FROM pg_catalog.pg_settings"
                    + " WHERE name IN ('config_file', 'hba_file', 'ident_file') ORDER BY name";

    Cluster {
        configuration = Map.copyOf(configuration);
        tablespaces = Map.copyOf(tablespaces);
    }

    /** Asks a server. */
    static Cluster of(Session session) throws SQLException {
        Map<String, String> facts = session.rows(FACTS).getFirst();
        Map<String, String> configuration = new LinkedHashMap<>();
        for (Map<String, String> row : session.rows(CONFIGURATION)) {
            configuration.put(row.getOrDefault("name", ""), row.getOrDefault("setting", ""));
        }
        return new Cluster(
                facts.getOrDefault("version", ""),
                facts.getOrDefault("system", ""),
                session.value(STARTED),
                Boolean.parseBoolean(facts.get("standby")),
                facts.getOrDefault("superuser", ""),
                Path.of(facts.getOrDefault("data", "")),
                configuration,
                tablespaces(session));
    }

    /** The tablespaces of a server that lie elsewhere: their names by their numbers. */
    static Map<String, String> tablespaces(Session session) throws SQLException {
        Map<String, String> tablespaces = new LinkedHashMap<>();
        for (Map<String, String> row : session.rows(TABLESPACES)) {
            tablespaces.put(row.getOrDefault("oid", ""), row.getOrDefault("name", ""));
        }
        return tablespaces;
    }

    /**
     * The system identifier in the data directory that we see: the first eight bytes of the control file, in the machine's
     * order (src/include/catalog/pg_control.h).
     *
     * @throws IOException if there is none
     */
    static String systemIdentifierIn(Path dataDirectory) throws IOException {
        try (InputStream file =
                Files.newInputStream(dataDirectory.resolve("global").resolve("pg_control"))) {
            byte[] first = file.readNBytes(Long.BYTES);
            if (first.length < Long.BYTES) {
                throw new IOException("its global/pg_control is cut short");
            }
            return Long.toUnsignedString(
                    ByteBuffer.wrap(first).order(ByteOrder.nativeOrder()).getLong());
        }
    }

    /** Where a tablespace is linked from. */
    Path tablespace(String number) {
        return dataDirectory.resolve("pg_tblspc").resolve(number);
    }

    /** The directory of the write-ahead log; perhaps a link. */
    Path wal() {
        return dataDirectory.resolve("pg_wal");
    }
}
