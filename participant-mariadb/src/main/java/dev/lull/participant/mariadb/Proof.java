package dev.lull.participant.mariadb;

import dev.lull.linux.Kernel;
import dev.lull.participant.ParticipantException;
import dev.lull.participant.Restored;
import dev.lull.snapshot.process.BoundedProcess;
import dev.lull.snapshot.process.Programs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A server that is started on what was restored, in a {@link Sandbox}, as the owner of its files and without asking for
 * passwords; that recovers, has its tables checked, and is shut down.
 */
final class Proof {
    /** A large log of transactions takes its time. */
    private static final Duration RECOVERY = Duration.ofHours(2);

    private static final Duration CHECK = Duration.ofHours(24);
    private static final Duration SHUTDOWN = Duration.ofMinutes(10);
    private static final Duration ANSWER = Duration.ofMinutes(1);

    /** Bytes. Who says more has found more than is good. */
    private static final int OUTPUT_LIMIT = 4 << 20;

    private static final String READY = ": ready for connections";
    private static final String DATA_DIRECTORY = "datadir";

    private final Kernel kernel;
    private final Dialect dialect;
    private final Restored restored;
    private final List<String> report = new ArrayList<>();

    Proof(Kernel kernel, Dialect dialect, Restored restored) {
        this.kernel = kernel;
        this.dialect = dialect;
        this.restored = restored;
    }

    /** @return what was seen, a line each */
    List<String> prove() throws ParticipantException {
        ServerFiles files = ServerFiles.ofEvidence(restored.evidence());
        Map<Path, Path> copies = copies();
        Path data =
                files.data().orElseThrow(() -> failed("the manifest tells no " + DATA_DIRECTORY));
        Path copy = copies.get(data);
        if (copy == null) {
            throw failed("the manifest does not tell where " + data + " was");
        }
        try {
            int user = owner(copy, "unix:uid");
            Path run =
                    Files.createDirectory(
                            restored.scratch().resolve("run"),
                            PosixFilePermissions.asFileAttribute(
                                    PosixFilePermissions.fromString("rwx------")));
            Files.setAttribute(run, "unix:uid", user);
            Sandbox sandbox =
                    new Sandbox(
                            restored.scratch().resolve("root"),
                            run,
                            copies,
                            user,
                            owner(copy, "unix:gid"));
            long begun = System.nanoTime();
            try (BoundedProcess server =
                    sandbox.start(kernel, command(files, user), OUTPUT_LIMIT)) {
                Recovery recovery = awaitReady(server);
                report.add(
                        "started on the copy, without network, and ready after "
                                + Duration.ofNanos(System.nanoTime() - begun).toMillis()
                                + " ms"
                                + recovery.position()
                                        .map(p -> "; InnoDB recovered up to " + p)
                                        .orElse(""));
                check(run);
                shutDown(server, run);
            }
        } catch (ParticipantException e) {
            throw e;
        } catch (IOException e) {
            throw new ParticipantException(
                    restored.participant(),
                    "prove",
                    e,
                    "root is needed, and a version of the server that can read what was backed up: "
                            + restored.evidence().getOrDefault("version", "unknown"));
        }
        return List.copyOf(report);
    }

    private Map<Path, Path> copies() throws ParticipantException {
        Map<Path, Path> copies = new LinkedHashMap<>();
        for (Map.Entry<Path, Path> one : Places.ofEvidence(restored.evidence()).entrySet()) {
            Path place =
                    restored.place(one.getValue())
                            .filter(Files::isDirectory)
                            .orElseThrow(() -> failed("nothing was restored of " + one.getValue()));
            copies.put(one.getKey(), place);
        }
        return copies;
    }

    private ParticipantException failed(String reason) {
        return new ParticipantException(
                restored.participant(),
                "prove",
                reason,
                "was it backed up by lull, and restored whole?");
    }

    private static int owner(Path file, String attribute) throws IOException {
        if (Files.getAttribute(file, attribute, LinkOption.NOFOLLOW_LINKS) instanceof Integer id) {
            return id;
        }
        throw new IOException("no owner of " + file);
    }

    private List<String> command(ServerFiles files, int user) throws ParticipantException {
        List<String> command = new ArrayList<>();
        command.add(program(dialect.servers()).toString());
        command.add("--no-defaults");
        command.addAll(files.options());
        command.addAll(
                List.of(
                        "--socket=" + Sandbox.RUN.resolve("socket"),
                        "--pid-file=" + Sandbox.RUN.resolve("pid"),
                        "--tmpdir=/tmp",
                        "--skip-networking",
                        "--skip-grant-tables",
                        "--event-scheduler=DISABLED",
                        "--innodb-buffer-pool-load-at-startup=OFF",
                        "--innodb-buffer-pool-dump-at-shutdown=OFF"));
        command.addAll(dialect.options());
        if (user == 0) {
            // It does not run as root unless told.
            command.add("--user=root");
        }
        return command;
    }

    private Path program(List<String> names) throws ParticipantException {
        for (String name : names) {
            Optional<Path> found = Programs.find(name);
            if (found.isPresent()) {
                return found.get();
            }
        }
        throw new ParticipantException(
                restored.participant(),
                "prove",
                names.getFirst() + " is not installed",
                "install the server, of the version that was backed up or a newer one; it need not run");
    }

