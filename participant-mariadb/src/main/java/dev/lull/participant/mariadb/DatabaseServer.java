package dev.lull.participant.mariadb;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.participant.Cut;
import dev.lull.participant.Participant;
import dev.lull.participant.ParticipantException;
import dev.lull.participant.Settings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A MariaDB or MySQL server. Its locks are one session's, and go with it: when this process is killed, the server sees the
 * socket closed; when it is stopped, the server ends the session, which has not said a word for {@link Cut#longest}
 * ({@code wait_timeout}, whole seconds).
 */
final class DatabaseServer implements Participant {
    /** How long coming to rest may take, and so how long anybody waits for the locks, if not said. */
    static final Duration DEFAULT_LIMIT = Duration.ofSeconds(10);

    /** For what waits for nobody. */
    private static final Duration ANSWER = Duration.ofSeconds(10);

    /** For what may have to read the names of very many tables. */
    private static final Duration LOOK = Duration.ofMinutes(2);

    /** Longer than the server's own limit, by what an answer needs: it is to give up, and say why, before we do. */
    private static final Duration GRACE = Duration.ofSeconds(1);

    /** Before the rest nobody waits for us, and the pre-sync may take its time. Seconds. */
    private static final int PATIENT = 28_800;

    private static final Path HOST_NAME = Path.of("/proc/sys/kernel/hostname");

    private enum State {
        RUNNING,
        /** The rest was begun, and came to nothing. */
        HALF,
        RESTING
    }

    private final Kernel kernel;
    private final Dialect dialect;
    private final Login login;
    private final String name;
    private final boolean essential;
    private final Duration limit;
    private final Map<String, String> evidence = new LinkedHashMap<>();
    private char[] password = {};
    private Duration longest = Duration.ZERO;
    private @Nullable Session session;
    private @Nullable ServerVersion version;
    private boolean others;
    private State state = State.RUNNING;

    DatabaseServer(Kernel kernel, Dialect dialect, Login login, Settings settings) {
        this.kernel = kernel;
        this.dialect = dialect;
        this.login = login;
        this.name = settings.title();
        this.essential = settings.essential();
        this.limit = settings.duration(Settings.LIMIT).orElse(DEFAULT_LIMIT);
    }

    @Override
    public String kind() {
        return dialect.kind();
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
    public Map<String, String> evidence() {
        return Map.copyOf(evidence);
    }

    @Override
    public void prepare(Cut cut) throws ParticipantException {
        longest = cut.longest();
        try {
            password = password();
            Session opened = Session.open(login, password, ANSWER);
            session = opened;
            opened.execute("SET SESSION wait_timeout = " + PATIENT, ANSWER);
            ServerVersion found = version(opened);
            version = found;
            evidence.put("version", found.text());
            look(opened, found, cut);
            opened.execute(dialect.limits(limit), ANSWER);
            for (String statement : dialect.trial()) {
                opened.execute(statement, limit.plus(GRACE));
            }
            // Only to see that it is granted.
            positions(opened, found);
        } catch (ParticipantException e) {
            throw e;
        } catch (ServerException e) {
            throw new ParticipantException(name, "prepare", e, hint(e));
        } catch (IOException e) {
            throw new ParticipantException(name, "prepare", e, "see docs/participants.md");
        }
    }

    private char[] password() throws IOException {
        return login.secret().isEmpty()
                ? new char[0]
                : login.secret().get().read(kernel.effectiveUser(), System.getenv());
    }

    private ServerVersion version(Session opened) throws ServerException, ParticipantException {
        String text =
                opened.row("SELECT @@GLOBAL.version AS version", ANSWER)
                        .getOrDefault("version", "");
        Optional<ServerVersion> parsed = ServerVersion.parse(text);
        Optional<String> refusal =
                parsed.isEmpty()
                        ? Optional.of("its version, " + text + ", is of an unknown form")
                        : dialect.refusal(parsed.get());
        if (refusal.isPresent()) {
            throw refused(refusal.get(), "see docs/participants.md for what can be backed up");
        }
        return parsed.orElseThrow();
    }

    private ParticipantException refused(String reason, String hint) {
        return new ParticipantException(name, "prepare", reason, hint);
    }

    /** Where everything is, and that it is on the filesystems of the snapshot. */
    private void look(Session opened, ServerVersion found, Cut cut)
            throws ServerException, ParticipantException {
        ServerFiles files = ServerFiles.of(opened.query(ServerFiles.query(), ANSWER));
        Optional<Path> data = files.data();
        if (data.isEmpty()) {
            throw refused("it tells no data directory", "GRANT " + dialect.privileges());
        }
        requireHere(opened, data.get());
        evidence.putAll(files.variables());
        Whereabouts whereabouts = new Whereabouts(kernel, cut, name);
        for (Map.Entry<Path, String> one : files.directories().entrySet()) {
            whereabouts.require(one.getKey(), one.getValue());
        }
        whereabouts.requireWithin(data.get());
        for (Map<String, String> row : opened.query(dialect.tablespaces(found), LOOK)) {
            String file = row.getOrDefault("file", "");
            if (!file.isEmpty()) {
                whereabouts.require(files.directoryOf(file), "the tablespace " + file);
            }
        }
        evidence.putAll(new Places(whereabouts.real(), data.get()).evidence());
        if (dialect.otherTables().isPresent()) {
            others =
                    !opened.row(dialect.otherTables().get(), LOOK)
                            .getOrDefault("n", "0")
                            .equals("0");
        }
    }

    /**
     * A server that runs elsewhere, or in a container, means other files by the same paths. Of a socket the kernel tells
     * who listens; otherwise only the server's word can be had.
     */
    private void requireHere(Session opened, Path data)
            throws ServerException, ParticipantException {
        Optional<Path> theirs = Optional.empty();
        if (login.place() instanceof Login.Socket(Path socket)) {
            try (Descriptor connection = kernel.connect(socket)) {
                int listener = kernel.peer(connection).pid();
                if (listener > 0) {
                    theirs = Optional.of(Path.of("/proc/" + listener + "/root" + data));
                }
            } catch (KernelException e) {
                throw new ParticipantException(name, "prepare", e, "run lull as root");
            }
        }
        if (theirs.isPresent()) {
            if (!isSame(theirs.get(), data)) {
                throw refused(
                        "its data directory, "
                                + data
                                + ", is another one here: it sees other filesystems",
                        "run lull in the mount namespace of the server: in its container, for example");
            }
            return;
        }
        String host =
                opened.row("SELECT @@GLOBAL.hostname AS host", ANSWER).getOrDefault("host", "");
        String here;
        try {
            here = Files.readString(HOST_NAME).strip();
        } catch (IOException e) {
            throw new ParticipantException(name, "prepare", e, "is /proc mounted?");
        }
        if (!host.equals(here)) {
            throw refused(
                    "it runs on " + host + ", and this is " + here,
                    "run lull where the server runs; if the machine was renamed since the server was started, use its socket");
        }
    }

    private static boolean isSame(Path theirs, Path ours) {
        try {
            return Files.isSameFile(theirs, ours);
        } catch (IOException _) {
            return false;
        }
    }

    private Map<String, String> positions(Session asked, ServerVersion found)
            throws ServerException {
        Map<String, String> positions = new LinkedHashMap<>();
        for (String statement : dialect.positions(found)) {
            asked.row(statement, ANSWER)
                    .forEach((key, value) -> {
                        switch (key) {
                            case "file" -> positions.put("binlog_file", value);
                            case "position" -> positions.put("binlog_position", value);
                            default -> {
                                if (key.startsWith("gtid") || key.equals("server_uuid")) {
                                    positions.put(key, value);
                                }
                            }
                        }
                    });
        }
        positions.values().removeIf(String::isEmpty);
        return positions;
    }

    @Override
    public void rest() throws ParticipantException {
        Session resting = session();
        long deadline = System.nanoTime() + limit.toNanos();
        state = State.HALF;
        try {
            resting.execute("SET SESSION wait_timeout = " + Seconds.whole(longest), ANSWER);
            for (String statement : dialect.rest(others)) {
                Duration left = Duration.ofNanos(Math.max(0, deadline - System.nanoTime()));
                resting.execute(dialect.limits(left), left.plus(GRACE));
                resting.execute(statement, left.plus(GRACE));
            }
            resting.execute(dialect.limits(ANSWER), ANSWER);
            evidence.putAll(positions(resting, found()));
            evidence.put("position", dialect.exact(others) ? "exact" : "at least");
            state = State.RESTING;
        } catch (ServerException e) {
            throw notBroughtToRest(resting, e);
        }
    }

    private ParticipantException notBroughtToRest(Session half, ServerException reason) {
        String busiest = "";
        try {
            if (reason.isLate()) {
                busiest = busiest(half).orElse("");
            }
        } catch (ServerException e) {
            reason.addSuppressed(e);
        }
        // Nobody is to wait any longer for what comes to nothing.
        if (end(half, reason)) {
            state = State.RUNNING;
        }
        if (!reason.isLate()) {
            return new ParticipantException(name, "bring to rest", reason, hint(reason));
        }
        return new ParticipantException(
                name,
                "bring to rest",
                new IOException(
                        reason.getMessage() + "; it was given " + Seconds.text(limit) + busiest,
                        reason),
                "something held a lock for too long, see SHOW FULL PROCESSLIST; with a longer limit others wait longer, too");
    }

    /** Who has been at it for the longest time, without what it says: that may be nobody's business. */
    private static Optional<String> busiest(Session asked) throws ServerException {
        Map<String, String> row =
                asked.row(
                        "SELECT ID AS id, USER AS user, TIME AS time, COALESCE(STATE, '') AS state"
                                + " FROM information_schema.PROCESSLIST WHERE COMMAND IN ('Query', 'Execute')"
                                + " AND ID <> CONNECTION_ID() ORDER BY TIME DESC LIMIT 1",
                        ANSWER);
        return row.isEmpty()
                ? Optional.empty()
                : Optional.of(
                        "; longest at work is connection "
                                + row.get("id")
                                + " of "
                                + row.get("user")
                                + ", for "
                                + row.get("time")
                                + "s ("
                                + row.get("state")
                                + ")");
    }

    @Override
    public void resume() throws ParticipantException {
        State was = state;
        state = State.RUNNING;
        switch (was) {
            case RUNNING -> {}
            case HALF -> endHalf();
            case RESTING -> endRest();
        }
    }

    private void endRest() throws ParticipantException {
        Session resting = session();
        try {
            for (String statement : dialect.resume(others)) {
                resting.execute(statement, ANSWER);
            }
            String id = resting.row("SELECT CONNECTION_ID() AS id", ANSWER).getOrDefault("id", "");
            if (!id.equals(Long.toString(resting.id()))) {
                throw ServerException.unexpected(
                        "session " + resting.id() + " is now session " + id);
            }
        } catch (ServerException e) {
            end(resting, e);
            ParticipantException.NotAtRest broken =
                    new ParticipantException.NotAtRest(
                            name,
                            "its session ended before the thaw, and its locks with it ("
                                    + e.getMessage()
                                    + ")",
                            "was it killed, the server restarted, or the freeze too long? see the server's log");
            broken.initCause(e);
            throw broken;
        }
    }

    private void endHalf() throws ParticipantException {
        ServerException reason = ServerException.gone("end the rest");
        if (!end(session(), reason)) {
            throw new ParticipantException(
                    name,
                    "let go on",
                    reason,
                    "its session may hold a lock for some seconds more: KILL " + session().id());
        }
    }

    /**
     * Ends a session, with whatever it holds. If it was given up it may still wait for a lock, and the server does not look
     * at its sockets meanwhile: another one has to say so.
     *
     * @return whether it has ended
     */
    private boolean end(Session which, ServerException reason) {
        if (which.isOpen()) {
            which.close();
            return true;
        }
        try (Session killer = Session.open(login, password, ANSWER)) {
            if (!killer.query(
                            "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE ID = "
                                    + which.id(),
                            ANSWER)
                    .isEmpty()) {
                killer.execute("KILL CONNECTION " + which.id(), ANSWER);
            }
            return true;
        } catch (ServerException e) {
            reason.addSuppressed(e);
            return false;
        }
    }

    private Session session() {
        Session opened = session;
        if (opened == null) {
            throw new IllegalStateException(name + " is not prepared");
        }
        return opened;
    }

    private ServerVersion found() {
        ServerVersion known = version;
        if (known == null) {
            throw new IllegalStateException(name + " is not prepared");
        }
        return known;
    }

    private String hint(ServerException e) {
        if (e.isLogin()) {
            return login.secret()
                    .map(secret -> "is " + secret + " that of " + login.user() + "?")
                    .orElse(
                            "set password-file, or let "
                                    + login.user()
                                    + " in over the socket without a password");
        }
        if (e.isPrivilege()) {
            return "GRANT " + dialect.privileges() + " ON *.* TO " + login.user();
        }
        if (e.isLate()) {
            return "is another backup of the server running?";
        }
        return "does the server run, and is it at " + login.place() + "?";
    }

    @Override
    public void close() {
        Session opened = session;
        session = null;
        Arrays.fill(password, '\0');
        if (opened != null) {
            opened.close();
        }
    }
}
