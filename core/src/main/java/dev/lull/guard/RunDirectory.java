package dev.lull.guard;

import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Errno;
import dev.lull.linux.Filesystem;
import dev.lull.linux.FilesystemSpace;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.MountFlag;
import dev.lull.linux.Superblock;
import dev.lull.linux.ThreadStatus;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * {@code /run/lull}: the socket, the lock, the records of leases that a successor would have to thaw, and the history.
 * On tmpfs, so that it can be written while everything else is frozen; where {@code /run} is not, one is mounted here.
 */
public final class RunDirectory {
    public static final Path DEFAULT = Path.of("/run/lull");

    private static final String AGAIN = "again";

    private static final long HISTORY_LIMIT = 256 << 10;

    private static final Duration LOCK_PAUSE = Duration.ofMillis(20);
    private static final int LOCK_ATTEMPTS = 250;
    private static final int LOOKS_UNTIL_DEAD = 15;

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

    /**
     * Lets others than root connect to the socket, or not. What they may do then is another question.
     *
     * @throws IOException if it cannot be changed; a socket that is not there is let be
     */
    void openSocket(boolean toOthers) throws IOException {
        try {
            Files.setPosixFilePermissions(
                    socket(),
                    PosixFilePermissions.fromString(toOthers ? "rw-rw-rw-" : "rw-------"));
        } catch (NoSuchFileException e) {
            // Taken away while we run: nobody can connect at all.
            return;
        }
    }

    private Path lockFile() {
        return directory.resolve("lock");
    }

    private Path leases() {
        return directory.resolve("leases");
    }

