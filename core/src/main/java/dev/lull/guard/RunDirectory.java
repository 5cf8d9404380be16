package dev.lull.guard;

import dev.lull.linux.Descriptor;
import dev.lull.linux.FilesystemSpace;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.MountFlag;
import dev.lull.linux.ThreadStatus;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * {@code /run/lull}: the socket, the lock, the records of leases that a successor would have to thaw, and the history.
 * On tmpfs, so that it can be written while everything else is frozen; where {@code /run} is not, one is mounted here.
 */
public final class RunDirectory {
    public static final Path DEFAULT = Path.of("/run/lull");

    private static final long HISTORY_LIMIT = 1 << 20;

    private final Kernel kernel;
    private final Path directory;

    public RunDirectory(Kernel kernel, Path directory) {
        this.kernel = kernel;
        this.directory = directory;
    }

    public Path path() {
        return directory;
    }

    public Path socket() {
        return directory.resolve("guard.sock");
    }

    private Path lockFile() {
        return directory.resolve("lock");
    }

    private Path leases() {
        return directory.resolve("leases");
    }

    private Path history() {
        return directory.resolve("history");
    }

    Path expediteMarker() {
        return directory.resolve("expedited");
    }

    /** Whether a guard left leases behind that may still be frozen. Needs no guard and no privileges but to read. */
    public boolean hasRecords() {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(leases())) {
            return files.iterator().hasNext();
        } catch (IOException e) {
            return false;
        }
    }

    /** Makes the directory, on a tmpfs. @throws IOException also if it belongs to somebody else or is a link */
    void prepare() throws IOException {
        if (!Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
            Files.createDirectories(
                    directory.getParent() == null ? directory : directory.getParent());
            Files.createDirectory(
                    directory,
                    PosixFilePermissions.asFileAttribute(
                            PosixFilePermissions.fromString("rwx--x--x")));
        }
        if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
            throw new IOException(directory + " is not a directory");
        }
        try (Descriptor opened = kernel.openDirectory(directory)) {
            long type = kernel.space(opened).type();
            if (type != FilesystemSpace.TMPFS && type != FilesystemSpace.RAMFS) {
                kernel.mount(
                        "lull",
                        directory,
                        "tmpfs",
                        MountFlag.NO_SUID | MountFlag.NO_DEV,
                        "size=16m,mode=0711");
            }
        }
        int owner = (int) Files.getAttribute(directory, "unix:uid", LinkOption.NOFOLLOW_LINKS);
        if (owner != kernel.effectiveUser()) {
            throw new IOException(directory + " belongs to user " + owner);
        }
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx--x--x"));
        Files.createDirectories(leases());
        Files.setPosixFilePermissions(leases(), PosixFilePermissions.fromString("rwx------"));
    }

    /**
     * The lock that one guard holds.
     *
     * <p>A guard that was killed with a thread in state D keeps its descriptors, and so its lock, until the thaw that its
     * successor is there for: such a one is not waited for.
     *
     * @return empty if another guard is at work
     */
    Optional<Descriptor> lock() throws IOException {
        for (int attempt = 0; attempt < 3; attempt++) {
            Descriptor file = openLockFile();
            if (kernel.tryLock(file)) {
                kernel.write(
                        file,
                        0,
                        String.format("%-11d\n", kernel.processId())
                                .getBytes(StandardCharsets.US_ASCII));
                return Optional.of(file);
            }
            String holder = new String(kernel.read(file, 0, 16), StandardCharsets.US_ASCII).strip();
            file.close();
            if (!isDying(holder)) {
                return Optional.empty();
            }
            Files.deleteIfExists(lockFile());
        }
        return Optional.empty();
    }

    private Descriptor openLockFile() throws KernelException {
        try {
            return kernel.openReadWrite(lockFile());
        } catch (KernelException e) {
            if (!e.errno().equals(dev.lull.linux.Errno.ENOENT)) {
                throw e;
            }
        }
        try {
            return kernel.createNew(lockFile(), 0600);
        } catch (KernelException e) {
            if (!e.errno().equals(dev.lull.linux.Errno.EEXIST)) {
                throw e;
            }
            return kernel.openReadWrite(lockFile());
        }
    }

    private boolean isDying(String pid) throws KernelException {
        if (!pid.matches("[1-9][0-9]{0,9}")) {
            return false;
        }
        int number = Integer.parseInt(pid);
        Optional<ThreadStatus> leader = kernel.thread(number, number);
        return leader.isEmpty() || leader.get().dead() || leader.get().killPending();
    }

    /** Keeps a record until {@link #forget}; it replaces the lease's earlier one as a whole. */
    void record(LeaseRecord record) throws IOException {
        Path file = leases().resolve(record.lease().id());
        Path fresh = directory.resolve("record-" + record.lease().id());
        Files.write(fresh, record.encode());
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
    }

    void forget(String lease) throws IOException {
        Files.deleteIfExists(leases().resolve(lease));
    }

    /**
     * What earlier guards left. A record that cannot be understood is passed over, and told of.
     *
     * @param troubles what could not be read is added here, in words
     */
    List<LeaseRecord> records(List<String> troubles) throws IOException {
        List<LeaseRecord> records = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(leases())) {
            for (Path file : files) {
                try {
                    records.add(LeaseRecord.decode(Files.readAllBytes(file)));
                } catch (WireException e) {
                    troubles.add(file + ": " + e.getMessage());
                }
            }
        }
        return records;
    }

    /** Adds an ended lease. */
    void remember(LeaseView lease) throws IOException {
        byte[] line = Wire.encode(lease);
        byte[] ended = java.util.Arrays.copyOf(line, line.length + 1);
        ended[line.length] = '\n';
        if (Files.exists(history()) && Files.size(history()) + ended.length > HISTORY_LIMIT) {
            Files.move(
                    history(), directory.resolve("history.1"), StandardCopyOption.REPLACE_EXISTING);
        }
        Files.write(history(), ended, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    /** The ended leases, newest first. Also for clients, when no guard runs. */
    public List<LeaseView> history(int limit) throws IOException {
        List<LeaseView> leases = new ArrayList<>();
        for (Path file : List.of(history(), directory.resolve("history.1"))) {
            List<String> lines;
            try {
                lines = Files.readAllLines(file);
            } catch (NoSuchFileException e) {
                continue;
            }
            for (int i = lines.size() - 1; i >= 0 && leases.size() < limit; i--) {
                try {
                    leases.add(Wire.leaseView(lines.get(i).getBytes(StandardCharsets.UTF_8)));
                } catch (WireException e) {
                    // A line cut short by a guard that was killed while it wrote.
                    continue;
                }
            }
        }
        return leases;
    }
}
