package dev.lull.participant.postgresql;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.participant.Cut;
import dev.lull.participant.Participant;
import dev.lull.participant.ParticipantException;
import dev.lull.participant.Secret;
import dev.lull.participant.Setting;
import dev.lull.participant.SettingException;
import dev.lull.participant.Settings;
import dev.lull.snapshot.Origin;
import dev.lull.snapshot.process.BoundedProcess;
import dev.lull.snapshot.process.Programs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * A server of this machine. A copy of all its files of one instant is what a power cut would have left, from which it
 * recovers: at rest it need only have made a checkpoint, so that there is little to recover. It never waits for us, nor
 * does anybody who uses it.
 */
final class Postgresql implements Participant {
    private static final Duration DEFAULT_LIMIT = Duration.ofMinutes(1);

    /** For a question that a server answers from its memory. */
    private static final Duration ANSWER = Duration.ofSeconds(5);

    private static final int OLDEST = 13;
    private static final int NEWEST = 18;

    private static final int IDLE_TIMEOUT_SINCE = 14;

    static final Setting ONLINE = new Setting("online", Setting.Type.FLAG);

    private final Kernel kernel;
    private final String name;
    private final boolean essential;
    private final Duration limit;
    private final Address address;
    private final Optional<Secret> secret;
    private final boolean online;
    private final Map<String, String> evidence = new LinkedHashMap<>();
    private @Nullable Session session;
    private @Nullable Cluster cluster;
    private @Nullable OnlineBackup onlineBackup;
    private boolean atRest;

    Postgresql(Kernel kernel, Settings settings) throws SettingException {
        this.kernel = kernel;
        this.name = settings.title();
        this.essential = settings.essential();
        this.limit = settings.duration(Settings.LIMIT).orElse(DEFAULT_LIMIT);
        this.address = Address.of(settings);
        this.secret = Secret.of(settings);
        this.online = settings.flag(ONLINE.name(), false);
    }

