package dev.lull.plan;

import dev.lull.linux.Descriptor;
import dev.lull.snapshot.PrivateDirectory;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotId;
import dev.lull.snapshot.Undo;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What one run of a plan has begun, on disk: a line for each {@link Leftover}, durable before the thing is made. The run
 * holds a lock on the file (flock(2)) for as long as it lives, so a journal that nobody has locked is of a run that was
 * killed, whatever has become of its pid.
 *
 * <p>For one thread.
 */
public final class RunJournal implements AutoCloseable {
    private static final String PROGRAM = "program";
    private static final String PID = "pid";
    private static final String BEGAN = "began";
    private static final String SNAPSHOT = "snapshot";
    private static final String MOUNTS = "mounts";
    private static final String SCRATCH = "scratch";
    private static final String FILE = "file";
    private static final String UNLESS = "unless";

    private static final FileAttribute<?> OWNER_ONLY =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

    private final PrivateDirectory directory;

    private final String name;
    private final Descriptor lock;
    private final String program;
    private final long pid;
    private final String began;
    private final List<Leftover> leftovers;

    private RunJournal(
            PrivateDirectory directory,
            String name,
            Descriptor lock,
            String program,
            long pid,
            String began,
            List<Leftover> leftovers) {
        this.directory = directory;
        this.name = name;
        this.lock = lock;
        this.program = program;
        this.pid = pid;
        this.began = began;
        this.leftovers = new ArrayList<>(leftovers);
    }

    /** The first line of a new journal. */
    static byte[] header(String program, long pid, String began) {
        Map<String, Object> line = new LinkedHashMap<>();
        line.put(PROGRAM, program);
        line.put(PID, pid);
        line.put(BEGAN, began);
        return Json.line(line).getBytes(StandardCharsets.UTF_8);
    }

    /**
     * A journal as it is on disk, whose lock the caller has. A last line that was cut short is of something that was
     * not begun.
     *
     * @param lock owned by the journal from now on
     * @throws IOException if it is not a journal
     */
    static RunJournal read(PrivateDirectory directory, String name, Descriptor lock, byte[] content)
            throws IOException {
        String text = new String(content, StandardCharsets.UTF_8);
        List<String> lines = new ArrayList<>(List.of(text.split("\n", -1)));
        lines.removeLast();
        if (lines.isEmpty()) {
            return new RunJournal(directory, name, lock, "lull", 0, "", List.of());
        }
        List<Leftover> leftovers = new ArrayList<>();
        Map<String, Object> first = Json.read(bytes(lines.getFirst()));
        for (String line : lines.subList(1, lines.size())) {
            leftovers.add(leftover(Json.read(bytes(line))));
        }
        return new RunJournal(
                directory,
                name,
                lock,
                text(first, PROGRAM).orElse("lull"),
                first.get(PID) instanceof Long number ? number : 0,
                text(first, BEGAN).orElse(""),
                leftovers);
    }

    private static byte[] bytes(String line) {
        return line.getBytes(StandardCharsets.UTF_8);
    }

    private static Leftover leftover(Map<String, Object> line) throws IOException {
        try {
            Optional<String> snapshot = text(line, SNAPSHOT);
            if (snapshot.isPresent()) {
                return new Leftover.Unfinished(new SnapshotId(snapshot.get()));
            }
            Optional<String> mounts = text(line, MOUNTS);
            if (mounts.isPresent()) {
                return new Leftover.Mounts(Path.of(mounts.get()));
            }
            Optional<String> scratch = text(line, SCRATCH);
            if (scratch.isPresent()) {
                return new Leftover.Scratch(Path.of(scratch.get()));
            }
            Optional<String> file = text(line, FILE);
            if (file.isPresent()) {
                return new Leftover.Partial(Path.of(file.get()), text(line, UNLESS).map(Path::of));
            }
        } catch (InvalidPathException e) {
            throw new IOException("a bad path: " + e.getMessage(), e);
        } catch (IllegalArgumentException e) {
            throw new IOException(e.getMessage(), e);
        }
        throw new IOException("a line that this version does not know");
    }

