package dev.lull.cli;

import dev.lull.backup.Archive;
import dev.lull.backup.ArchiveTarget;
import dev.lull.backup.Backup;
import dev.lull.backup.Compression;
import dev.lull.freeze.FreezeException;
import dev.lull.freeze.GuardClient;
import dev.lull.freeze.Outcome;
import dev.lull.guard.Reply;
import dev.lull.guard.Request;
import dev.lull.lease.Timeouts;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.LoopDevice;
import dev.lull.plan.ConsistentSnapshots.Taken;
import dev.lull.plan.Host;
import dev.lull.plan.Manifest;
import dev.lull.plan.Plan;
import dev.lull.plan.PlanException;
import dev.lull.plan.SnapshotOrder;
import dev.lull.plan.Step;
import dev.lull.snapshot.MountedSnapshot;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The demo, in its mount namespace: an ext4 in a file on an XFS, which is in a file under /var/tmp that has no name any
 * more once it is attached. With the namespace's last process everything is gone, whatever that process died of.
 */
final class Demo {
    private static final Path RUN = Path.of("/run/lull");
    private static final Path STATE = Path.of("/var/lib/lull");
    private static final Path STORAGE = STATE.resolve("storage");
    private static final Path SRV = STATE.resolve("srv");
    private static final Path MOUNTED = STATE.resolve("snapshot");
    private static final long STORAGE_BYTES = 1536L << 20;
    private static final long SRV_BYTES = 768L << 20;
    private static final int FILES = 2000;
    private static final Duration TIMEOUT = Duration.ofSeconds(20);

    private final Host host;
    private final Kernel kernel;
    private final List<String> ownCommand;
    private final PrintStream out;
    private final Plan plan = new Plan();
    private @Nullable Path image;
    private @Nullable Child watchdog;
    private @Nullable Child writer;
    private @Nullable Archive archive;
    private @Nullable MountedSnapshot mounted;
    private List<Taken> taken = List.of();
    private Stalls before = Stalls.NONE;
    private Stalls during = Stalls.NONE;
    private String manifest = "null";

    private Demo(Host host, List<String> ownCommand, PrintStream out) {
        this.host = host;
        this.kernel = host.kernel();
        this.ownCommand = ownCommand;
        this.out = out;
    }

    /**
     * @param ownCommand starts lull with the command {@code demo}
     * @param json whether stdout gets JSON, and stderr what goes on
     */
    static ExitCode run(List<String> ownCommand, boolean json)
            throws CommandException, PlanException, FreezeException, IOException {
        Host host = ThisHost.open("demo", Optional.empty());
        Demo demo = new Demo(host, ownCommand, json ? System.err : System.out);
        demo.run();
        if (json) {
            demo.tell(System.out);
        }
        return ExitCode.DONE;
    }

    private void tell(PrintStream to) {
        JsonOutput.print(
                to,
                json -> {
                    json.writeStartObject();
                    json.writeNumberProperty("longestWriteNanos", during.longest().toNanos());
                    json.writeNumberProperty("writes", during.writes());
                    json.writeNumberProperty("longestWriteBeforeNanos", before.longest().toNanos());
                    json.writeBooleanProperty("verified", true);
                    json.writeBooleanProperty("restoredEqual", true);
                    json.writeName("manifest");
                    json.writeRawValue(manifest.strip());
                    json.writeEndObject();
                });
    }

    private void run() throws PlanException, FreezeException, IOException {
        plan.add(Step.during("private mounts", this::mountState, () -> {}))
                .add(Step.during("storage", this::makeStorage, this::unmakeStorage))
                .add(Step.during("filesystem", this::makeFilesystem, this::unmountFilesystem))
                .add(Step.during("guard", this::startGuard, this::stopGuard))
                .add(Step.during("watchdog", this::startWatchdog, this::stopWatchdog))
                .add(Step.of("files", this::makeFiles))
                .add(Step.during("writer", this::startWriter, this::stopWriter))
                .add(Step.during("backup", this::backUp, this::deleteSnapshots))
                .add(Step.of("verify", this::verify))
                .add(Step.of("restore", this::restore))
                .add(Step.during("compare", this::compare, this::unmountSnapshot));
        PlanRun.run(plan, new AtomicLong(), out, true);
        out.println();
        out.println("nothing is left behind");
    }

    // ---- what is needed for it

    /** The guard of the demo is its own, and so are its records. */
    private String mountState() throws IOException {
        for (Path directory : List.of(RUN, STATE)) {
            Files.createDirectories(directory);
            kernel.mount("lull-demo", directory, "tmpfs", 0, "mode=0711,size=64m");
        }
        for (Path directory : List.of(STORAGE, SRV, MOUNTED)) {
            Files.createDirectory(directory);
        }
        return "";
    }