    @Override
    public String kind() {
        return PostgresqlKind.NAME;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public boolean essential() {
        return essential;
    }

    @Override
    public void prepare(Cut cut) throws ParticipantException {
        Session opened = connect();
        session = opened;
        try {
            opened.limit(limit);
            int major = requireKnownVersion(opened);
            Cluster found = Cluster.of(opened);
            cluster = found;
            evidence.put(Evidence.VERSION, found.version());
            evidence.put(Evidence.SYSTEM_IDENTIFIER, found.systemIdentifier());
            evidence.put(Evidence.STANDBY, Boolean.toString(found.standby()));
            evidence.put(Evidence.SUPERUSER, found.superuser());
            evidence.putAll(found.configuration());
            requireHere(found);
            requireInside(cut, found);
            if (online) {
                requirePrimary(found);
                onlineBackup = OnlineBackup.prepare(opened, major);
            }
        } catch (SQLException e) {
            throw failed("look at", e);
        }
    }

    private Session connect() throws ParticipantException {
        Optional<char[]> password;
        try {
            password =
                    secret.isPresent()
                            ? Optional.of(
                                    secret.get().read(kernel.effectiveUser(), System.getenv()))
                            : Optional.empty();
        } catch (IOException e) {
            throw new ParticipantException(
                    name, "read the password of", e, "see docs/participants.md for passwords");
        }
        try {
            return Session.open(address, password, peer(), limit);
        } catch (SQLException e) {
            throw new ParticipantException(
                    name,
                    "connect to",
                    new IOException(address + ": " + Session.reason(e), e),
                    connectHint(e));
        }
    }

    /**
     * Who connects to a Unix socket. For the peer authentication that Debian's servers have set up, it has to be the user
     * of the system who is called as the role is.
     */
    private OptionalInt peer() throws ParticipantException {
        if (address.socket().isEmpty() || kernel.effectiveUser() != 0) {
            return OptionalInt.empty();
        }
        Path id =
                Programs.find("id")
                        .orElseThrow(() ->
                                new ParticipantException(
                                        name,
                                        "connect to",
                                        "id(1) is not installed",
                                        "apt-get install coreutils"));
        try (BoundedProcess asked =
                BoundedProcess.start(
                        kernel,
                        List.of(id.toString(), "-u", "--", address.user()),
                        Map.of("PATH", Programs.PATH),
                        false,
                        64)) {
            BoundedProcess.Ended ended = asked.awaitEnd(ANSWER);
            String number = new String(ended.output(), StandardCharsets.UTF_8).strip();
            return ended.status() == 0 && number.matches("\\d{1,10}")
                    ? OptionalInt.of(Integer.parseUnsignedInt(number))
                    : OptionalInt.empty();
        } catch (IOException e) {
            throw new ParticipantException(name, "find the user of", e, "id -u " + address.user());
        }
    }

    /** A standby makes no record that says where the backup ends: what tells is in a file that would have to be cut last. */
    private void requirePrimary(Cluster found) throws ParticipantException {
        if (found.standby()) {
            throw new ParticipantException(
                    name,
                    "use",
                    "online is not for a standby",
                    "back up all its filesystems at one instant, or its primary");
        }
    }

    private int requireKnownVersion(Session opened) throws SQLException, ParticipantException {
        int major = Integer.parseInt(opened.value("SHOW server_version_num")) / 10_000;
        if (major < OLDEST || major > NEWEST) {
            throw new ParticipantException(
                    name,
                    "use",
                    "it is PostgreSQL " + major + ", known are " + OLDEST + " to " + NEWEST,
                    "bring it to rest with a hook, see docs/hooks.md");
        }
        if (major >= IDLE_TIMEOUT_SINCE) {
            // The pre-sync of a large filesystem may take longer than an administrator allows.
            opened.execute("SET idle_session_timeout = 0");
        }
        return major;
    }

    /** The paths that a server tells are of its own mount namespace, which may be another container's. */
    private void requireHere(Cluster found) throws ParticipantException {
        String seen;
        try {
            seen = Cluster.systemIdentifierIn(found.dataDirectory());
        } catch (IOException e) {
            throw new ParticipantException(
                    name,
                    "look at",
                    found.dataDirectory()
                            + ", its data directory, is none that can be read here: "
                            + e.getClass().getSimpleName(),
                    "run lull where the server's files are: does it run in a container?");
        }
        if (!seen.equals(found.systemIdentifier())) {
            throw new ParticipantException(
                    name,
                    "look at",
                    found.dataDirectory()
                            + " is here the data directory of another cluster (system identifier "
                            + seen
                            + ", not "
                            + found.systemIdentifier()
                            + ")",
                    "run lull where the server's files are: does it run in a container?");
        }
    }

    private void requireInside(Cut cut, Cluster found) throws ParticipantException {
        Path data = requireInside(cut, found.dataDirectory(), "its data directory");
        evidence.put(Evidence.DATA_DIRECTORY, data.toString());
        Path wal = requireInside(cut, found.wal(), "its write-ahead log");
        if (!wal.equals(data.resolve("pg_wal"))) {
            evidence.put(Evidence.WAL_DIRECTORY, wal.toString());
        }
        for (Map.Entry<String, String> tablespace : found.tablespaces().entrySet()) {
            Path place =
                    requireInside(
                            cut,
                            found.tablespace(tablespace.getKey()),
                            "its tablespace " + tablespace.getValue());
            evidence.put(Evidence.TABLESPACE + tablespace.getKey(), place.toString());
        }
    }

    private Path requireInside(Cut cut, Path directory, String what) throws ParticipantException {
        try {
            Optional<Path> place = cut.place(kernel, directory);
            if (place.isPresent()) {
                return place.get();
            }
            Path real = directory.toRealPath();
            throw new ParticipantException(
                    name,
                    "use",
                    what + ", " + real + ", lies on no filesystem that is backed up",
                    "name its mount point too: " + mountPoint(real));
        } catch (ParticipantException e) {
            throw e;
        } catch (IOException e) {
            throw new ParticipantException(
                    name,
                    "look at",
                    what + ", " + directory + ": " + e.getClass().getSimpleName(),
                    "run lull where the server's files are");
        }
    }

    private Path mountPoint(Path directory) throws IOException {
        try (Descriptor opened = kernel.openDirectory(directory)) {
            return Origin.mountOf(kernel, opened).mountPoint();
        }
    }

    @Override
    public void rest() throws ParticipantException {
        Session asked = prepared(session);
        Cluster known = prepared(cluster);
        try {
            if (onlineBackup != null) {
                onlineBackup.start();
            } else {
                // On a standby this is a restartpoint, which changes nothing of what it recovers
                // from.
                asked.execute("CHECKPOINT");
            }
            String lsn =
                    known.standby()
                            ? "pg_catalog.pg_last_wal_replay_lsn()"
                            : "pg_catalog.pg_current_wal_flush_lsn()";
            Map<String, String> position =
                    asked.rows(
                                    "SELECT "
                                            + lsn
                                            + "::text AS lsn, checkpoint_lsn::text AS checkpoint,"
                                            + " timeline_id::text AS timeline"
                                            + " FROM pg_catalog.pg_control_checkpoint()")
                            .getFirst();
            evidence.put(Evidence.LSN, position.getOrDefault("lsn", ""));
            evidence.put(Evidence.CHECKPOINT, position.getOrDefault("checkpoint", ""));
            evidence.put(Evidence.TIMELINE, position.getOrDefault("timeline", ""));
            asked.limit(ANSWER);
            atRest = true;
        } catch (SQLException e) {
            throw failed("bring to rest", e);
        }
    }

    @Override
    public void resume() throws ParticipantException {
        if (!atRest) {
            return;
        }
        atRest = false;
        Session asked = prepared(session);
        requireSame(asked, prepared(cluster));
        if (onlineBackup == null) {
            // It is of no use to the backup, which may take hours.
            close();
            return;
        }
        try {
            asked.limit(limit);
            onlineBackup.stop();
        } catch (SQLException e) {
            throw new ParticipantException.NotAtRest(
                    name, "stop its backup: " + Session.reason(e), "see the server's log");
        }
    }

    @Override
    public boolean needsOneInstant() {
        return !online;
    }

    @Override
    public List<Path> collect(Path into) throws ParticipantException {
        if (onlineBackup == null) {
            return List.of();
        }
        Path data = Path.of(evidence.getOrDefault(Evidence.DATA_DIRECTORY, ""));
        String wal = evidence.get(Evidence.WAL_DIRECTORY);
        try {
            return onlineBackup.collect(
                    name,
                    prepared(cluster),
                    data,
                    wal == null ? data.resolve("pg_wal") : Path.of(wal),
                    into);
        } catch (SQLException e) {
            throw failed("collect the log of", e);
        } finally {
            close();
        }
    }

    private void requireSame(Session asked, Cluster known) throws ParticipantException {
        Map<String, String> tablespaces;
        String started;
        try {
            started = asked.value(Cluster.STARTED);
            tablespaces = Cluster.tablespaces(asked);
        } catch (SQLException e) {
            throw new ParticipantException.NotAtRest(
                    name,
                    "the server or our session has ended: " + Session.reason(e),
                    "see the server's log");
        }
        if (!started.equals(known.started())) {
            throw new ParticipantException.NotAtRest(
                    name, "the server was started anew", "see the server's log");
        }
        tablespaces.keySet().removeAll(known.tablespaces().keySet());
        if (!tablespaces.isEmpty()) {
            throw new ParticipantException.NotAtRest(
                    name,
                    "a tablespace was made meanwhile: " + String.join(", ", tablespaces.values()),
                    "back up again");
        }
    }

    private static <T> T prepared(@Nullable T what) {
        if (what == null) {
            throw new IllegalStateException("the server is not prepared");
        }
        return what;
    }

    private ParticipantException failed(String operation, SQLException e) {
        String reason = Session.reason(e);
        return new ParticipantException(
                name,
                operation,
                new IOException(reason, e),
                switch (String.valueOf(e.getSQLState())) {
                    case "42501" ->
                            "connect as a superuser, or as a member of pg_read_all_settings and, from PostgreSQL 15 on, pg_checkpoint";
                    case "57014" ->
                            "the limit was " + limit.toMillis() + " ms, see docs/participants.md";
                    default -> "see the server's log";
                });
    }

    private String connectHint(SQLException e) {
        return switch (String.valueOf(e.getSQLState())) {
            case "28P01", "28000", "08004" ->
                    "the server's pg_hba.conf says how "
                            + address.user()
                            + " has to log in; a password comes from password-file or credential";
            case "57P03" -> "it is starting or stopping: back up again when it is up";
            case "3D000" -> "set database to one that there is";
            default -> "is the server running? host and port say where it listens";
        };
    }

    @Override
    public Map<String, String> evidence() {
        return Map.copyOf(evidence);
    }

    @Override
    public void close() throws ParticipantException {
        Session opened = session;
        session = null;
        if (opened == null) {
            return;
        }
        try {
            opened.close();
        } catch (SQLException e) {
            throw failed("disconnect from", e);
        }
    }
}