    private static Optional<String> text(Map<String, Object> line, String key) {
        return line.get(key) instanceof String text ? Optional.of(text) : Optional.empty();
    }

    /** What the run began, in order. */
    public List<Leftover> leftovers() {
        return List.copyOf(leftovers);
    }

    /** Which run it was, for a person. */
    public String words() {
        return "lull " + program + ", process " + pid + (began.isEmpty() ? "" : ", begun " + began);
    }

    /**
     * Writes down what is about to be made; durable on return.
     *
     * @throws SnapshotException if it could not be written: then it must not be made
     */
    public void add(Leftover leftover) throws SnapshotException {
        Map<String, Object> line = new LinkedHashMap<>();
        switch (leftover) {
            case Leftover.Unfinished(SnapshotId id) -> line.put(SNAPSHOT, id.text());
            case Leftover.Mounts(Path mounts) -> line.put(MOUNTS, mounts.toString());
            case Leftover.Scratch(Path scratch) -> line.put(SCRATCH, scratch.toString());
            case Leftover.Partial(Path file, Optional<Path> unless) -> {
                line.put(FILE, file.toString());
                unless.ifPresent(whole -> line.put(UNLESS, whole.toString()));
            }
        }
        Path path = directory.path().resolve(name);
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.APPEND)) {
            ByteBuffer bytes = ByteBuffer.wrap(bytes(Json.line(line)));
            while (bytes.hasRemaining()) {
                file.write(bytes);
            }
            file.force(true);
        } catch (IOException e) {
            throw new SnapshotException("write", path.toString(), e);
        }
        leftovers.add(leftover);
    }

    /**
     * Makes a directory to mount snapshots in, with mode 0700: they have set-user-id programs, and files that were made
     * unreadable since.
     *
     * @param parent made if it is not there
     */
    public Path makeMountDirectory(Path parent) throws IOException {
        Files.createDirectories(parent, OWNER_ONLY);
        Path made =
                parent.toAbsolutePath()
                        .normalize()
                        .resolve(Leftover.Mounts.PREFIX + SnapshotId.random());
        add(new Leftover.Mounts(made));
        return Files.createDirectory(made, OWNER_ONLY);
    }

    /**
     * Makes a directory for whatever needs room on a disk for a while, with mode 0700.
     *
     * @param parent an existing directory
     */
    public Path makeScratchDirectory(Path parent) throws IOException {
        Path made = parent.toRealPath().resolve(Leftover.Scratch.PREFIX + SnapshotId.random());
        add(new Leftover.Scratch(made));
        return Files.createDirectory(made, OWNER_ONLY);
    }

    /**
     * Removes what is left, last thing first; each is tried whatever became of the others.
     *
     * @throws IOException the first failure, the others suppressed in it
     */
    public void removeLeftovers(Host host) throws IOException {
        Undo undo = new Undo();
        leftovers.forEach(leftover -> undo.add(() -> leftover.remove(host)));
        undo.run();
    }

    /** What is left of what the run began, in order. */
    public List<Leftover> left(Host host) throws IOException {
        List<Leftover> left = new ArrayList<>();
        for (Leftover leftover : leftovers) {
            if (leftover.isLeft(host)) {
                left.add(leftover);
            }
        }
        return left;
    }

    /**
     * Ends it: nothing more will be begun. It goes if nothing is left; otherwise it stays for whoever comes next.
     *
     * @throws IOException if it could not be removed, or it could not be found out whether it may be
     */
    public void end(Host host) throws IOException {
        try (this) {
            if (left(host).isEmpty()) {
                directory.delete(name);
            }
        }
    }

    /** Gives the lock back; the journal stays. */
    @Override
    public void close() throws IOException {
        lock.close();
    }
}