    private String makeStorage() throws PlanException, IOException, InterruptedException {
        out.println("an ext4 in a file on XFS, in a mount namespace of their own");
        Path file = Files.createTempFile(Path.of("/var/tmp"), "lull-demo-", ".img");
        image = file;
        resize(file, STORAGE_BYTES);
        mkfs("mkfs.xfs", "-q", "-f", "-m", "reflink=1", file.toString());
        attachAndMount(file, "xfs", STORAGE);
        Files.delete(file);
        image = null;
        return "";
    }

    private void unmakeStorage() throws IOException {
        if (image != null) {
            Files.deleteIfExists(image);
        }
        unmount(STORAGE);
    }

    private String makeFilesystem() throws PlanException, IOException, InterruptedException {
        Path file = Files.createFile(STORAGE.resolve("srv.img"));
        resize(file, SRV_BYTES);
        mkfs("mkfs.ext4", "-q", "-F", file.toString());
        attachAndMount(file, "ext4", SRV);
        return "";
    }

    private void unmountFilesystem() throws IOException {
        unmount(SRV);
    }

    private void unmount(Path directory) throws IOException {
        if (kernel.mounts().stream().anyMatch(mount -> mount.mountPoint().equals(directory))) {
            kernel.unmount(directory, false);
        }
    }

    private void attachAndMount(Path file, String type, Path directory) throws IOException {
        // The mount keeps the loop device, which detaches itself when it is unmounted.
        try (Descriptor backing = kernel.openReadWrite(file);
                LoopDevice loop = kernel.attachLoop(backing, false)) {
            kernel.mount(loop.path().toString(), directory, type, 0, "");
        }
    }

    private static void resize(Path file, long bytes) throws IOException {
        try (RandomAccessFile open = new RandomAccessFile(file.toFile(), "rw")) {
            open.setLength(bytes);
        }
    }

    private static void mkfs(String program, String... arguments)
            throws PlanException, IOException, InterruptedException {
        try {
            DemoPrograms.run(program, arguments);
        } catch (CommandException e) {
            throw new PlanException.Refused(String.valueOf(e.getMessage()), e.hint());
        }
    }

    private String startWatchdog() throws IOException {
        watchdog = Child.start(ownCommand, "watchdog", STORAGE.toString(), SRV.toString());
        return "";
    }

    private void stopWatchdog() throws IOException, InterruptedException {
        if (watchdog != null) {
            watchdog.say("w");
            watchdog.end();
        }
    }

    /** It would be started when it is needed, too, but would then be a part of the figures. */
    private String startGuard() throws FreezeException {
        GuardClient.connect(kernel).close();
        return "";
    }

    /** The one of the demo's own: its socket is on the demo's own tmpfs. */
    private void stopGuard() throws FreezeException, InterruptedException {
        Optional<GuardClient> running = GuardClient.ifRunning(kernel);
        if (running.isEmpty()) {
            return;
        }
        try (GuardClient guard = running.get()) {
            Reply.GuardStatus status = guard.status();
            guard.call(new Request.Stop(true));
            List<Integer> pids = new ArrayList<>(List.of(status.pid()));
            status.sentry().ifPresent(pids::add);
            status.canary().ifPresent(pids::add);
            for (int pid : pids) {
                Optional<ProcessHandle> process = ProcessHandle.of(pid);
                if (process.isPresent()) {
                    awaitEnd(process.get());
                }
            }
        }
    }

    private static void awaitEnd(ProcessHandle process) throws InterruptedException {
        try {
            process.onExit().get(10, TimeUnit.SECONDS);
        } catch (ExecutionException | TimeoutException e) {
            throw new IllegalStateException(
                    "the demo's guard does not end: process " + process.pid(), e);
        }
    }

    private String makeFiles() throws IOException {
        Random random = new Random(1);
        byte[] noise = new byte[64 << 10];
        long bytes = 0;
        for (int i = 0; i < FILES; i++) {
            Path directory = Files.createDirectories(SRV.resolve("files/" + i / 100));
            random.nextBytes(noise);
            int length = 1 + random.nextInt(noise.length);
            Files.write(directory.resolve("file-" + i), Arrays.copyOf(noise, length));
            bytes += length;
        }
        Files.createLink(SRV.resolve("hard-link"), SRV.resolve("files/0/file-0"));
        Files.createSymbolicLink(SRV.resolve("symbolic-link"), Path.of("files/0/file-1"));
        Files.setAttribute(
                SRV.resolve("files/0/file-0"), "user:note", ByteBuffer.wrap(new byte[] {'x'}));
        resize(Files.createFile(SRV.resolve("sparse")), 64L << 20);
        out.println(
                FILES
                        + " files, "
                        + Sizes.show(bytes)
                        + "; a writer appends 4 KiB a thousand times a second");
        return "";
    }

    private String startWriter() throws IOException, InterruptedException {
        writer = Child.start(ownCommand, "writer", SRV.resolve("log").toString());
        TimeUnit.SECONDS.sleep(1);
        return "";
    }

    private void stopWriter() throws IOException, InterruptedException {
        if (writer != null) {
            writer.end();
        }
    }

