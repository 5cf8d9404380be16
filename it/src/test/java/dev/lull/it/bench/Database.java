package dev.lull.it.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;

/**
 * How long one transaction is held up, at the longest, while a PostgreSQL under load is backed up from a snapshot of its
 * filesystem.
 */
final class Database {
    private static final int PORT = 5441;
    private static final int MEBIBYTES = 1024;
    private static final double GOAL = 0.5;

    private Database() {}

    private interface Job {
        void run() throws Exception;
    }

    static void run(boolean quick) throws Exception {
        int rounds = quick ? 1 : 7;
        Bench.title(
                "database",
                "the longest transaction during a snapshot of a PostgreSQL under pgbench's load; ext4 on XFS");
        Programs.run("chmod", "711", Bench.scratch().toString());
        try (LoopFilesystem store = LoopFilesystem.make("xfs", 4 * MEBIBYTES, Bench.scratch());
                LoopFilesystem data = LoopFilesystem.make("ext4", MEBIBYTES, store.top());
                Server server = new Server(data.top())) {
            Figures script = new Figures("psql, fsfreeze, cp --reflink");
            Figures lull = new Figures("lull snapshot take");
            // The first round of each is not measured.
            for (int round = 0; round <= rounds; round++) {
                store.renew();
                data.renew();
                long theirs = server.longest(() -> byScript(server, data, store));
                long ours = server.longest(() -> withLull(server, data));
                if (round > 0) {
                    script.add(theirs);
                    lull.add(ours);
                }
            }
            script.print();
            lull.print();
            Figures.printRatio("lull : script", lull.median(), script.median(), GOAL);
        }
    }

    private static void byScript(Server server, LoopFilesystem data, LoopFilesystem store)
            throws Exception {
        Path copy = store.top().resolve("copy.img");
        Programs.run(
                "sh",
                "-ec",
                "setpriv --reuid=postgres --regid=postgres --clear-groups \"$1\" -qh \"$2\" -p "
                        + PORT
                        + " -c CHECKPOINT postgres; fsfreeze -f \"$3\"; cp --reflink=always \"$4\" \"$5\"; fsfreeze -u \"$3\"",
                "sh",
                Server.program("psql"),
                server.sockets().toString(),
                data.top().toString(),
                data.image().toString(),
                copy.toString());
        Files.delete(copy);
    }

    private static void withLull(Server server, LoopFilesystem data) throws Exception {
        String lull = Bench.home().resolve("lull").toString();
        String id =
                Programs.run(
                        lull,
                        "snapshot",
                        "take",
                        data.top().toString(),
                        "--participant",
                        "postgresql,host=" + server.sockets() + ",port=" + PORT);
        Programs.run(lull, "snapshot", "delete", id);
    }

    /** A server of Debian's, on a cluster of its own. */
    private static final class Server implements AutoCloseable {
        private final Path sockets;
        private final Process process;
        private final Process load;

        Server(Path top) throws Exception {
            Path data = directory(top.resolve("cluster"));
            sockets = directory(Bench.scratch().resolve("pg"));
            Programs.run(
                    asPostgres(
                            program("initdb"),
                            "--pgdata=" + data,
                            "--no-sync",
                            "--locale=C",
                            "--auth-local=peer",
                            "--auth-host=trust"));
            process =
                    Programs.start(
                            asPostgres(
                                    program("postgres"),
                                    "-D",
                                    data.toString(),
                                    "-c",
                                    "unix_socket_directories=" + sockets,
                                    "-c",
                                    "listen_addresses=127.0.0.1",
                                    "-c",
                                    "log_min_messages=fatal",
                                    "-c",
                                    "port=" + PORT));
            connect().close();
            String address = "--host=" + sockets;
            Programs.run(
                    asPostgres(
                            program("pgbench"),
                            "--initialize",
                            "--quiet",
                            "--scale=10",
                            address,
                            "--port=" + PORT,
                            "postgres"));
            Programs.run(
                    asPostgres(
                            program("psql"),
                            address,
                            "--port=" + PORT,
                            "--command=CREATE TABLE written (n int)",
                            "postgres"));
            load =
                    new ProcessBuilder(
                                    asPostgres(
                                            program("pgbench"),
                                            "--client=2",
                                            "--time=36000",
                                            address,
                                            "--port=" + PORT,
                                            "postgres"))
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                            .start();
        }

        private static Path directory(Path path) throws IOException, InterruptedException {
            Programs.run("install", "-d", "-o", "postgres", "-m", "700", path.toString());
            return path;
        }

        static String program(String name) throws IOException {
            try (Stream<Path> versions = Files.list(Path.of("/usr/lib/postgresql"))) {
                return versions.sorted()
                        .reduce((_, newer) -> newer)
                        .orElseThrow()
                        .resolve("bin")
                        .resolve(name)
                        .toString();
            }
        }

        private static String[] asPostgres(String... command) {
            List<String> words =
                    new ArrayList<>(
                            List.of(
                                    "setpriv",
                                    "--reuid=postgres",
                                    "--regid=postgres",
                                    "--clear-groups",
                                    "--"));
            words.addAll(List.of(command));
            return words.toArray(String[]::new);
        }

        Path sockets() {
            return sockets;
        }

        private static Connection connect() throws SQLException, InterruptedException {
            long deadline = System.nanoTime() + 30_000_000_000L;
            while (true) {
                try {
                    return DriverManager.getConnection(
                            "jdbc:postgresql://127.0.0.1:" + PORT + "/postgres", "postgres", "");
                } catch (SQLException e) {
                    if (System.nanoTime() > deadline) {
                        throw e;
                    }
                    Thread.sleep(50);
                }
            }
        }

        /** The longest transaction of one client that writes all the time, nanoseconds, while a job is done. */
        long longest(Job job) throws Exception {
            try (Connection connection = connect();
                    PreparedStatement insert =
                            connection.prepareStatement("INSERT INTO written VALUES (1)")) {
                List<Throwable> failures = Collections.synchronizedList(new ArrayList<>());
                Thread done =
                        Thread.ofPlatform()
                                .uncaughtExceptionHandler((_, e) -> failures.add(e))
                                .start(() -> {
                                    try {
                                        job.run();
                                    } catch (Exception e) {
                                        throw new IllegalStateException(e);
                                    }
                                });
                long longest = 0;
                while (done.isAlive()) {
                    long began = System.nanoTime();
                    insert.execute();
                    longest = Math.max(longest, System.nanoTime() - began);
                }
                done.join();
                if (!failures.isEmpty()) {
                    throw new IllegalStateException(failures.getFirst());
                }
                return longest;
            }
        }

        @Override
        public void close() throws Exception {
            load.destroyForcibly().waitFor();
            List<ProcessHandle> all = process.descendants().toList();
            Programs.run("kill", "-INT", Long.toString(process.pid()));
            process.waitFor();
            for (ProcessHandle one : all) {
                one.onExit().get();
            }
            Programs.deleteTree(sockets);
        }
    }
}