    /**
     * What the server said while it started.
     *
     * @param position up to where in the binary log InnoDB's transactions go, if it said so
     */
    private record Recovery(Optional<String> position) {}

    private Recovery awaitReady(BoundedProcess server) throws IOException, ParticipantException {
        long deadline = System.nanoTime() + RECOVERY.toNanos();
        Optional<String> position = Optional.empty();
        String error = "";
        String other = "";
        while (true) {
            Optional<String> line =
                    server.awaitLine(Duration.ofNanos(Math.max(0, deadline - System.nanoTime())));
            if (line.isEmpty()) {
                throw new ParticipantException(
                        restored.participant(),
                        "prove",
                        "its server does not start on the copy: "
                                + (error.isEmpty() ? other : error),
                        "was it backed up with a newer version, "
                                + restored.evidence().getOrDefault("version", "unknown")
                                + ", or does it need plugins or keys that are not here?");
            }
            String text = line.get();
            if (text.contains(READY)) {
                return new Recovery(position);
            }
            int last = text.indexOf("Last binlog file '");
            if (last >= 0) {
                position =
                        Optional.of(
                                text.substring(last + "Last binlog file ".length())
                                        .replace("'", ""));
            }
            // The first is the reason, the rest what came of it. A shell that cannot make the
            // sandbox has no such mark.
            if (error.isEmpty() && text.contains("[ERROR]")) {
                error = text;
            }
            other = text;
        }
    }

    /** As a path that is short enough for a socket, however long the scratch directory's is. */
    private static Login.Socket socket(Path run) throws IOException {
        String pid = Files.readString(run.resolve("pid"), StandardCharsets.US_ASCII).strip();
        if (!pid.matches("\\d+")) {
            throw new IOException("no process number in " + run.resolve("pid"));
        }
        return new Login.Socket(Path.of("/proc/" + pid + "/root" + Sandbox.RUN.resolve("socket")));
    }

    private void check(Path run) throws IOException, ParticipantException {
        Login.Socket socket = socket(run);
        try (Session session = open(socket)) {
            String version =
                    session.row("SELECT @@GLOBAL.version AS version", ANSWER)
                            .getOrDefault("version", "");
            report.add(
                    version
                            + ", backed up with "
                            + restored.evidence().getOrDefault("version", "unknown"));
            comparePositions(session);
            report.add(
                    checkTables(socket)
                            + " of "
                            + session.row(
                                            "SELECT COUNT(*) AS n FROM information_schema.TABLES"
                                                    + " WHERE TABLE_TYPE = 'BASE TABLE'",
                                            ANSWER)
                                    .getOrDefault("n", "?")
                            + " tables");
        }
    }

    private Session open(Login.Socket socket) throws ServerException {
        return Session.open(new Login(socket, "root", Optional.empty()), new char[0], ANSWER);
    }

    private void comparePositions(Session session) throws IOException, ParticipantException {
        String variable = dialect.transactions();
        String recorded = restored.evidence().get(variable);
        if (recorded == null) {
            return;
        }
        String found =
                session.row("SELECT @@GLOBAL." + variable + " AS p", ANSWER).getOrDefault("p", "");
        if (restored.evidence().getOrDefault("position", "").equals("exact")) {
            if (!found.equals(recorded)) {
                throw failed(
                        variable + " is " + found + ", and was " + recorded + " in the backup");
            }
            report.add(variable + " is " + found + ", as in the backup");
        } else {
            report.add(variable + " is " + found + ", and was " + recorded + " before the backup");
        }
    }

    private String checkTables(Login.Socket socket) throws IOException, ParticipantException {
        Path checker = program(dialect.checkers());
        BoundedProcess.Ended ended;
        try (BoundedProcess check =
                BoundedProcess.start(
                        kernel,
                        List.of(
                                checker.toString(),
                                "--no-defaults",
                                "--protocol=socket",
                                "--socket=" + socket.path(),
                                "--user=root",
                                "--check",
                                "--silent",
                                "--all-databases"),
                        Map.of("PATH", Programs.PATH),
                        false,
                        OUTPUT_LIMIT)) {
            ended = check.awaitEnd(CHECK);
        }
        CheckOutput output = CheckOutput.parse(new String(ended.output(), StandardCharsets.UTF_8));
        report.addAll(output.warnings());
        if (!output.errors().isEmpty() || ended.status() != 0) {
            throw new ParticipantException(
                    restored.participant(),
                    "prove",
                    output.errors().isEmpty()
                            ? checker
                                    + " ended with status "
                                    + ended.status()
                                    + ": "
                                    + ended.errors().strip()
                            : "damaged: " + String.join("; ", output.errors()),
                    "is the original damaged, too? mariadb-check or mysqlcheck tells; try an older backup");
        }
        return checker.getFileName() + " finds no fault in any";
    }

    private void shutDown(BoundedProcess server, Path run)
            throws IOException, ParticipantException {
        try (Session session = open(socket(run))) {
            session.execute("SHUTDOWN", ANSWER);
        }
        BoundedProcess.Ended ended = server.awaitEnd(SHUTDOWN);
        if (ended.status() != 0) {
            throw failed("its server ended with status " + ended.status() + " when shut down");
        }
        report.add("shut down");
    }
}