    private Child writer() {
        return Objects.requireNonNull(writer, "started by an earlier step");
    }

    // ---- the job

    private String backUp() throws PlanException, FreezeException, IOException {
        before = Stalls.of(writer().ask());
        Backup backup =
                new Backup(
                        host,
                        new SnapshotOrder(
                                List.of(SRV),
                                Timeouts.of(TIMEOUT),
                                Set.of(),
                                Optional.of("reflink"),
                                false,
                                false),
                        List.of(),
                        new Backup.Options(true, true, Backup.MOUNTS));
        Path destination = Files.createDirectory(STORAGE.resolve("backups"));
        AtomicLong progress = new AtomicLong();
        Plan job =
                backup.archive(
                        ArchiveTarget.in(destination, "srv"),
                        Compression.ofLevel(Compression.DEFAULT_LEVEL),
                        true,
                        progress::set);
        out.println();
        out.println("lull backup " + SRV + " --to " + destination);
        try {
            PlanRun.run(job, progress, out, false);
        } finally {
            taken = backup.taken();
        }
        during = Stalls.of(writer().ask());
        archive = backup.archive().orElseThrow();
        Manifest written = archive.manifest().orElseThrow();
        manifest = written.toJson();
        Manifest.Archive sums = written.archive().orElseThrow();
        out.println();
        fact(
                "frozen for",
                backup.outcome()
                        .flatMap(Outcome::window)
                        .map(Durations::show)
                        .orElse("not at all"));
        fact(
                "longest write",
                Durations.show(during.longest())
                        + " while it was backed up ("
                        + during.writes()
                        + " writes); "
                        + Durations.show(before.longest())
                        + " before");
        fact(
                "archive",
                sums.entries()
                        + " entries, "
                        + Sizes.show(sums.tarBytes())
                        + ", compressed "
                        + Sizes.show(sums.bytes()));
        return "";
    }

    private void deleteSnapshots() throws IOException {
        for (Taken one : taken) {
            if (host.records().find(one.snapshot().id()).isPresent()) {
                one.snapshot().delete();
                host.records().delete(one.snapshot().id());
            }
        }
    }

    private Archive archive() {
        return Objects.requireNonNull(archive, "made by an earlier step");
    }

    private String verify() throws IOException, InterruptedException {
        Manifest.Archive sums = archive().verify(_ -> {});
        fact(
                "verified",
                "sha-256 " + sums.sha256().substring(0, 16) + "…, and the snapshot passed fsck");
        return "";
    }

    private String restore() throws IOException, InterruptedException {
        Manifest.Archive sums =
                archive().restore(STORAGE.resolve("restored"), Archive.RestoreOptions.ALL, _ -> {});
        fact("restored", sums.entries() + " entries");
        return "";
    }

    private String compare() throws PlanException, IOException, InterruptedException {
        mounted = taken.getFirst().snapshot().mount(MOUNTED);
        mkfs(
                "diff",
                "--recursive",
                "--no-dereference",
                mounted.path().toString(),
                STORAGE.resolve("restored").toString());
        fact("diff", "the restored files are those of the snapshot");
        return "";
    }

    private void unmountSnapshot() throws IOException {
        if (mounted != null) {
            mounted.close();
        }
    }

    private void fact(String name, String words) {
        out.printf("  %-17s  %s%n", name, words);
    }

    /** What the writer says of its writes since it was last asked. */
    private record Stalls(Duration longest, long writes) {
        static final Stalls NONE = new Stalls(Duration.ZERO, 0);

        static Stalls of(String answer) throws IOException {
            String[] words = answer.split(" ", -1);
            if (words.length != 2) {
                throw new IOException("the demo's writer said " + answer);
            }
            return new Stalls(Duration.ofNanos(Long.parseLong(words[0])), Long.parseLong(words[1]));
        }
    }

    /** Another process of the demo, which is asked with lines. */
    private static final class Child {
        private final Process process;
        private final BufferedReader answers;

        private Child(Process process) {
            this.process = process;
            this.answers = process.inputReader();
        }

        static Child start(List<String> ownCommand, String... words) throws IOException {
            List<String> command = new ArrayList<>(ownCommand);
            command.addAll(List.of(words));
            Child child =
                    new Child(
                            new ProcessBuilder(command)
                                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                                    .start());
            child.answer();
            return child;
        }

        void say(String line) throws IOException {
            process.outputWriter().write(line + "\n");
            process.outputWriter().flush();
        }

        String ask() throws IOException {
            say("?");
            return answer();
        }

        private String answer() throws IOException {
            String line = answers.readLine();
            if (line == null) {
                throw new IOException("a process of the demo has ended");
            }
            return line;
        }

        /** Closes its stdin, which ends it, and waits. */
        void end() throws IOException, InterruptedException {
            process.getOutputStream().close();
            if (!process.waitFor(20, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                process.waitFor();
            }
        }
    }
}
