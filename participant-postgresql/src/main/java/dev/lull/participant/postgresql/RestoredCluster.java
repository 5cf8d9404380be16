package dev.lull.participant.postgresql;

import dev.lull.linux.Kernel;
import dev.lull.participant.ParticipantException;
import dev.lull.participant.Restored;
import dev.lull.participant.ScratchServer;
import dev.lull.snapshot.process.BoundedProcess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.stream.Collectors;

/**
 * A cluster that was restored to be tried: a server of its own version recovers it, and pg_amcheck looks at its tables and
 * indexes.
 */
final class RestoredCluster {
    private static final Duration RECOVERY = Duration.ofHours(1);
    private static final Duration CHECK = Duration.ofDays(1);
    private static final Duration ANSWER = Duration.ofMinutes(1);
    private static final long LOOK_MILLIS = 50;
    private static final int OUTPUT_LIMIT = 1 << 20;

    private static final int PORT = 5432;

    /** Every cluster has it, and one can connect to it unless somebody has forbidden that. */
    private static final String DATABASE = "template1";

    /** sun_path of unix(7), without the NUL at its end. */
    private static final int LONGEST_SOCKET = 107;

    /** What a server has to have at least what it had, by the name that pg_controldata has for it. */
    private static final Map<String, String> LIMITS =
            Map.of(
                    "max_connections setting", "max_connections",
                    "max_worker_processes setting", "max_worker_processes",
                    "max_wal_senders setting", "max_wal_senders",
                    "max_prepared_xacts setting", "max_prepared_transactions",
                    "max_locks_per_xact setting", "max_locks_per_transaction",
                    "track_commit_timestamp setting", "track_commit_timestamp",
                    "wal_level setting", "wal_level");

    /**
     * Of the server that it was, which may still run; of the user's configuration, which may name what runs commands,
     * loads code or asks others for their log; and what would make it a standby that waits for more.
     */
    private static final List<String> LEFT_OUT =
            List.of(
                    "postmaster.pid",
                    "postmaster.opts",
                    "postgresql.auto.conf",
                    "standby.signal",
                    "recovery.signal");

    private final Kernel kernel;
    private final Restored restored;
    private final String name;
    private final List<String> report = new ArrayList<>();

    RestoredCluster(Kernel kernel, Restored restored) {
        this.kernel = kernel;
        this.restored = restored;
        this.name = restored.participant();
    }

    /** As {@link dev.lull.participant.ParticipantKind#prove}. */
    List<String> prove() throws ParticipantException {
        try {
            Path data = place(Evidence.DATA_DIRECTORY, evidence(Evidence.DATA_DIRECTORY));
            // From here on it is known to lead nowhere else.
            ScratchServer.give(kernel, data, restored.top());
            Installation installation = installation(data);
            Map<String, String> control = control(installation, data);
            requireSame(control);
            Path sockets = Files.createDirectory(restored.scratch().resolve("s"));
            relink(data);
            for (String file : LEFT_OUT) {
                Files.deleteIfExists(data.resolve(file));
            }
            Path configuration = configure(data, sockets, control);
            ScratchServer.give(kernel, restored.scratch(), restored.top());
            try (ScratchServer server =
                    ScratchServer.start(
                            kernel,
                            List.of(
                                    installation.program("postgres"),
                                    "-D",
                                    data.toString(),
                                    "-c",
                                    "config_file=" + configuration),
                            Installation.ENVIRONMENT)) {
                try (Session session = await(server, sockets)) {
                    requireRecovered(session);
                    if (checkable(installation, session)) {
                        check(installation, sockets);
                    }
                }
            }
            return List.copyOf(report);
        } catch (ParticipantException e) {
            throw e;
        } catch (IOException e) {
            throw new ParticipantException(name, "start", e, "lull restore it, and look by hand");
        } catch (SQLException e) {
            throw new ParticipantException(
                    name,
                    "ask the restored",
                    new IOException(Session.reason(e), e),
                    "lull restore it, and look by hand");
        }
    }

    private String evidence(String key) throws ParticipantException {
        String value = restored.evidence().get(key);
        if (value == null) {
            throw new ParticipantException(
                    name, "start", "the manifest does not tell its " + key, "back up again");
        }
        return value;
    }

    private Path place(String what, String original) throws ParticipantException {
        Optional<Path> place = restored.place(Path.of(original).normalize());
        if (place.isEmpty() || !Files.isDirectory(place.get(), LinkOption.NOFOLLOW_LINKS)) {
            throw new ParticipantException(
                    name,
                    "start",
                    "its " + what + ", " + original + ", is not in the backup",
                    "back up again, with all its filesystems");
        }
        return place.get();
    }

