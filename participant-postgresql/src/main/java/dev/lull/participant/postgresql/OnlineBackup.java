package dev.lull.participant.postgresql;

import dev.lull.participant.ParticipantException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The server's own mode for backups whose files are not of one instant (Continuous Archiving, Making a Base Backup Using
 * the Low Level API). What is copied from its start to its stop is whole with the label that the server gives, and with the
 * log of that time. All of it belongs to one session: if that ends, so does the backup, and the slot that keeps the log.
 */
final class OnlineBackup {
    private static final int NAMED_OTHERWISE_BEFORE = 15;

    private static final String LABEL_FILE = "backup_label";
    private static final String MAP_FILE = "tablespace_map";

    private final Session session;
    private final boolean oldNames;
    private @Nullable String start;
    private @Nullable Map<String, String> stopped;

    private OnlineBackup(Session session, boolean oldNames) {
        this.session = session;
        this.oldNames = oldNames;
    }

    /** From now on no log goes. */
    static OnlineBackup prepare(Session session, int major) throws SQLException {
        session.execute(
                "SELECT pg_catalog.pg_create_physical_replication_slot("
                        + "'lull_' || pg_catalog.pg_backend_pid(), true, true)");
        return new OnlineBackup(session, major < NAMED_OTHERWISE_BEFORE);
    }

    void start() throws SQLException {
        start =
                session.value(
                        oldNames
                                ? "SELECT pg_catalog.pg_start_backup('lull', true, false)::text"
                                : "SELECT pg_catalog.pg_backup_start('lull', true)::text");
    }

    void stop() throws SQLException {
        stopped =
                session.rows(
                                "SELECT lsn::text AS lsn, labelfile AS label, spcmapfile AS map FROM "
                                        + (oldNames
                                                ? "pg_catalog.pg_stop_backup(false, false)"
                                                : "pg_catalog.pg_backup_stop(false)"))
                        .getFirst();
    }

    /**
     * Writes the label, the map of the tablespaces, and the log from start to stop, as {@link
     * dev.lull.participant.Participant#collect} says.
     *
     * @param name of the participant
     * @param data where the data directory is in the backup
     * @param wal where the log is
     */
    List<Path> collect(String name, Cluster cluster, Path data, Path wal, Path into)
            throws ParticipantException, SQLException {
        Map<String, String> end = stopped;
        String begin = start;
        if (end == null || begin == null) {
            throw new IllegalStateException("the backup was not stopped");
        }
        Map<String, String> log =
                session.rows(
                                "SELECT setting AS size, timeline_id::text AS timeline"
                                        + " FROM pg_catalog.pg_settings, pg_catalog.pg_control_checkpoint()"
                                        + " WHERE name = 'wal_segment_size'")
                        .getFirst();
        List<String> segments =
                WalSegments.names(
                        Long.parseLong(log.getOrDefault("timeline", "")),
                        Long.parseLong(log.getOrDefault("size", "")),
                        begin,
                        end.getOrDefault("lsn", ""));
        List<Path> files = new ArrayList<>();
        try {
            for (String segment : segments) {
                Path file = made(into, wal.resolve(segment));
                Files.copy(
                        cluster.wal().resolve(segment),
                        file,
                        StandardCopyOption.COPY_ATTRIBUTES,
                        LinkOption.NOFOLLOW_LINKS);
                files.add(into.relativize(file));
            }
            files.add(
                    write(cluster, into, data.resolve(LABEL_FILE), end.getOrDefault("label", "")));
            String map = end.getOrDefault("map", "");
            if (!map.isEmpty()) {
                files.add(write(cluster, into, data.resolve(MAP_FILE), map));
            }
        } catch (IOException e) {
            throw new ParticipantException(
                    name,
                    "collect the log of",
                    e.getClass().getSimpleName() + ": " + e.getMessage(),
                    "is there room where the archive is to be? otherwise see the server's log");
        }
        return files;
    }

    private static Path made(Path into, Path place) throws IOException {
        Path file = into.resolve(Path.of("/").relativize(place));
        Files.createDirectories(file.getParent());
        return file;
    }

    /** The server's own, as what lies beside it. */
    private static Path write(Cluster cluster, Path into, Path place, String text)
            throws IOException {
        Path file = made(into, place);
        Files.writeString(file, text);
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
        Path beside = cluster.dataDirectory().resolve("PG_VERSION");
        Files.setAttribute(file, "unix:uid", Files.getAttribute(beside, "unix:uid"));
        Files.setAttribute(file, "unix:gid", Files.getAttribute(beside, "unix:gid"));
        return into.relativize(file);
    }
}
