package dev.lull.testkit;

import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Errno;
import dev.lull.linux.Execution;
import dev.lull.linux.FileStatus;
import dev.lull.linux.FilesystemSpace;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.LoopDevice;
import dev.lull.linux.LoopStatus;
import dev.lull.linux.Mount;
import dev.lull.linux.MountFlag;
import dev.lull.linux.Peer;
import dev.lull.linux.PollInterest;
import dev.lull.linux.ProcessEnd;
import dev.lull.linux.ThreadStatus;
import dev.lull.linux.TrappedIoctl;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A kernel in memory, for tests: filesystems that freeze, sockets that pass descriptors, processes that
 * can be stopped and killed, and a clock that the test moves. Each instance is the kernel as one process
 * sees it; {@link #boot} makes the test's own.
 *
 * <p>Threads block in it as they do in Linux: what Linux sleeps through in state D, no interrupt ends
 * here. It passes {@link KernelConformance} as the real one does.
 */
public final class FakeKernel implements Kernel {
    private static final int SOCKET_MODE = 0140777;

    private final FakeProcess process;
    private final World world;
    private boolean memoryLocked;
    private boolean ioFlusher;
    private int user;
    private Set<Integer> groups = Set.of();

    FakeKernel(FakeProcess process) {
        this.process = process;
        this.world = process.world;
    }

    /** A new machine with nothing but a root filesystem, as its first process sees it. */
    public static FakeKernel boot(FakeClock clock) {
        World world = new World(clock);
        synchronized (world) {
            return world.start(Path.of("/usr/bin/test"), List.of("test"), Map.of()).kernel();
        }
    }

    // What tests arrange and see

    public FakeClock clock() {
        return world.clock;
    }

    /** The process whose calls these are. */
    public FakeProcess process() {
        return process;
    }

    /** Makes and mounts a filesystem: ext2, ext3, ext4, xfs, btrfs on a disk of its own, or tmpfs, overlay, proc. */
    public FakeFilesystem filesystem(String type, Path mountPoint) {
        synchronized (world) {
            return world.makeFilesystem(type, mountPoint, null);
        }
    }

    /** Makes and mounts a filesystem in a loop device whose file lies on {@code lower}. */
    public FakeFilesystem filesystemOn(FakeFilesystem lower, String type, Path mountPoint) {
        synchronized (world) {
            return world.makeFilesystem(type, mountPoint, lower);
        }
    }

    /** Makes a directory, with all above it. */
    public void directory(Path path) {
        synchronized (world) {
            world.makeDirectories(path.toAbsolutePath().normalize());
        }
    }

    /** Makes a file of /proc or /sys with that text, under exactly this path. */
    public void knob(Path file, String text) {
        synchronized (world) {
            world.knobs.put(file.toString(), text);
        }
    }

    /** Makes an empty directory of /proc or /sys. */
    public void knobDirectory(Path directory) {
        synchronized (world) {
            world.knobDirectories.add(directory.toString());
        }
    }

    /** Sets the number of extents that a file has; a file that nobody set it of has one, or none if empty. */
    public void extents(Path file, long count) throws KernelException {
        synchronized (world) {
            world.find(file, "open").extents = count;
        }
    }

    /** What spawned processes do: run on a thread of its own, which is their first. Without it they do nothing. */
    public void onSpawn(Consumer<FakeProcess> program) {
        synchronized (world) {
            world.program = program;
        }
    }

    /** The kernel as another process of this machine sees it, whose calls the caller makes. */
    public FakeKernel another(String name) {
        synchronized (world) {
            return world.start(Path.of("/usr/bin/" + name), List.of(name), Map.of()).kernel();
        }
    }

    /** All processes that were spawned, in order. */
    public List<FakeProcess> spawned() {
        synchronized (world) {
            return List.copyOf(world.spawned);
        }
    }

    /** Effective user id of this process from now on; 0 at first. Only root may freeze and thaw. */
    public void user(int uid) {
        synchronized (world) {
            user = uid;
        }
    }

    /** Supplementary groups of this process from now on; none at first. */
    public void groups(Integer... gids) {
        synchronized (world) {
            groups = Set.of(gids);
        }
    }

    /** What a socket that this process connects, listens at or makes tells of it, for ever. */
    Set<Integer> groups() {
        return groups;
    }

    int user() {
        return user;
    }

    public boolean isMemoryLocked() {
        synchronized (world) {
            return memoryLocked;
        }
    }

    public boolean isIoFlusher() {
        synchronized (world) {
            return ioFlusher;
        }
    }

    /** How many descriptors this process has open. */
    public int openDescriptors() {
        synchronized (world) {
            return process.files.size();
        }
    }

    // Freezing

    @Override
    public void freeze(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            if (answeredByOthers(descriptor, TrappedIoctl.Request.FREEZE, "FIFREEZE")) {
                return;
            }
            FakeFilesystem filesystem = privileged(descriptor, "FIFREEZE");
            if (filesystem == null || !filesystem.freezable) {
                throw new KernelException("FIFREEZE", descriptor.name(), Errno.EOPNOTSUPP);
            }
            if (filesystem.frozen || filesystem.freezing) {
                throw new KernelException("FIFREEZE", descriptor.name(), Errno.EBUSY);
            }
            filesystem.freezing = true;
            try {
                process.blockUntil(world.clock.nanos() + filesystem.freezeDuration.toNanos());
                // The sync inside FIFREEZE writes to the device.
                process.block(() -> !filesystem.restsOnFrozen() && !filesystem.freezesHang);
            } finally {
                // Also for a process killed meanwhile: nothing cancels a freeze under way.
                filesystem.freezing = false;
                filesystem.frozen = true;
                filesystem.freezes++;
                world.notifyAll();
            }
        }
    }

    @Override
    public void thaw(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            if (answeredByOthers(descriptor, TrappedIoctl.Request.THAW, "FITHAW")) {
                return;
            }
            FakeFilesystem filesystem = privileged(descriptor, "FITHAW");
            if (filesystem == null || !filesystem.frozen) {
                throw new KernelException("FITHAW", descriptor.name(), Errno.EINVAL);
            }
            // s_umount is given in turn (kernel/locking/rwsem.c). Thawing marks the superblock and
            // writes it.
            Object turn = new Object();
            filesystem.thawers.add(turn);
            try {
                process.block(() ->
                        turn.equals(filesystem.thawers.peek())
                                && !filesystem.restsOnFrozen()
                                && !filesystem.thawsHang);
                if (!filesystem.frozen) {
                    throw new KernelException("FITHAW", descriptor.name(), Errno.EINVAL);
                }
                filesystem.thawNow();
            } finally {
                filesystem.thawers.remove(turn);
                world.notifyAll();
            }
        }
    }

    private @Nullable FakeFilesystem privileged(Descriptor descriptor, String operation)
            throws KernelException {
        process.enter();
        FakeFilesystem filesystem = filesystemOf(descriptor, operation);
        if (user != 0) {
            throw new KernelException(operation, descriptor.name(), Errno.EPERM);
        }
        return filesystem;
    }

    /** Null for what lies on none. */
    private @Nullable FakeFilesystem filesystemOf(Descriptor descriptor, String operation)
            throws KernelException {
        OpenFile file = file(descriptor, operation);
        return file instanceof OpenFile.OfNode node ? node.node.filesystem : null;
    }

    @Override
    public void syncFilesystem(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            FakeFilesystem filesystem = filesystemOf(descriptor, "syncfs");
            if (filesystem != null) {
                filesystem.syncs++;
                Duration takes = filesystem.syncDurations.poll();
                if (takes != null) {
                    world.clock.advance(takes);
                }
                process.block(() -> !filesystem.restsOnFrozen());
            }
        }
    }

    @Override
    public boolean checkpointJournal(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            FakeFilesystem filesystem = filesystemOf(descriptor, "EXT4_IOC_CHECKPOINT");
            if (filesystem == null
                    || !(filesystem.type().equals("ext3") || filesystem.type().equals("ext4"))) {
                return false;
            }
            filesystem.checkpoints++;
            return true;
        }
    }

    @Override
    public void passWriteLock(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            FakeFilesystem filesystem = filesystemOf(descriptor, "fremovexattr");
            if (filesystem != null) {
                awaitWritable(filesystem);
            }
        }
    }

    /** A thaw wakes who waits, even if the filesystem is frozen again at once. */
    private void awaitWritable(FakeFilesystem filesystem) {
        int before = filesystem.thaws;
        process.block(() -> !filesystem.frozen || filesystem.thaws != before);
    }

    @Override
    public Optional<String> filesystemUuid(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            FakeFilesystem filesystem = filesystemOf(descriptor, "FS_IOC_GETFSUUID");
            return filesystem == null ? Optional.empty() : filesystem.uuid();
        }
    }

    // Files

    private OpenFile file(Descriptor descriptor, String operation) throws KernelException {
        return process.file(descriptor.number(), operation, descriptor.name());
    }

    private OpenFile.OfNode nodeFile(Descriptor descriptor, String operation)
            throws KernelException {
        if (file(descriptor, operation) instanceof OpenFile.OfNode node) {
            return node;
        }
        throw new KernelException(operation, descriptor.name(), Errno.EINVAL);
    }

    private Descriptor install(OpenFile file, String name) {
        return new Descriptor(process.install(file), name, this::close);
    }

    private void close(int number) throws KernelException {
        synchronized (world) {
            OpenFile file = process.files.remove(number);
            // A process that has ended has closed everything; whoever cleans up after it is not to
            // fail.
            if (file == null && !process.hasEnded()) {
                throw new KernelException("close", "descriptor " + number, Errno.EBADF);
            }
            if (file != null) {
                file.release(world);
                world.notifyAll();
            }
        }
    }

    private Descriptor open(Path path) throws KernelException {
        Path absolute = path.toAbsolutePath().normalize();
        return open(world.find(absolute, "open"), world.mountOf(absolute), path.toString());
    }

    private Descriptor open(Node node, World.FakeMount mount, String name) {
        OpenFile.OfNode file = new OpenFile.OfNode(node, mount);
        world.open.add(file);
        return install(file, name);
    }

    @Override
    public Descriptor openDirectory(Path path) throws KernelException {
        synchronized (world) {
            process.enter();
            if (!world.find(path.toAbsolutePath().normalize(), "open").isDirectory()) {
                throw new KernelException("open", path.toString(), Errno.ENOTDIR);
            }
            return open(path);
        }
    }

    /** There are no links here: {@code ..} is all that could lead out. */
    @Override
    public Descriptor openDirectoryBelow(Descriptor root, Path path) throws KernelException {
        Path slash = Path.of("/");
        Path inside = slash.relativize(slash.resolve(path).normalize());
        return openDirectory(Path.of(root.name()).resolve(inside));
    }

    @Override
    public Descriptor openRead(Path path) throws KernelException {
        synchronized (world) {
            process.enter();
            return open(path);
        }
    }

    @Override
    public Descriptor openReadWrite(Path path) throws KernelException {
        synchronized (world) {
            process.enter();
            Node node = world.find(path.toAbsolutePath().normalize(), "open");
            if (node.isDirectory()) {
                throw new KernelException("open", path.toString(), Errno.EISDIR);
            }
            if (!node.isBlock()) {
                // Opening for writing takes the write lock for a moment (mnt_want_write,
                // fs/namei.c).
                requireWritable(node.filesystem, "open", path.toString());
            }
            return open(path);
        }
    }

    @Override
    public Descriptor createNew(Path path, int mode) throws KernelException {
        synchronized (world) {
            process.enter();
            Path absolute = path.toAbsolutePath().normalize();
            Path parent = absolute.getParent();
            if (parent == null) {
                throw new KernelException("open", path.toString(), Errno.EISDIR);
            }
            Node directory = world.find(parent, "open");
            if (!directory.isDirectory()) {
                throw new KernelException("open", path.toString(), Errno.ENOTDIR);
            }
            requireWritable(directory.filesystem, "open", path.toString());
            String name = absolute.getFileName().toString();
            if (directory.children.containsKey(name)) {
                throw new KernelException("open", path.toString(), Errno.EEXIST);
            }
            directory.children.put(name, Node.file(directory, mode));
            return open(path);
        }
    }

    private void requireWritable(FakeFilesystem filesystem, String operation, String subject)
            throws KernelException {
        awaitWritable(filesystem);
        if (filesystem.readOnly) {
            throw new KernelException(operation, subject, Errno.EROFS);
        }
    }

    @Override
    public Descriptor reopen(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            if (file(descriptor, "open") instanceof OpenFile.OfNode node) {
                return open(node.node, node.mount, descriptor.name());
            }
            throw new KernelException("open", descriptor.name(), Errno.ENXIO);
        }
    }

    @Override
    public Descriptor duplicate(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            return install(file(descriptor, "fcntl"), descriptor.name());
        }
    }

    @Override
    public FileStatus status(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            DeviceNumber none = new DeviceNumber(0, 0);
            if (file(descriptor, "statx") instanceof OpenFile.OfNode file) {
                Node node = file.node;
                return new FileStatus(
                        node.mode,
                        node.device,
                        node.special,
                        node.inode,
                        node.content.length,
                        file.mount.id(),
                        file.mount.unique(),
                        node == file.mount.root());
            }
            return new FileStatus(SOCKET_MODE, none, none, descriptor.number(), 0, 1, 1, false);
        }
    }

    @Override
    public FilesystemSpace space(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            FakeFilesystem filesystem = filesystemOf(descriptor, "fstatfs");
            return filesystem == null
                    ? new FilesystemSpace(0x534F434B, 0, 0)
                    : new FilesystemSpace(
                            filesystem.magic(), filesystem.totalBytes, filesystem.freeBytes);
        }
    }

    @Override
    public void sync(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            nodeFile(descriptor, "fsync");
        }
    }

    @Override
    public void touch(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            nodeFile(descriptor, "utimensat");
        }
    }

    @Override
    public boolean tryLock(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            OpenFile.OfNode file = nodeFile(descriptor, "flock");
            if (file.node.lockedBy != null && file.node.lockedBy != file) {
                return false;
            }
            file.node.lockedBy = file;
            return true;
        }
    }

    @Override
    public void unlock(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            OpenFile.OfNode file = nodeFile(descriptor, "flock");
            if (file.node.lockedBy == file) {
                file.node.lockedBy = null;
            }
        }
    }

    @Override
    public byte[] read(Descriptor descriptor, long offset, int length) throws KernelException {
        synchronized (world) {
            process.enter();
            Node node = nodeFile(descriptor, "pread").node;
            if (node.isDirectory()) {
                throw new KernelException("pread", descriptor.name(), Errno.EISDIR);
            }
            int from = (int) Math.min(offset, node.content.length);
            int to = (int) Math.min(offset + length, node.content.length);
            return Arrays.copyOfRange(node.content, from, to);
        }
    }

    @Override
    public void write(Descriptor descriptor, long offset, byte[] bytes) throws KernelException {
        synchronized (world) {
            process.enter();
            Node node = nodeFile(descriptor, "pwrite").node;
            if (node.isDirectory()) {
                throw new KernelException("pwrite", descriptor.name(), Errno.EBADF);
            }
            requireWritable(node.filesystem, "pwrite", descriptor.name());
            int end = Math.toIntExact(offset + bytes.length);
            if (end > node.content.length) {
                node.content = Arrays.copyOf(node.content, end);
            }
            System.arraycopy(bytes, 0, node.content, (int) offset, bytes.length);
            node.sharedBytes = 0;
        }
    }

    // Mounts

    @Override
    public List<Mount> mounts() throws KernelException {
        synchronized (world) {
            process.enter();
            return world.mounts.stream().map(World.FakeMount::asMount).toList();
        }
    }

    @Override
    public List<Mount> mountsOf(int pid) throws KernelException {
        synchronized (world) {
            FakeProcess other = world.processes.get(pid);
            if (other == null || other.hasEnded()) {
                throw new KernelException("open", "/proc/" + pid + "/mountinfo", Errno.ENOENT);
            }
            return mounts();
        }
    }

    @Override
    public void mount(String source, Path target, String type, long flags, String data)
            throws KernelException {
        synchronized (world) {
            process.enter();
            requireRoot("mount", target.toString());
            Path place = target.toAbsolutePath().normalize();
            if (!world.find(place, "mount").isDirectory()) {
                throw new KernelException("mount", target.toString(), Errno.ENOTDIR);
            }
            boolean readOnly = (flags & MountFlag.READ_ONLY) != 0;
            if ((flags & MountFlag.BIND) != 0) {
                Path from = Path.of(source).toAbsolutePath().normalize();
                World.FakeMount mount = world.mountOf(from);
                String root = "/" + mount.mountPoint().relativize(from);
                Node node = world.find(from, "mount");
                world.addMount(mount.filesystem(), node, root, place, readOnly, mount.source());
            } else if (!type.isEmpty()) {
                FakeFilesystem filesystem = world.mountable(type, source, place);
                if (readOnly != filesystem.readOnly
                        && !type.equals("btrfs")
                        && source.startsWith("/dev/")
                        && world.isMounted(source)) {
                    throw new KernelException("mount", target.toString(), Errno.EBUSY);
                }
                if (readOnly && filesystem.freezes == 0) {
                    filesystem.readOnly = true;
                }
                world.addMount(filesystem, filesystem.root, "/", place, readOnly, source);
            }
        }
    }

    @SuppressWarnings("ReferenceEquality") // the mount itself, not one that is like it
    @Override
    public void unmount(Path target, boolean lazily) throws KernelException {
        synchronized (world) {
            process.enter();
            requireRoot("umount", target.toString());
            Path place = target.toAbsolutePath().normalize();
            World.FakeMount mount = world.mountOf(place);
            if (!mount.mountPoint().equals(place)) {
                throw new KernelException("umount", target.toString(), Errno.EINVAL);
            }
            for (OpenFile.OfNode file : world.open) {
                if (!lazily && file.mount.id() == mount.id()) {
                    throw new KernelException("umount", target.toString(), Errno.EBUSY);
                }
            }
            world.mounts.remove(mount);
            world.clearUnusedLoops();
            world.describeSuperblocks();
        }
    }

    private void requireRoot(String operation, String subject) throws KernelException {
        if (user != 0) {
            throw new KernelException(operation, subject, Errno.EPERM);
        }
    }

    // Storage

    @Override
    public void cloneFile(Descriptor source, Descriptor target) throws KernelException {
        synchronized (world) {
            process.enter();
            Node from = nodeFile(source, "FICLONE").node;
            Node to = nodeFile(target, "FICLONE").node;
            if (from.filesystem != to.filesystem) {
                throw new KernelException("FICLONE", target.name(), Errno.EXDEV);
            }
            requireWritable(to.filesystem, "FICLONE", target.name());
            if (!to.filesystem.type().equals("btrfs") && !to.filesystem.type().equals("xfs")) {
                throw new KernelException("FICLONE", target.name(), Errno.EOPNOTSUPP);
            }
            if (from.writtenInPlace != to.writtenInPlace) {
                throw new KernelException("FICLONE", target.name(), Errno.EINVAL);
            }
            to.content = from.content.clone();
            to.extents = from.extents;
            to.sharedBytes = from.content.length;
            from.sharedBytes = from.content.length;
        }
    }

    @Override
    public long allocatedBytes(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            long block = 4096;
            long size = nodeFile(descriptor, "statx").node.content.length;
            return (size + block - 1) / block * block;
        }
    }

    @Override
    public boolean isWrittenInPlace(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            return nodeFile(descriptor, "FS_IOC_GETFLAGS").node.writtenInPlace;
        }
    }

    @Override
    public void writeInPlace(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            Node node = nodeFile(descriptor, "FS_IOC_SETFLAGS").node;
            requireWritable(node.filesystem, "FS_IOC_SETFLAGS", descriptor.name());
            if (!node.filesystem.type().equals("btrfs")) {
                throw new KernelException("FS_IOC_SETFLAGS", descriptor.name(), Errno.EOPNOTSUPP);
            }
            // fs/btrfs/ioctl.c: a file that has extents stays as it is, and no error tells.
            if (node.content.length == 0) {
                node.writtenInPlace = true;
            }
        }
    }

    @Override
    public long extents(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            Node node = nodeFile(descriptor, "FS_IOC_FIEMAP").node;
            if (node.extents >= 0) {
                return node.extents;
            }
            return node.content.length == 0 ? 0 : 1;
        }
    }

    @Override
    public long sharedBytes(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            return nodeFile(descriptor, "FS_IOC_FIEMAP").node.sharedBytes;
        }
    }

    @Override
    public void createSubvolumeSnapshot(
            Descriptor subvolume, Descriptor directory, String name, boolean readOnly)
            throws KernelException {
        synchronized (world) {
            process.enter();
            String operation = "BTRFS_IOC_SNAP_CREATE_V2";
            Node from = nodeFile(subvolume, operation).node;
            Node parent = btrfsNode(directory, operation);
            if (from.filesystem != parent.filesystem) {
                throw new KernelException(operation, directory.name(), Errno.EXDEV);
            }
            if (!from.isSubvolume()) {
                throw new KernelException(operation, subvolume.name(), Errno.EINVAL);
            }
            requireWritable(parent.filesystem, operation, directory.name());
            if (parent.children.containsKey(name)) {
                throw new KernelException(operation, directory.name() + "/" + name, Errno.EEXIST);
            }
            Node snapshot = Node.top(parent.filesystem, world.anonymousDevice(), 256);
            copy(from, snapshot);
            parent.children.put(name, snapshot);
        }
    }

    /** A snapshot holds empty directories in the places of nested subvolumes. */
    private static void copy(Node from, Node to) {
        for (Map.Entry<String, Node> entry : from.children.entrySet()) {
            Node child = entry.getValue();
            Node made =
                    child.isDirectory() ? Node.directory(to) : Node.file(to, child.mode & 07777);
            made.content = child.content.clone();
            to.children.put(entry.getKey(), made);
            if (!child.isSubvolume()) {
                copy(child, made);
            }
        }
    }

    @Override
    public void deleteSubvolume(Descriptor directory, String name) throws KernelException {
        synchronized (world) {
            process.enter();
            String operation = "BTRFS_IOC_SNAP_DESTROY";
            Node parent = btrfsNode(directory, operation);
            requireWritable(parent.filesystem, operation, directory.name());
            Node child = parent.children.get(name);
            if (child == null || !child.isSubvolume()) {
                throw new KernelException(
                        operation,
                        directory.name() + "/" + name,
                        child == null ? Errno.ENOENT : Errno.EINVAL);
            }
            if (!nested(child, Path.of("")).isEmpty()) {
                throw new KernelException(
                        operation, directory.name() + "/" + name, Errno.ENOTEMPTY);
            }
            parent.children.remove(name);
        }
    }

    private Node btrfsNode(Descriptor descriptor, String operation) throws KernelException {
        Node node = nodeFile(descriptor, operation).node;
        if (!node.filesystem.type().equals("btrfs")) {
            throw new KernelException(operation, descriptor.name(), Errno.ENOTTY);
        }
        return node;
    }

    @Override
    public boolean isSubvolume(Descriptor directory) throws KernelException {
        synchronized (world) {
            process.enter();
            return file(directory, "fstatfs") instanceof OpenFile.OfNode file
                    && file.node.isSubvolume();
        }
    }

    @Override
    public List<Path> nestedSubvolumes(Descriptor subvolume) throws KernelException {
        synchronized (world) {
            process.enter();
            return nested(btrfsNode(subvolume, "BTRFS_IOC_GET_SUBVOL_ROOTREF"), Path.of(""));
        }
    }

    private static List<Path> nested(Node node, Path prefix) {
        List<Path> found = new ArrayList<>();
        for (Map.Entry<String, Node> entry : node.children.entrySet()) {
            Path path = prefix.resolve(entry.getKey());
            if (entry.getValue().isSubvolume()) {
                found.add(path);
            }
            found.addAll(nested(entry.getValue(), path));
        }
        return found;
    }

    @Override
    public List<Path> btrfsDevices(Descriptor filesystem) throws KernelException {
        synchronized (world) {
            process.enter();
            return List.of(Path.of(btrfsNode(filesystem, "BTRFS_IOC_FS_INFO").filesystem.source()));
        }
    }

    @Override
    public LoopDevice attachLoop(Descriptor backingFile, boolean readOnly) throws KernelException {
        synchronized (world) {
            process.enter();
            requireRoot("LOOP_CONFIGURE", backingFile.name());
            Node node = nodeFile(backingFile, "LOOP_CONFIGURE").node;
            if (node.isDirectory()) {
                throw new KernelException("LOOP_CONFIGURE", backingFile.name(), Errno.EINVAL);
            }
            World.FakeLoop loop = world.attach(node, backingFile.name(), readOnly);
            return new LoopDevice(loop.path(), open(loop.path()));
        }
    }

    @Override
    public void detachLoop(Descriptor loopDevice) throws KernelException {
        synchronized (world) {
            process.enter();
            World.FakeLoop loop = loop(loopDevice, "LOOP_CLR_FD");
            DeviceNumber device = nodeFile(loopDevice, "LOOP_CLR_FD").node.special;
            // With other users, the device goes when they have.
            if (world.users(device) == 1 && !world.isMounted(loop.path().toString())) {
                world.detach(device);
            }
        }
    }

    @Override
    public LoopStatus loopStatus(Descriptor loopDevice) throws KernelException {
        synchronized (world) {
            process.enter();
            World.FakeLoop loop = loop(loopDevice, "LOOP_GET_STATUS64");
            return new LoopStatus(
                    loop.backingFile().device,
                    loop.backingFile().inode,
                    loop.readOnly(),
                    true,
                    loop.name());
        }
    }

    private World.FakeLoop loop(Descriptor device, String operation) throws KernelException {
        Node node = nodeFile(device, operation).node;
        World.FakeLoop loop = world.loops.get(node.special);
        if (loop == null) {
            boolean isLoop = node.isBlock() && node.special.major() == 7;
            throw new KernelException(
                    operation, device.name(), isLoop ? Errno.ENXIO : Errno.ENOTTY);
        }
        return loop;
    }

    // Sockets

    @Override
    public Descriptor listen(Path path, int mode) throws KernelException {
        synchronized (world) {
            process.enter();
            Path absolute = path.toAbsolutePath().normalize();
            if (world.listeners.containsKey(absolute)) {
                throw new KernelException("bind", path.toString(), Errno.EADDRINUSE);
            }
            OpenFile.Listener listener = new OpenFile.Listener(process);
            world.listeners.put(absolute, listener);
            return install(listener, path.toString());
        }
    }

    /** Removes a socket's file, as unlink(2) would. */
    public void removeSocket(Path path) {
        synchronized (world) {
            world.listeners.remove(path.toAbsolutePath().normalize());
        }
    }

    @Override
    public Descriptor accept(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            if (!(file(descriptor, "accept") instanceof OpenFile.Listener listener)) {
                throw new KernelException("accept", descriptor.name(), Errno.EINVAL);
            }
            OpenFile.Socket socket = listener.backlog.poll();
            if (socket == null) {
                throw new KernelException("accept", descriptor.name(), Errno.EAGAIN);
            }
            Descriptor accepted = install(socket, "connection to " + descriptor.name());
            socket.release(world);
            return accepted;
        }
    }

    @Override
    public Descriptor connect(Path path) throws KernelException {
        synchronized (world) {
            process.enter();
            OpenFile.Listener listener = world.listeners.get(path.toAbsolutePath().normalize());
            if (listener == null || listener.closed) {
                throw new KernelException(
                        "connect",
                        path.toString(),
                        listener == null ? Errno.ENOENT : Errno.ECONNREFUSED);
            }
            OpenFile.Socket ours = new OpenFile.Socket(listener.owner);
            OpenFile.Socket theirs = new OpenFile.Socket(process);
            ours.other = theirs;
            theirs.other = ours;
            theirs.acquire();
            listener.backlog.add(theirs);
            world.notifyAll();
            return install(ours, path.toString());
        }
    }

    @Override
    public List<Descriptor> socketPair(String name) throws KernelException {
        synchronized (world) {
            process.enter();
            OpenFile.Socket left = new OpenFile.Socket(process);
            OpenFile.Socket right = new OpenFile.Socket(process);
            left.other = right;
            right.other = left;
            return List.of(install(left, name), install(right, name));
        }
    }

    @Override
    public Descriptor inheritedListener(int number) throws KernelException {
        synchronized (world) {
            process.enter();
            String name = "descriptor " + number;
            return switch (process.file(number, "SO_DOMAIN", name)) {
                case OpenFile.Listener _ -> new Descriptor(number, name, this::close);
                case OpenFile.Socket _, OpenFile.Datagrams _ ->
                        throw new KernelException("listen", name, Errno.EINVAL);
                default -> throw new KernelException("SO_DOMAIN", name, Errno.ENOTSOCK);
            };
        }
    }

    @Override
    public Descriptor datagramSocket() throws KernelException {
        synchronized (world) {
            process.enter();
            return install(new OpenFile.Datagrams(), "datagrams");
        }
    }

    @Override
    public Descriptor bindDatagram(String address) throws KernelException {
        synchronized (world) {
            process.enter();
            if (world.datagrams.containsKey(address)) {
                throw new KernelException("bind", address, Errno.EADDRINUSE);
            }
            OpenFile.Datagrams socket = new OpenFile.Datagrams();
            world.datagrams.put(address, socket);
            return install(socket, address);
        }
    }

    @Override
    public boolean sendDatagram(Descriptor socket, String address, byte[] message)
            throws KernelException {
        synchronized (world) {
            process.enter();
            if (!(file(socket, "sendto") instanceof OpenFile.Datagrams)) {
                throw new KernelException("sendto", address, Errno.ENOTSOCK);
            }
            OpenFile.Datagrams receiver = world.datagrams.get(address);
            if (receiver == null && !address.startsWith("@")) {
                throw new KernelException("sendto", address, Errno.ENOENT);
            }
            if (receiver == null || receiver.closed) {
                throw new KernelException("sendto", address, Errno.ECONNREFUSED);
            }
            if (receiver.incoming.size() >= OpenFile.Datagrams.CAPACITY) {
                return false;
            }
            receiver.incoming.add(message.clone());
            world.notifyAll();
            return true;
        }
    }

    private OpenFile.Socket socket(Descriptor descriptor, String operation) throws KernelException {
        if (file(descriptor, operation) instanceof OpenFile.Socket socket) {
            return socket;
        }
        throw new KernelException(operation, descriptor.name(), Errno.ENOTSOCK);
    }

    @Override
    public int send(Descriptor descriptor, ByteBuffer bytes, List<Descriptor> descriptors)
            throws KernelException {
        synchronized (world) {
            process.enter();
            OpenFile.Socket socket = socket(descriptor, "sendmsg");
            if (!bytes.hasRemaining() || descriptors.size() > 253) {
                throw new IllegalArgumentException(
                        "at least 1 byte and at most 253 descriptors can be sent");
            }
            if (socket.peerClosed()) {
                throw new KernelException("sendmsg", descriptor.name(), Errno.EPIPE);
            }
            int room = OpenFile.Socket.CAPACITY - socket.peer().queued();
            byte[] part = new byte[Math.min(bytes.remaining(), Math.max(0, room))];
            if (part.length == 0) {
                return 0;
            }
            List<OpenFile> files = new ArrayList<>();
            for (Descriptor passed : descriptors) {
                files.add(file(passed, "sendmsg"));
            }
            for (OpenFile passed : files) {
                passed.acquire();
            }
            bytes.get(part);
            socket.peer().incoming.add(new OpenFile.Message(part, files));
            world.notifyAll();
            return part.length;
        }
    }

    @Override
    public int receive(Descriptor descriptor, ByteBuffer bytes, List<Descriptor> descriptors)
            throws KernelException {
        synchronized (world) {
            process.enter();
            if (!bytes.hasRemaining()) {
                throw new IllegalArgumentException("no room to receive into");
            }
            if (file(descriptor, "recvmsg") instanceof OpenFile.Datagrams datagrams) {
                byte[] message = datagrams.incoming.poll();
                int length = message == null ? 0 : Math.min(message.length, bytes.remaining());
                if (message != null) {
                    bytes.put(message, 0, length);
                }
                return length;
            }
            OpenFile.Socket socket = socket(descriptor, "recvmsg");
            if (socket.incoming.isEmpty()) {
                if (socket.reset) {
                    socket.reset = false;
                    throw new KernelException("recvmsg", descriptor.name(), Errno.ECONNRESET);
                }
                return socket.peerClosed() ? -1 : 0;
            }
            int received = 0;
            while (bytes.hasRemaining()) {
                OpenFile.Message message = socket.incoming.peek();
                if (message == null) {
                    break;
                }
                boolean passes = !message.files.isEmpty();
                for (OpenFile file : message.files) {
                    descriptors.add(install(file, "descriptor from " + descriptor.name()));
                }
                message.drop(world);
                int length = Math.min(bytes.remaining(), message.bytes.length - message.taken);
                bytes.put(message.bytes, message.taken, length);
                message.taken += length;
                received += length;
                if (message.taken == message.bytes.length) {
                    socket.incoming.remove();
                }
                if (passes) {
                    // unix_stream_read_generic(): a receive ends with bytes that descriptors came
                    // with.
                    break;
                }
            }
            world.notifyAll();
            return received;
        }
    }

    @Override
    public Peer peer(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            OpenFile.Socket socket = socket(descriptor, "SO_PEERCRED");
            return new Peer(socket.peerProcess.pid(), socket.peerUser, socket.peerUser);
        }
    }

    @Override
    public Set<Integer> peerGroups(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            return socket(descriptor, "SO_PEERGROUPS").peerGroups;
        }
    }

    @Override
    public Descriptor peerProcess(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            FakeProcess other = socket(descriptor, "SO_PEERPIDFD").peerProcess;
            return install(new OpenFile.OfProcess(other), "peer of " + descriptor.name());
        }
    }

    @Override
    public Descriptor eventDescriptor() throws KernelException {
        synchronized (world) {
            process.enter();
            return install(new OpenFile.Event(), "event");
        }
    }

    @Override
    public void signal(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            event(descriptor).count++;
            world.notifyAll();
        }
    }

    @Override
    public void clear(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            event(descriptor).count = 0;
        }
    }

    private OpenFile.Event event(Descriptor descriptor) throws KernelException {
        if (file(descriptor, "eventfd") instanceof OpenFile.Event event) {
            return event;
        }
        throw new KernelException("eventfd", descriptor.name(), Errno.EINVAL);
    }

    @Override
    public int[] poll(List<PollInterest> interests, @Nullable Duration timeout)
            throws KernelException {
        synchronized (world) {
            process.enter();
            List<OpenFile> files = new ArrayList<>();
            for (PollInterest interest : interests) {
                files.add(file(interest.descriptor(), "poll"));
            }
            boolean forever = timeout == null;
            long deadline = timeout == null ? Long.MAX_VALUE : world.clock.nanos() + nanos(timeout);
            if (!forever) {
                world.clock.fallAsleep(deadline);
            }
            try {
                world.await(() ->
                        process.isToEnd()
                                || Arrays.stream(ready(interests, files)).sum() != 0
                                || (!forever && world.clock.nanos() >= deadline));
                process.enter();
                return ready(interests, files);
            } finally {
                if (!forever) {
                    world.clock.wakeUp(deadline);
                }
            }
        }
    }

    private static long nanos(Duration timeout) {
        // A year, so that adding it to the time of day does not overflow.
        Duration limit = Duration.ofDays(365);
        return timeout.isNegative()
                ? 0
                : (timeout.compareTo(limit) > 0 ? limit : timeout).toNanos();
    }

    private static int[] ready(List<PollInterest> interests, List<OpenFile> files) {
        int[] ready = new int[files.size()];
        for (int i = 0; i < ready.length; i++) {
            int told = interests.get(i).events() | PollInterest.ERROR | PollInterest.HANG_UP;
            ready[i] = bits(files.get(i)) & told;
        }
        return ready;
    }

    private static int bits(OpenFile file) {
        return switch (file) {
            case OpenFile.Socket socket ->
                    (socket.incoming.isEmpty() ? 0 : PollInterest.IN)
                            | (socket.peerClosed() ? PollInterest.IN | PollInterest.HANG_UP : 0)
                            | (socket.reset ? PollInterest.ERROR : 0)
                            | (socket.peerClosed()
                                            || socket.peer().queued() < OpenFile.Socket.CAPACITY
                                    ? PollInterest.OUT
                                    : 0);
            case OpenFile.Listener listener -> listener.backlog.isEmpty() ? 0 : PollInterest.IN;
            case OpenFile.Datagrams datagrams ->
                    PollInterest.OUT | (datagrams.incoming.isEmpty() ? 0 : PollInterest.IN);
            case OpenFile.Event event -> PollInterest.OUT | (event.count > 0 ? PollInterest.IN : 0);
            case OpenFile.OfProcess ended -> ended.process.hasEnded() ? PollInterest.IN : 0;
            case OpenFile.Trap trap -> trap.waiting.isEmpty() ? 0 : PollInterest.IN;
            default -> PollInterest.IN | PollInterest.OUT;
        };
    }

    // Trapped ioctls

    /** Whether a call of a trapped thread is done with; waits until somebody has said so. */
    private boolean answeredByOthers(
            Descriptor descriptor, TrappedIoctl.Request request, String operation)
            throws KernelException {
        process.enter();
        OpenFile.Trap trap = process.trap();
        if (trap == null) {
            return false;
        }
        OpenFile.Trap.Call call = trap.enter(process.threadId(), descriptor.number(), request);
        world.notifyAll();
        world.await(() -> call.answered || trap.closed || process.isToEnd());
        trap.leave(call);
        process.enter();
        if (!call.answered) {
            throw new KernelException(operation, descriptor.name(), Errno.ENOSYS);
        }
        if (call.failure.isPresent()) {
            throw new KernelException(operation, descriptor.name(), call.failure.get());
        }
        return !call.through;
    }

    @Override
    public Descriptor trapFreezes() throws KernelException {
        synchronized (world) {
            process.enter();
            if (user != 0) {
                throw new KernelException("seccomp", "this thread", Errno.EPERM);
            }
            if (process.trap() != null) {
                throw new KernelException("seccomp", "this thread", Errno.EBUSY);
            }
            OpenFile.Trap trap = new OpenFile.Trap();
            process.setTrap(trap);
            return install(trap, "listener of freezes");
        }
    }

    private OpenFile.Trap trap(Descriptor listener, String operation) throws KernelException {
        process.enter();
        if (file(listener, operation) instanceof OpenFile.Trap trap) {
            return trap;
        }
        throw new KernelException(operation, listener.name(), Errno.ENOTTY);
    }

    @Override
    public Optional<TrappedIoctl> nextTrapped(Descriptor listener) throws KernelException {
        synchronized (world) {
            OpenFile.Trap trap = trap(listener, "receive from");
            OpenFile.Trap.Call call = trap.waiting.poll();
            if (call == null) {
                return Optional.empty();
            }
            trap.taken.put(call.ioctl.id(), call);
            return Optional.of(call.ioctl);
        }
    }

    @Override
    public boolean isPending(Descriptor listener, TrappedIoctl call) throws KernelException {
        synchronized (world) {
            return trap(listener, "ask").taken.containsKey(call.id());
        }
    }

    @Override
    public boolean answer(Descriptor listener, TrappedIoctl call, Optional<Errno> failure)
            throws KernelException {
        return end(listener, call, failure, false);
    }

    @Override
    public boolean letThrough(Descriptor listener, TrappedIoctl call) throws KernelException {
        return end(listener, call, Optional.empty(), true);
    }

    private boolean end(
            Descriptor listener, TrappedIoctl call, Optional<Errno> failure, boolean through)
            throws KernelException {
        synchronized (world) {
            OpenFile.Trap.Call waiting = trap(listener, "answer").taken.remove(call.id());
            if (waiting == null) {
                return false;
            }
            waiting.failure = failure;
            waiting.through = through;
            waiting.answered = true;
            world.notifyAll();
            return true;
        }
    }

    @Override
    public Descriptor takeDescriptor(int thread, int number) throws KernelException {
        synchronized (world) {
            process.enter();
            String subject = "descriptor " + number + " of thread " + thread;
            OpenFile file = processOf(thread, "pidfd_getfd").file(number, "pidfd_getfd", subject);
            return install(file, subject);
        }
    }

    private FakeProcess processOf(int thread, String operation) throws KernelException {
        for (FakeProcess other : world.processes.values()) {
            if (other.hasThread(thread)) {
                return other;
            }
        }
        throw new KernelException(operation, "thread " + thread, Errno.ESRCH);
    }

    /** A process of this kernel has the memory that its {@link FakeProcess#poke} was told of. */
    @Override
    public byte[] readMemory(int thread, long address, int length) throws KernelException {
        synchronized (world) {
            process.enter();
            return processOf(thread, "process_vm_readv")
                    .peek(address, length)
                    .orElseThrow(() ->
                            new KernelException(
                                    "process_vm_readv",
                                    "memory of thread " + thread,
                                    Errno.EFAULT));
        }
    }

    @Override
    public boolean isAdministrator(int thread) throws KernelException {
        synchronized (world) {
            process.enter();
            return processOf(thread, "open").kernel().user == 0;
        }
    }

    // Processes, memory and time

    @Override
    public long bootNanos() {
        synchronized (world) {
            process.enter();
        }
        return world.clock.nanos();
    }

    @Override
    public String bootId() throws KernelException {
        return world.bootId;
    }

    @Override
    public int processId() {
        return process.pid();
    }

    @Override
    public int threadId() {
        synchronized (world) {
            process.enter();
            return process.threadId();
        }
    }

    @Override
    public int effectiveUser() {
        synchronized (world) {
            return user;
        }
    }

    @Override
    public <T> T asUser(int other, UserAction<T> action) throws IOException {
        int before;
        synchronized (world) {
            process.enter();
            if (user != 0 && user != other) {
                throw new KernelException("setresuid", "user " + other, Errno.EPERM);
            }
            before = user;
            user = other;
        }
        try {
            return action.run();
        } finally {
            synchronized (world) {
                user = before;
            }
        }
    }

    @Override
    public void lockMemory() throws KernelException {
        synchronized (world) {
            process.enter();
            memoryLocked = true;
        }
    }

    @Override
    public void forbidCoreDumps() throws KernelException {
        synchronized (world) {
            process.enter();
        }
    }

    @Override
    public void declareIoFlusher() throws KernelException {
        synchronized (world) {
            process.enter();
            ioFlusher = true;
        }
    }

    /** Does nothing: the fake has no scheduler. */
    @Override
    public void ignoreQuit() throws KernelException {
        synchronized (world) {
            process.enter();
        }
    }

    @Override
    public void wakePunctually() throws KernelException {
        synchronized (world) {
            process.enter();
        }
    }

    @Override
    public void setNiceness(int nice) throws KernelException {
        synchronized (world) {
            process.enter();
        }
    }

    @Override
    public void holdCompilersBack() throws KernelException {
        synchronized (world) {
            process.enter();
        }
    }

    @Override
    public void changeDirectory(Path directory) throws KernelException {
        synchronized (world) {
            process.enter();
            if (!world.find(directory.toAbsolutePath().normalize(), "chdir").isDirectory()) {
                throw new KernelException("chdir", directory.toString(), Errno.ENOTDIR);
            }
        }
    }

    @Override
    public int spawn(
            Path program,
            List<String> arguments,
            Map<String, String> environment,
            List<Descriptor> descriptors)
            throws KernelException {
        synchronized (world) {
            process.enter();
            List<OpenFile> files = new ArrayList<>();
            for (Descriptor descriptor : descriptors) {
                files.add(file(descriptor, "posix_spawn"));
            }
            FakeProcess child = world.start(program, arguments, environment);
            child.inheritTrap(process.trap());
            for (int i = 0; i < files.size(); i++) {
                files.get(i).acquire();
                child.files.put(i, files.get(i));
            }
            world.spawned.add(child);
            Consumer<FakeProcess> code = world.program;
            if (code != null) {
                Thread.ofPlatform()
                        .daemon()
                        .name("process " + child.pid())
                        .start(() -> run(code, child));
            }
            world.notifyAll();
            return child.pid();
        }
    }

    /** What {@link #onSpawn} says runs on the calling thread; other threads of the process are left alone. */
    @Override
    public void become(
            Path program, List<String> arguments, Map<String, String> environment, int keep)
            throws KernelException {
        Consumer<FakeProcess> code;
        synchronized (world) {
            process.enter();
            if (!program.startsWith("/bin") && !program.startsWith("/usr/bin")) {
                throw new KernelException("execve", program.toString(), Errno.ENOENT);
            }
            List<OpenFile> lost = List.copyOf(process.files.tailMap(keep).values());
            process.files.tailMap(keep).clear();
            for (OpenFile file : lost) {
                file.release(world);
            }
            process.become(program, arguments, environment);
            code = world.program;
            world.notifyAll();
        }
        if (code != null) {
            run(code, process);
        }
        process.exit(0);
        throw new ProcessKilled(process.pid());
    }

    @Override
    public void become(Execution execution) throws KernelException {
        int keep = execution.descriptors().stream().mapToInt(number -> number + 1).max().orElse(0);
        Map<String, String> environment = new TreeMap<>();
        for (byte[] variable : execution.environment()) {
            String[] parts = text(variable).split("=", 2);
            environment.put(parts[0], parts.length > 1 ? parts[1] : "");
        }
        become(
                Path.of(text(execution.program())),
                execution.arguments().stream().map(FakeKernel::text).toList(),
                environment,
                keep);
    }

    private static String text(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private static void run(Consumer<FakeProcess> code, FakeProcess child) {
        try {
            code.accept(child);
            child.exit(0);
        } catch (ProcessKilled killed) {
            // That is how it was to end.
            return;
        } catch (RuntimeException | Error failure) {
            child.fail(failure);
        }
    }

    /** A descriptor that a spawned process was given, by its number. */
    public Descriptor inherited(int number) {
        synchronized (world) {
            if (!process.files.containsKey(number)) {
                throw new IllegalArgumentException("no descriptor " + number + " in " + process);
            }
            return new Descriptor(number, "descriptor " + number, this::close);
        }
    }

    @Override
    public OptionalInt reap(int pid) throws KernelException {
        synchronized (world) {
            process.enter();
            FakeProcess child = world.processes.get(pid);
            if (child == null || !world.spawned.contains(child)) {
                throw new KernelException("wait4", "process " + pid, Errno.ECHILD);
            }
            OptionalInt status = child.status();
            if (status.isPresent()) {
                child.reaped = true;
                world.processes.remove(pid);
            }
            return status;
        }
    }

    @Override
    public void kill(int pid, int signal) throws KernelException {
        synchronized (world) {
            process.enter();
            if (pid <= 0) {
                throw new IllegalArgumentException("not a process: " + pid);
            }
            FakeProcess other = world.processes.get(pid);
            if (other == null) {
                throw new KernelException("kill", "process " + pid, Errno.ESRCH);
            }
            other.signal(signal);
        }
    }

    /** Every spawned process is a group of its own. */
    @Override
    public void killGroup(int leader, int signal) throws KernelException {
        kill(leader, signal);
    }

    @Override
    public Descriptor openProcess(int pid) throws KernelException {
        synchronized (world) {
            process.enter();
            FakeProcess other = world.processes.get(pid);
            if (other == null) {
                throw new KernelException("pidfd_open", "process " + pid, Errno.ESRCH);
            }
            return install(new OpenFile.OfProcess(other), "process " + pid);
        }
    }

    @Override
    public Optional<ProcessEnd> endOf(Descriptor descriptor, int pid) throws KernelException {
        synchronized (world) {
            process.enter();
            return file(descriptor, "PIDFD_GET_INFO") instanceof OpenFile.OfProcess other
                    ? other.process.end()
                    : Optional.empty();
        }
    }

    @Override
    public void signalProcess(Descriptor descriptor, int signal) throws KernelException {
        synchronized (world) {
            process.enter();
            if (!(file(descriptor, "pidfd_send_signal") instanceof OpenFile.OfProcess other)) {
                throw new KernelException("pidfd_send_signal", descriptor.name(), Errno.EBADF);
            }
            if (other.process.reaped) {
                throw new KernelException("pidfd_send_signal", descriptor.name(), Errno.ESRCH);
            }
            other.process.signal(signal);
        }
    }

    @Override
    public Optional<ThreadStatus> thread(int pid, int tid) throws KernelException {
        synchronized (world) {
            process.enter();
            FakeProcess other = world.processes.get(pid);
            return other == null ? Optional.empty() : other.thread(tid);
        }
    }

    @Override
    public Descriptor openThread(int pid, int tid) throws KernelException {
        synchronized (world) {
            process.enter();
            String name = "/proc/" + pid + "/task/" + tid + "/status";
            FakeProcess other = world.processes.get(pid);
            if (other == null || other.thread(tid).isEmpty()) {
                throw new KernelException("openat", name, Errno.ENOENT);
            }
            return install(new OpenFile.OfThread(other, tid), name);
        }
    }

    @Override
    public OptionalLong deepSleep(Descriptor descriptor) throws KernelException {
        synchronized (world) {
            process.enter();
            if (file(descriptor, "read") instanceof OpenFile.OfThread thread) {
                return thread.process.deepSleep(thread.tid);
            }
            throw new KernelException("read", descriptor.name(), Errno.EINVAL);
        }
    }

    @Override
    public List<Integer> threads(int pid) throws KernelException {
        synchronized (world) {
            process.enter();
            FakeProcess other = world.processes.get(pid);
            return other == null ? List.of() : other.threadIds();
        }
    }

    @Override
    public void writeKnob(Path file, String text) throws KernelException {
        synchronized (world) {
            process.enter();
            if (!world.knobs.containsKey(file.toString())) {
                throw new KernelException("open", file.toString(), Errno.ENOENT);
            }
            requireRoot("open", file.toString());
            world.knobs.put(file.toString(), text.endsWith("\n") ? text : text + "\n");
        }
    }

    @Override
    public String readKnob(Path file) throws KernelException {
        synchronized (world) {
            process.enter();
            String text = world.knobs.get(file.toString());
            if (text == null) {
                throw new KernelException("open", file.toString(), Errno.ENOENT);
            }
            return text;
        }
    }

    @Override
    public List<String> listKnobs(Path directory) throws KernelException {
        synchronized (world) {
            process.enter();
            String prefix = directory + "/";
            Set<String> names = new TreeSet<>();
            for (String known : world.knobs.keySet()) {
                addName(names, prefix, known);
            }
            for (String known : world.knobDirectories) {
                addName(names, prefix, known);
            }
            if (names.isEmpty() && !world.knobDirectories.contains(directory.toString())) {
                throw new KernelException("open", directory.toString(), Errno.ENOENT);
            }
            return List.copyOf(names);
        }
    }

    private static void addName(Set<String> names, String prefix, String known) {
        if (known.startsWith(prefix)) {
            String rest = known.substring(prefix.length());
            int slash = rest.indexOf('/');
            names.add(slash < 0 ? rest : rest.substring(0, slash));
        }
    }
}