    private Installation installation(Path data) throws IOException {
        String major = Files.readString(data.resolve("PG_VERSION")).strip();
        if (!major.matches("\\d{1,3}")) {
            throw new ParticipantException(
                    name, "start", "its PG_VERSION is no version", "back up again");
        }
        return Installation.find(kernel, major)
                .orElseThrow(() ->
                        new ParticipantException(
                                name,
                                "start",
                                "PostgreSQL " + major + " is not installed here",
                                "apt-get install postgresql-"
                                        + major
                                        + ", or verify where that version is"));
    }

    private Map<String, String> control(Installation installation, Path data) throws IOException {
        Map<String, String> control = new LinkedHashMap<>();
        installation
                .output(kernel, "pg_controldata", data.toString())
                .lines()
                .forEach(line -> {
                    int colon = line.indexOf(':');
                    if (colon > 0) {
                        control.put(line.substring(0, colon), line.substring(colon + 1).strip());
                    }
                });
        return control;
    }

    private void requireSame(Map<String, String> control) throws ParticipantException {
        String found = control.getOrDefault("Database system identifier", "");
        if (!found.equals(evidence(Evidence.SYSTEM_IDENTIFIER))) {
            throw new ParticipantException(
                    name,
                    "start",
                    "it is another cluster than the manifest tells of: system identifier " + found,
                    "back up again");
        }
    }

    /** What links said is where the data was: it is somewhere else now, and somebody else's may be there. */
    private void relink(Path data) throws IOException {
        Path tablespaces = data.resolve("pg_tblspc");
        if (!Files.isDirectory(tablespaces, LinkOption.NOFOLLOW_LINKS)) {
            throw new ParticipantException(
                    name, "start", "its pg_tblspc is no directory", "back up again");
        }
        Path wal = data.resolve("pg_wal");
        if (Files.isSymbolicLink(wal)) {
            relink(wal, Evidence.WAL_DIRECTORY);
        }
        try (DirectoryStream<Path> links = Files.newDirectoryStream(tablespaces)) {
            for (Path link : links) {
                if (Files.isSymbolicLink(link)) {
                    relink(link, Evidence.TABLESPACE + link.getFileName());
                }
            }
        }
        // It says the same of tablespaces as the links do, for copies that have none.
        Files.deleteIfExists(data.resolve("tablespace_map"));
    }

    private void relink(Path link, String key) throws IOException {
        Path place = place(key, evidence(key));
        Files.delete(link);
        Files.createSymbolicLink(link, place);
        ScratchServer.give(kernel, place, restored.top());
    }

    private Path configure(Path data, Path sockets, Map<String, String> control)
            throws IOException {
        if (address(sockets).socket().toString().length() > LONGEST_SOCKET) {
            throw new ParticipantException(
                    name,
                    "start",
                    sockets + " is too long a path for a Unix socket",
                    "choose a directory with a shorter name with --scratch");
        }
        Path access = restored.scratch().resolve("pg_hba.conf");
        Files.writeString(access, "local all all trust\n");
        Path names = restored.scratch().resolve("pg_ident.conf");
        Files.writeString(names, "");
        Map<String, String> settings = new LinkedHashMap<>();
        LIMITS.forEach((known, setting) -> {
            String value = control.get(known);
            if (value != null) {
                settings.put(setting, value);
            }
        });
        settings.put("data_directory", data.toString());
        settings.put("hba_file", access.toString());
        settings.put("ident_file", names.toString());
        settings.put("listen_addresses", "");
        settings.put("port", Integer.toString(PORT));
        settings.put("unix_socket_directories", sockets.toString());
        settings.put("unix_socket_permissions", "0700");
        settings.put("archive_mode", "off");
        settings.put("autovacuum", "off");
        settings.put("max_logical_replication_workers", "0");
        settings.put("restart_after_crash", "off");
        // Nobody will need it after a power cut.
        settings.put("fsync", "off");
        settings.put("huge_pages", "off");
        settings.put("dynamic_shared_memory_type", "mmap");
        settings.put("logging_collector", "off");
        settings.put("log_destination", "stderr");
        settings.put("log_line_prefix", "");
        settings.put("lc_messages", "C");
        Path file = restored.scratch().resolve("postgresql.conf");
        Files.writeString(
                file,
                settings.entrySet().stream()
                        .map(one -> one.getKey() + " = '" + quoted(one.getValue()) + "'\n")
                        .collect(Collectors.joining()));
        return file;
    }

    /** As the configuration's reader takes it apart (src/backend/utils/misc/guc-file.l). */
    private static String quoted(String value) {
        return value.replace("\\", "\\\\").replace("'", "''");
    }

    private Address address(Path sockets) {
        return new Address(
                sockets.toString(),
                PORT,
                restored.evidence().getOrDefault(Evidence.SUPERUSER, "postgres"),
                DATABASE);
    }

