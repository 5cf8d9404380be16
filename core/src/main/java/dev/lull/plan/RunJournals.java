package dev.lull.plan;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.snapshot.PrivateDirectory;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotId;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** The journals of this host's runs, those that run and those that were killed. Safe for use by several processes. */
public final class RunJournals {
    /** Where they are. */
    public static final Path DEFAULT_DIRECTORY = Path.of("/var/lib/lull/runs");

    private static final String SUFFIX = ".journal";
    private static final int ATTEMPTS = 5;

    private final Kernel kernel;
    private final PrivateDirectory directory;

    /** @param directory made, with mode 0700, by the first {@link #begin} */
    public RunJournals(Kernel kernel, Path directory) {
        this.kernel = kernel;
        this.directory = new PrivateDirectory(directory);
    }

    /**
     * A new journal, locked.
     *
     * @param program which command runs
     * @throws SnapshotException if it could not be made
     */
    public RunJournal begin(String program) throws SnapshotException {
        byte[] header = RunJournal.header(program, kernel.processId(), Instant.now().toString());
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            String name = SnapshotId.random() + SUFFIX;
            directory.replace(name, "." + name, header);
            Path file = directory.path().resolve(name);
            try {
                Optional<RunJournal> begun = lock(file);
                if (begun.isPresent()) {
                    return begun.get();
                }
            } catch (KernelException e) {
                if (!e.errno().equals(Errno.ENOENT)) {
                    throw new SnapshotException("lock", file.toString(), e);
                }
            } catch (IOException e) {
                throw new SnapshotException("read", file.toString(), e);
            }
        }
        throw new SnapshotException(
                "lock",
                directory.path().toString(),
                "somebody else takes every journal away",
                "another lull is at work there: try again");
    }

    /** Empty if a run has it locked, or it has been taken away: until it is locked it looks like that of a killed run. */
    private Optional<RunJournal> lock(Path file) throws IOException {
        Descriptor lock = kernel.openRead(file);
        boolean ours = false;
        try {
            if (!kernel.tryLock(lock) || !Files.exists(file)) {
                return Optional.empty();
            }
            RunJournal journal =
                    RunJournal.read(
                            directory,
                            file.getFileName().toString(),
                            lock,
                            Files.readAllBytes(file));
            ours = true;
            return Optional.of(journal);
        } finally {
            if (!ours) {
                lock.close();
            }
        }
    }

    /**
     * What was found of killed runs.
     *
     * @param journals of runs that do not run any more, locked; to be closed
     * @param unreadable per file, why
     */
    public record Abandoned(List<RunJournal> journals, Map<Path, String> unreadable)
            implements AutoCloseable {
        @Override
        public void close() throws IOException {
            for (RunJournal journal : journals) {
                journal.close();
            }
        }
    }

    /**
     * The journals that no run has locked.
     *
     * @throws SnapshotException if the directory exists and cannot be listed, or others can write to it
     */
    public Abandoned abandoned() throws SnapshotException {
        List<RunJournal> journals = new ArrayList<>();
        Map<Path, String> unreadable = new TreeMap<>();
        if (!directory.exists()) {
            return new Abandoned(journals, unreadable);
        }
        try (DirectoryStream<Path> files =
                Files.newDirectoryStream(directory.path(), "*" + SUFFIX)) {
            for (Path file : files) {
                try {
                    addIfAbandoned(file, journals);
                } catch (IOException e) {
                    unreadable.put(file, String.valueOf(e.getMessage()));
                }
            }
        } catch (IOException e) {
            throw new SnapshotException("list", directory.path().toString(), e);
        }
        return new Abandoned(List.copyOf(journals), unreadable);
    }

    private void addIfAbandoned(Path file, List<RunJournal> journals) throws IOException {
        try {
            lock(file).ifPresent(journals::add);
        } catch (KernelException e) {
            // A run has ended, and taken its journal away, since the directory was read.
            if (!e.errno().equals(Errno.ENOENT)) {
                throw e;
            }
        }
    }
}