    /** Where a filesystem is mounted for the moment in which it is opened: a place for each, since the mount can hang. */
    Path again(LeaseRecord record, DeviceNumber device) {
        return directory.resolve(AGAIN + "-" + record.lease().id() + "-" + device);
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
            try {
                Files.createDirectory(
                        directory,
                        PosixFilePermissions.asFileAttribute(
                                PosixFilePermissions.fromString("rwx--x--x")));
            } catch (FileAlreadyExistsException e) {
                // Another guard was quicker; which of them it will be, the lock decides.
                Files.getLastModifiedTime(directory);
            }
        }
        if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
            throw new IOException(directory + " is not a directory");
        }
        mountUnlessTmpfs();
        int owner = (int) Files.getAttribute(directory, "unix:uid", LinkOption.NOFOLLOW_LINKS);
        if (owner != kernel.effectiveUser()) {
            throw new IOException(directory + " belongs to user " + owner);
        }
        Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwx--x--x"));
        Files.createDirectories(leases());
        Files.setPosixFilePermissions(leases(), PosixFilePermissions.fromString("rwx------"));
    }

    /** Two guards that start at once must not mount one tmpfs over the other's: the directory below is locked. */
    private void mountUnlessTmpfs() throws IOException {
        try (Descriptor below = kernel.openDirectory(directory)) {
            if (isTmpfs(below)) {
                return;
            }
            awaitLock(below);
            try (Descriptor now = kernel.openDirectory(directory)) {
                if (!isTmpfs(now)) {
                    kernel.mount(
                            "lull",
                            directory,
                            "tmpfs",
                            MountFlag.NO_SUID | MountFlag.NO_DEV,
                            "size=16m,mode=0711");
                }
            }
        }
    }

    /**
     * Opens the top of a filesystem that is mounted nowhere. It is mounted here just until it is open. That can take as
     * long as a FIFREEZE or FITHAW of it that is under way: mounting takes s_umount, uninterruptibly.
     *
     * @param device the block device that mounts it
     * @param troubles what could not be tidied is added here, in words: that it can be thawed counts more
     * @return empty if the device leads to another one by now: that of the superblock is no more, then
     */
    Optional<Descriptor> openByMounting(
            Superblock superblock, Path device, LeaseRecord record, List<String> troubles)
            throws IOException {
        Path point = again(record, superblock.device());
        Files.createDirectories(point);
        try {
            mountAgain(superblock, device, point);
            return openMounted(superblock, point);
        } finally {
            unmountAgain(point, troubles);
        }
    }

    private Optional<Descriptor> openMounted(Superblock superblock, Path point) throws IOException {
        Descriptor top = kernel.openDirectory(point);
        try {
            Filesystem filesystem = Filesystem.of(kernel, top, kernel.mounts());
            if (isTmpfs(top) || filesystem.mountPoints().isEmpty()) {
                // What it leads to is no more to be seen, and that tells nothing of the superblock.
                throw new IOException("somebody else has unmounted " + point);
            }
            if (superblock.is(filesystem)) {
                return Optional.of(top);
            }
        } catch (IOException | RuntimeException e) {
            closeAfter(e, top);
            throw e;
        }
        top.close();
        return Optional.empty();
    }

    private static void closeAfter(Exception failure, Descriptor descriptor) {
        try {
            descriptor.close();
        } catch (KernelException e) {
            failure.addSuppressed(e);
        }
    }

    /**
     * Read-only first: it may have been thawed, and gone, since sysfs was asked, and then a mount makes a new superblock of
     * whatever is there by now. One that lives and is read-write answers EBUSY to that (fs/super.c, get_tree_bdev), and so
     * proves that a read-write mount leads to it. One that is read-only itself is shared, and so is any of btrfs, which is
     * not changed by it (measured for ext4, XFS, btrfs, also frozen); FITHAW asks for no more than that.
     */
    private void mountAgain(Superblock superblock, Path device, Path point) throws KernelException {
        long flags = MountFlag.NO_SUID | MountFlag.NO_DEV;
        Optional<String> option = superblock.withoutReplay();
        if (option.isPresent()) {
            try {
                long readOnly = flags | MountFlag.READ_ONLY;
                kernel.mount(device.toString(), point, superblock.type(), readOnly, option.get());
                return;
            } catch (KernelException e) {
                if (!e.errno().equals(Errno.EBUSY)) {
                    throw e;
                }
            }
        }
        kernel.mount(device.toString(), point, superblock.type(), flags, "");
    }

    /**
     * A guard that was killed just then has left it mounted.
     *
     * @param troubles what could not be unmounted is added here, in words: nothing that is frozen waits for it
     */
    void unmountAgain(List<String> troubles) {
        try (DirectoryStream<Path> left = Files.newDirectoryStream(directory, AGAIN + "*")) {
            left.forEach(point -> unmountAgain(point, troubles));
        } catch (IOException | DirectoryIteratorException e) {
            troubles.add("cannot look for mounts in " + directory + ": " + e.getMessage());
        }
    }

    private void unmountAgain(Path point, List<String> troubles) {
        try {
            while (isUnmounted(point)) {
                // One may lie on another.
                continue;
            }
            Files.deleteIfExists(point);
        } catch (IOException e) {
            troubles.add("cannot unmount " + point + ": " + e.getMessage());
        }
    }

    /** @return false if nothing is mounted there */
    private boolean isUnmounted(Path point) throws KernelException {
        try {
            kernel.unmount(point, true);
            return true;
        } catch (KernelException e) {
            if (e.errno().equals(Errno.EINVAL)) {
                return false;
            }
            throw e;
        }
    }

    /**
     * Whether it can be written to whatever is frozen.
     *
     * @throws IOException also if it is not there
     */
    public boolean isOnTmpfs() throws IOException {
        try (Descriptor opened = kernel.openDirectory(directory)) {
            return isTmpfs(opened);
        }
    }

    private boolean isTmpfs(Descriptor opened) throws KernelException {
        long type = kernel.space(opened).type();
        return type == FilesystemSpace.TMPFS || type == FilesystemSpace.RAMFS;
    }

    private void awaitLock(Descriptor file) throws IOException {
        for (int attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
            if (kernel.tryLock(file)) {
                return;
            }
            kernel.poll(List.of(), LOCK_PAUSE);
        }
        throw new IOException(file.name() + " is locked by somebody else");
    }

    /**
     * The lock that one guard holds.
     *
     * <p>A guard that was killed with a thread in state D keeps its descriptors, and so its lock, until the thaw that its
     * successor is there for: such a one is not waited for. That it is dying must show for a while: a guard that has
     * just locked the file has not yet written its pid over its predecessor's.
     *
     * @return empty if another guard is at work
     */
    Optional<Descriptor> lock() throws IOException {
        byte[] own = (kernel.processId() + "          \n").getBytes(StandardCharsets.US_ASCII);
        int looksDying = 0;
        for (int attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
            Descriptor file = openLockFile();
            if (kernel.tryLock(file)) {
                kernel.write(file, 0, own);
                if (isStillThere(file)) {
                    return Optional.of(file);
                }
                // Somebody broke the lock that this file was, while we took it.
                file.close();
                continue;
            }
            String holder = new String(kernel.read(file, 0, 16), StandardCharsets.US_ASCII).strip();
            boolean current = isStillThere(file);
            file.close();
            if (!isDying(holder)) {
                return Optional.empty();
            }
            if (++looksDying > LOOKS_UNTIL_DEAD && current) {
                breakLock(holder);
                looksDying = 0;
            }
            kernel.poll(List.of(), LOCK_PAUSE);
        }
        return Optional.empty();
    }

    /** One at a time, and only the very lock that was found dead. */
    private void breakLock(String holder) throws IOException {
        try (Descriptor itself = kernel.openDirectory(directory)) {
            awaitLock(itself);
            try (Descriptor file = openLockFile()) {
                String now =
                        new String(kernel.read(file, 0, 16), StandardCharsets.US_ASCII).strip();
                if (now.equals(holder) && isDying(now)) {
                    Files.deleteIfExists(lockFile());
                }
            }
        }
    }

    private boolean isStillThere(Descriptor file) throws KernelException {
        try (Descriptor there = kernel.openRead(lockFile())) {
            return kernel.status(there).inode() == kernel.status(file).inode();
        } catch (KernelException e) {
            if (e.errno().equals(Errno.ENOENT)) {
                return false;
            }
            throw e;
        }
    }

    private Descriptor openLockFile() throws KernelException {
        try {
            return kernel.openReadWrite(lockFile());
        } catch (KernelException e) {
            if (!e.errno().equals(Errno.ENOENT)) {
                throw e;
            }
        }
        try {
            return kernel.createNew(lockFile(), 0600);
        } catch (KernelException e) {
            if (!e.errno().equals(Errno.EEXIST)) {
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
        return leader.isEmpty() || leader.get().ending();
    }

    /** Keeps a record until {@link #forget}; it replaces the lease's earlier one as a whole. */
    void record(LeaseRecord record) throws IOException {
        Path file = leases().resolve(record.lease().id());
        Path fresh = directory.resolve("record-" + record.lease().id());
        Files.write(fresh, record.encode());
        Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
    }

    /**
     * In the sentry, once the guard is gone: all of a lease is thawed. A successor then thaws nothing of it, since what is
     * frozen there by then somebody else froze.
     */
    static void certify(Path directory, int guardPid, long serial) throws IOException {
        Files.write(certificate(directory, guardPid, serial), new byte[0]);
    }

    private static Path certificate(Path directory, int guardPid, long serial) {
        return directory.resolve("thawed-" + guardPid + "-" + serial);
    }

    boolean isCertified(LeaseRecord record) {
        return Files.exists(certificate(directory, record.guardPid(), record.serial()));
    }

    /**
     * Removes certificates that belong to no record: a successor may have seen to all of a lease before the sentry came to
     * write that it had. Left there, one could be taken for that of a later guard's lease, whose pid is the same.
     */
    void forgetIdleCertificates() throws IOException {
        Set<Path> needed = new HashSet<>();
        for (LeaseRecord record : records(new ArrayList<>())) {
            needed.add(certificate(directory, record.guardPid(), record.serial()));
        }
        try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "thawed-*")) {
            for (Path file : files) {
                if (!needed.contains(file)) {
                    Files.deleteIfExists(file);
                }
            }
        }
    }

    /** Forgets the record together with what certifies it. */
    void forget(LeaseRecord record) throws IOException {
        forget(record.lease().id());
        Files.deleteIfExists(certificate(directory, record.guardPid(), record.serial()));
    }

    void forget(String lease) throws IOException {
        Files.deleteIfExists(leases().resolve(lease));
    }

    /**
     * What earlier guards left. A record that cannot be read or understood is passed over, and told of: what the others
     * tell of has to be thawed.
     *
     * @param troubles what could not be read is added here, in words
     */
    List<LeaseRecord> records(List<String> troubles) throws IOException {
        List<LeaseRecord> records = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(leases())) {
            for (Path file : files) {
                try {
                    records.add(LeaseRecord.decode(Files.readAllBytes(file)));
                } catch (NoSuchFileException e) {
                    // Put away since the directory was read: there is nothing to be done for it.
                    continue;
                } catch (IOException | WireException e) {
                    troubles.add(file + ": " + e.getMessage());
                }
            }
        }
        return records;
    }

    /** Adds an ended lease. */
    void remember(LeaseView lease) throws IOException {
        byte[] object = Wire.encode(lease);
        if (Files.exists(history()) && Files.size(history()) + object.length > HISTORY_LIMIT) {
            Files.move(
                    history(), directory.resolve("history.1"), StandardCopyOption.REPLACE_EXISTING);
        }
        // A line of its own, also after one that a guard was killed in the middle of.
        byte[] line = new byte[object.length + 2];
        System.arraycopy(object, 0, line, 1, object.length);
        line[0] = '\n';
        line[line.length - 1] = '\n';
        Files.write(history(), line, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    /** The ended leases, newest first. Also for clients, when no guard runs. */
    public List<LeaseView> history(int limit) throws IOException {
        return history(limit, "");
    }

    /** That one ended lease, if the history has it. */
    Optional<LeaseView> history(String id) throws IOException {
        return history(Integer.MAX_VALUE, id).stream()
                .filter(view -> view.id().equals(id))
                .findFirst();
    }

    /** @param word only lines that have it are looked at more closely */
    private List<LeaseView> history(int limit, String word) throws IOException {
        List<LeaseView> leases = new ArrayList<>();
        for (Path file : List.of(history(), directory.resolve("history.1"))) {
            String text;
            try {
                text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
            } catch (NoSuchFileException e) {
                continue;
            }
            String[] lines = text.split("\n", -1);
            for (int i = lines.length - 1; i >= 0 && leases.size() < limit; i--) {
                if (lines[i].isEmpty() || !lines[i].contains(word)) {
                    continue;
                }
                try {
                    leases.add(Wire.leaseView(lines[i].getBytes(StandardCharsets.UTF_8)));
                } catch (WireException e) {
                    // A line cut short by a guard that was killed while it wrote.
                    continue;
                }
            }
        }
        return leases;
    }
}