    /** It has no socket yet, or answers cannot_connect_now (Appendix A, PostgreSQL Error Codes). */
    private static boolean isStarting(SQLException e) {
        String state = String.valueOf(e.getSQLState());
        return state.startsWith("08") || state.equals("57P03");
    }

    private Session await(ScratchServer server, Path sockets)
            throws SQLException, ParticipantException {
        long deadline = System.nanoTime() + RECOVERY.toNanos();
        while (true) {
            try {
                return Session.open(
                        address(sockets), Optional.empty(), OptionalInt.empty(), ANSWER);
            } catch (SQLException e) {
                if (!isStarting(e) && server.isAlive()) {
                    throw e;
                }
                if (!server.isAlive()) {
                    throw new ParticipantException(
                            name,
                            "recover",
                            new IOException("the server says \"" + lastWords(server) + "\"", e),
                            "nothing can be relied on in this backup of it; restore from another");
                }
                if (System.nanoTime() - deadline > 0 || !waited()) {
                    throw new ParticipantException(
                            name,
                            "recover",
                            new IOException("not done: " + Session.reason(e), e),
                            "lull restore it, and look by hand");
                }
            }
        }
    }

    /** @return false if we are to end */
    private static boolean waited() {
        try {
            Thread.sleep(LOOK_MILLIS);
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /** Why it ended: not that it did. */
    private static String lastWords(ScratchServer server) {
        List<String> lines = server.errors().lines().filter(line -> !line.isBlank()).toList();
        return lines.stream()
                .filter(line -> line.startsWith("FATAL:") || line.startsWith("PANIC:"))
                .findFirst()
                .or(() -> lines.isEmpty() ? Optional.empty() : Optional.of(lines.getLast()))
                .orElse("")
                .replaceAll("\\p{Cntrl}+", " ");
    }

    /** What was in the log at the last checkpoint is there, and so is all that came before. */
    private void requireRecovered(Session session) throws SQLException, ParticipantException {
        String known = evidence(Evidence.CHECKPOINT);
        Map<String, String> state =
                session.rows(
                                """
                                SELECT pg_catalog.pg_is_in_recovery()::text AS recovering,
                                    (checkpoint_lsn >= ?::pg_catalog.pg_lsn)::text AS far,
                                    checkpoint_lsn::text AS checkpoint,
                                    timeline_id::text AS timeline,
                                    current_setting('server_version') AS version
                                FROM pg_catalog.pg_control_checkpoint()
                                """,
                                known)
                        .getFirst();
        String end = state.getOrDefault("checkpoint", "");
        if (Boolean.parseBoolean(state.get("recovering"))
                || !Boolean.parseBoolean(state.get("far"))) {
            throw new ParticipantException(
                    name,
                    "recover",
                    "it came to " + end + ", and had been at " + known + " when it was at rest",
                    "nothing can be relied on in this backup of it; restore from another");
        }
        report.add(
                "PostgreSQL "
                        + state.getOrDefault("version", "")
                        + " recovered to "
                        + end
                        + " on timeline "
                        + state.getOrDefault("timeline", ""));
    }

    private boolean checkable(Installation installation, Session session) throws SQLException {
        boolean extension =
                !session.rows(
                                "SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = 'amcheck'")
                        .isEmpty();
        if (extension && Files.isExecutable(Path.of(installation.program("pg_amcheck")))) {
            return true;
        }
        report.add("tables and indexes were not checked, there is no pg_amcheck");
        return false;
    }

    private void check(Installation installation, Path sockets) throws IOException {
        List<String> command =
                ScratchServer.asUser(
                        kernel,
                        List.of(
                                installation.program("pg_amcheck"),
                                "--host=" + sockets,
                                "--port=" + PORT,
                                "--username=" + address(sockets).user(),
                                "--no-password",
                                "--maintenance-db=" + DATABASE,
                                "--all",
                                "--install-missing",
                                "--heapallindexed"));
        try (BoundedProcess process =
                BoundedProcess.start(
                        kernel, command, Installation.ENVIRONMENT, false, OUTPUT_LIMIT)) {
            BoundedProcess.Ended ended = process.awaitEnd(CHECK);
            if (ended.status() != 0) {
                String said =
                        new String(ended.output(), StandardCharsets.UTF_8)
                                .lines()
                                .limit(2)
                                .map(String::strip)
                                .collect(Collectors.joining(" "));
                throw new ParticipantException(
                        name,
                        "check",
                        "pg_amcheck says \""
                                + (said.isEmpty() ? ended.errors().strip() : said)
                                        .replaceAll("\\p{Cntrl}+", " ")
                                + "\"",
                        "the backup is what the server had: check the server itself with pg_amcheck");
            }
        }
        report.add("pg_amcheck found nothing wrong with its tables and indexes");
    }
}
