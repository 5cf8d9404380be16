package dev.lull.linux;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The running kernel. It has no state, so that any number of instances and threads can be used at
 * once; each thread keeps some kilobytes of native memory.
 *
 * <p>It runs in processes whose root filesystem may be frozen and whose memory is locked: apart from
 * the files that a method names, it opens none, and it uses no lambdas, streams or formatters.
 */
public final class LinuxKernel implements Kernel {
    /** Closes with close(2). Linux frees the number even where it reports an error or EINTR. */
    static final Descriptor.Closer CLOSER = new CloseCall();

    private static final int AT_FDCWD = -100;
    private static final int AT_EMPTY_PATH = 0x1000;
    private static final int AT_NO_AUTOMOUNT = 0x800;
    private static final int F_SETFD = 2;
    private static final int F_GETFL = 3;
    private static final int F_SETFL = 4;
    private static final int FD_CLOEXEC = 1;

    /** struct open_how of linux/openat2.h: flags, mode, resolve. */
    private static final int OPEN_HOW = 24;

    private static final long RESOLVE_NO_MAGICLINKS = 0x02;
    private static final long RESOLVE_IN_ROOT = 0x10;

    /** proc_pid_status(5) has some 1500, and more with many processors. */
    private static final int STATUS_BYTES = 8192;

    /** utimensat(2), in tv_nsec. */
    private static final long UTIME_NOW = (1L << 30) - 1;

    private static final long UTIME_OMIT = (1L << 30) - 2;

    private static final int F_DUPFD_CLOEXEC = 1030;
    private static final int LOCK_EX = 2;
    private static final int LOCK_NB = 4;
    private static final int LOCK_UN = 8;

    private static final int STATX = 256;
    private static final int STATX_BASIC_STATS = 0x7FF;
    private static final int STATX_MNT_ID = 0x1000;
    private static final int STATX_MNT_ID_UNIQUE = 0x4000;
    private static final int STATX_ATTR_MOUNT_ROOT = 0x2000;

    private static final int STATFS = 120;
    private static final int TRANSFER = 64 * 1024;

    private static final int PRIO_PROCESS = 0;

    /** Behind others, but not so far that what waits for them waits for long. */
    private static final int NOT_FIRST = 5;

    private static final int MNT_DETACH = 2;
    private static final int UMOUNT_NOFOLLOW = 8;

    private static final int FIEMAP = 32;
    private static final int FIEMAP_LENGTH = 8;
    private static final int FIEMAP_MAPPED = 20;
    private static final int FIEMAP_COUNT = 24;
    private static final int EXTENT = 56;
    private static final int EXTENT_LENGTH = 16;
    private static final int EXTENT_FLAGS = 40;
    private static final int EXTENTS_PER_CALL = 256;
    private static final int FIEMAP_EXTENT_LAST = 0x1;

    private static final int FIEMAP_EXTENT_SHARED = 0x2000;

    /** include/uapi/linux/fs.h. */
    private static final int FS_NOCOW_FL = 0x0080_0000;

    private static final int AF_UNIX = 1;
    private static final int SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | Abi.O_NONBLOCK | Abi.O_CLOEXEC;
    private static final int SOCK_STREAM = 1;
    private static final int SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | Abi.O_NONBLOCK | Abi.O_CLOEXEC;
    private static final int MSG_DONTWAIT = 0x40;
    private static final int MSG_NOSIGNAL = 0x4000;
    private static final int SOCKADDR_UN = 110;
    private static final int SUN_PATH = 2;
    private static final int BACKLOG = 128;
    private static final int SOL_SOCKET = 1;
    private static final int SO_TYPE = 3;
    private static final int SO_PEERCRED = 17;
    private static final int SO_ACCEPTCONN = 30;
    private static final int SO_PEERGROUPS = 59;

    /** Room for as many at first. */
    private static final int USUAL_GROUPS = 64;

    private static final int SO_DOMAIN = 39;
    private static final int SO_PEERPIDFD = 77;
    private static final int EFD_NONBLOCK_CLOEXEC = Abi.O_NONBLOCK | Abi.O_CLOEXEC;

    private static final int CLOCK_BOOTTIME = 7;
    private static final long NANOS = 1_000_000_000L;
    private static final int MCL_CURRENT_FUTURE_ONFAULT = 1 | 2 | 4;
    private static final int RLIMIT_CORE = 4;
    private static final int SIGQUIT = 3;
    private static final long SIG_IGN = 1;
    private static final int PR_SET_TIMERSLACK = 29;
    private static final int PR_SET_IO_FLUSHER = 57;
    private static final int WNOHANG = 1;
    private static final long CAP_SYS_ADMIN = 1L << 21;

    // struct pidfd_info of include/uapi/linux/pidfd.h, as far as Linux 6.13 had it
    private static final int PIDFD_INFO = 64;
    private static final int PIDFD_INFO_EXIT_CODE = 60;
    private static final long PIDFD_INFO_EXIT = 8;

    private static final int DIRENT_LENGTH = 16;
    private static final int DIRENT_NAME = 19;

    /**
     * Of a namespace that no filesystem has: fs/xattr.c refuses it (EOPNOTSUPP) once it has the write lock, and the
     * filesystem is not asked. Asked for one of its own, ext4 begins a transaction, and a freeze has that to write.
     */
    private static final byte[] NO_ATTRIBUTE = {'l', 'u', 'l', 'l', '.', 'n', 'o', 'n', 'e'};

    private static final String NO_UUID = "00000000-0000-0000-0000-000000000000";
    private static final byte[] NOTHING = {};
    private static final Path MOUNTINFO = Path.of("/proc/thread-self/mountinfo");
    private static final Path BOOT_ID = Path.of("/proc/sys/kernel/random/boot_id");

    private static final class CloseCall implements Descriptor.Closer {
        @Override
        public void close(int number) throws KernelException {
            Scratch scratch = Scratch.of();
            long result = SystemCall.once(scratch, Abi.CLOSE, number, 0, 0, 0, 0, 0);
            if (result != -Errno.EINTR.number()) {
                check(result, "close", "descriptor " + number);
            }
        }
    }

    public LinuxKernel() {}

    private static long check(long result, String operation, String subject)
            throws KernelException {
        return SystemCall.check(result, operation, subject);
    }

    // Freezing

    @Override
    public void freeze(Descriptor filesystem) throws KernelException {
        check(ioctl(filesystem, Ioctl.FIFREEZE, 0), "FIFREEZE", filesystem.name());
    }

    @Override
    public void thaw(Descriptor filesystem) throws KernelException {
        check(ioctl(filesystem, Ioctl.FITHAW, 0), "FITHAW", filesystem.name());
    }

    @Override
    public void syncFilesystem(Descriptor filesystem) throws KernelException {
        check(
                SystemCall.call(Scratch.of(), Abi.SYNCFS, filesystem.number()),
                "syncfs",
                filesystem.name());
    }

    @Override
    public boolean checkpointJournal(Descriptor filesystem) throws KernelException {
        Scratch scratch = Scratch.of();
        int flags = scratch.reserve(4);
        long result =
                SystemCall.call(
                        scratch,
                        Abi.IOCTL,
                        filesystem.number(),
                        Ioctl.EXT4_IOC_CHECKPOINT,
                        scratch.address(flags));
        // ENODEV: ext2, which has no journal. ENOTTY: not an ext filesystem, or Linux before 5.14.
        if (isAny(result, Errno.ENOTTY, Errno.ENODEV, Errno.EOPNOTSUPP)) {
            return false;
        }
        check(result, "EXT4_IOC_CHECKPOINT", filesystem.name());
        return true;
    }

    @Override
    public void passWriteLock(Descriptor filesystem) throws KernelException {
        Scratch scratch = Scratch.of();
        long result =
                SystemCall.call(
                        scratch,
                        Abi.FREMOVEXATTR,
                        filesystem.number(),
                        scratch.string(NO_ATTRIBUTE));
        // fs/xattr.c takes the write lock (mnt_want_write_file) before it looks at anything
        // else, so each of these is answered after the lock was had.
        if (!isAny(result, Errno.ENODATA, Errno.EOPNOTSUPP, Errno.EROFS)
                && !isAny(result, Errno.EPERM, Errno.EACCES)) {
            check(result, "fremovexattr", filesystem.name());
        }
    }

    @Override
    public Optional<String> filesystemUuid(Descriptor filesystem) throws KernelException {
        Scratch scratch = Scratch.of();
        int answer = scratch.reserve(17);
        long result =
                SystemCall.call(
                        scratch,
                        Abi.IOCTL,
                        filesystem.number(),
                        Ioctl.FS_IOC_GETFSUUID,
                        scratch.address(answer));
        if (result == 0 && scratch.getByte(answer) == 16) {
            String uuid = Btrfs.uuid(scratch.bytes(answer + 1, 16));
            // An image that nobody gave a UUID has all zeros, as has any other such image.
            return uuid.equals(NO_UUID) ? Optional.empty() : Optional.of(uuid);
        }
        String btrfs = Btrfs.uuid(filesystem);
        return btrfs.isEmpty() ? SuperblockUuid.of(this, filesystem) : Optional.of(btrfs);
    }

    private static boolean isAny(long result, Errno... errors) {
        for (Errno error : errors) {
            if (result == -error.number()) {
                return true;
            }
        }
        return false;
    }

    private static long ioctl(Descriptor descriptor, long request, long argument) {
        return SystemCall.call(Scratch.of(), Abi.IOCTL, descriptor.number(), request, argument);
    }

    // Files

    @Override
    public Descriptor openDirectory(Path path) throws KernelException {
        return open(path, Abi.O_RDONLY | Abi.O_DIRECTORY, 0);
    }

    @Override
    public Descriptor openDirectoryBelow(Descriptor root, Path path) throws KernelException {
        String name = root.name() + "/" + Path.of("/").relativize(Path.of("/").resolve(path));
        byte[] bytes = PathBytes.encode(path);
        long number = -Errno.EAGAIN.number();
        // EAGAIN: something was renamed or mounted meanwhile, and ".." could have led out.
        for (int attempt = 0; attempt < 64 && number == -Errno.EAGAIN.number(); attempt++) {
            Scratch scratch = Scratch.of(bytes.length + OPEN_HOW);
            long text = scratch.string(bytes);
            int how = scratch.reserve(OPEN_HOW);
            scratch.putLong(how, Abi.O_RDONLY | Abi.O_DIRECTORY | Abi.O_CLOEXEC);
            scratch.putLong(how + 16, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
            number =
                    SystemCall.call(
                            scratch,
                            Abi.OPENAT2,
                            root.number(),
                            text,
                            scratch.address(how),
                            OPEN_HOW);
        }
        return own(check(number, "open", name), name);
    }

    @Override
    public Descriptor openRead(Path path) throws KernelException {
        return open(path, Abi.O_RDONLY | Abi.O_NONBLOCK | Abi.O_NOCTTY, 0);
    }

    @Override
    public Descriptor openReadWrite(Path path) throws KernelException {
        return open(path, Abi.O_RDWR | Abi.O_NOCTTY, 0);
    }

    @Override
    public Descriptor createNew(Path path, int mode) throws KernelException {
        return open(path, Abi.O_RDWR | Abi.O_CREAT | Abi.O_EXCL | Abi.O_NOFOLLOW, mode);
    }

    @Override
    public Descriptor reopen(Descriptor file) throws KernelException {
        long flags =
                check(
                        SystemCall.call(Scratch.of(), Abi.FCNTL, file.number(), F_GETFL),
                        "fcntl",
                        file.name());
        // thread-self, not self: a thread that unshared its descriptors has numbers of its own.
        StringBuilder path = new StringBuilder("/proc/thread-self/fd/").append(file.number());
        int access = (int) flags & (Abi.O_ACCMODE | Abi.O_DIRECTORY | Abi.O_NONBLOCK);
        return open(AT_FDCWD, ascii(path), access | Abi.O_NOCTTY, 0, file.name());
    }

    @Override
    public Descriptor duplicate(Descriptor file) throws KernelException {
        long number = SystemCall.call(Scratch.of(), Abi.FCNTL, file.number(), F_DUPFD_CLOEXEC, 0);
        return own(check(number, "fcntl", file.name()), file.name());
    }

    /** Opens a directory below another one. Its last component is no symbolic link. */
    static Descriptor openAt(Descriptor directory, Path relative) throws KernelException {
        return open(
                directory.number(),
                PathBytes.encode(relative),
                Abi.O_RDONLY | Abi.O_DIRECTORY | Abi.O_NOFOLLOW,
                0,
                directory.name() + "/" + relative);
    }

    private static Descriptor open(Path path, int flags, int mode) throws KernelException {
        return open(AT_FDCWD, PathBytes.encode(path), flags, mode, path.toString());
    }

    private static Descriptor open(int directory, byte[] path, int flags, int mode, String name)
            throws KernelException {
        Scratch scratch = Scratch.of(path.length);
        long number =
                SystemCall.call(
                        scratch,
                        Abi.OPENAT,
                        directory,
                        scratch.string(path),
                        flags | Abi.O_CLOEXEC,
                        mode);
        return own(check(number, "open", name), name);
    }

    private static Descriptor own(long number, String name) {
        return new Descriptor((int) number, name, CLOSER);
    }

    @Override
    public FileStatus status(Descriptor file) throws KernelException {
        Scratch scratch = statx(file, STATX_BASIC_STATS | STATX_MNT_ID);
        boolean hasMountId = (scratch.getInt(0) & STATX_MNT_ID) != 0;
        int mode = scratch.getShort(28);
        long inode = scratch.getLong(32);
        long size = scratch.getLong(40);
        boolean mountRoot = (scratch.getLong(8) & STATX_ATTR_MOUNT_ROOT) != 0;
        DeviceNumber special = new DeviceNumber(scratch.getInt(128), scratch.getInt(132));
        DeviceNumber device = new DeviceNumber(scratch.getInt(136), scratch.getInt(140));
        long mountId = hasMountId ? scratch.getLong(144) : 0;
        // The two ids share one field of the answer, hence a second call.
        scratch = statx(file, STATX_MNT_ID_UNIQUE);
        boolean hasUniqueId = (scratch.getInt(0) & STATX_MNT_ID_UNIQUE) != 0;
        long uniqueMountId = hasUniqueId ? scratch.getLong(144) : 0;
        if (!hasMountId) {
            mountId = mountIdOf(file);
        }
        return new FileStatus(
                mode, device, special, inode, size, mountId, uniqueMountId, mountRoot);
    }

    /** The answer lies at offset 0. */
    private static Scratch statx(Descriptor file, int mask) throws KernelException {
        Scratch scratch = Scratch.of(STATX);
        int answer = scratch.reserve(STATX);
        long result =
                SystemCall.call(
                        scratch,
                        Abi.STATX,
                        file.number(),
                        scratch.string(NOTHING),
                        AT_EMPTY_PATH | AT_NO_AUTOMOUNT,
                        mask,
                        scratch.address(answer),
                        0);
        check(result, "statx", file.name());
        return scratch;
    }

    /** Before Linux 5.8, statx has no mount id; proc_pid_fdinfo(5) has. */
    private static long mountIdOf(Descriptor file) throws KernelException {
        StringBuilder path = new StringBuilder("/proc/thread-self/fdinfo/").append(file.number());
        String info = new String(readWhole(ascii(path)), StandardCharsets.ISO_8859_1);
        int at = info.indexOf("mnt_id:");
        if (at < 0) {
            throw new KernelException("statx", file.name(), Errno.ENOSYS);
        }
        int end = info.indexOf('\n', at);
        return Long.parseLong(info.substring(at + 7, end < 0 ? info.length() : end).strip());
    }

    @Override
    public FilesystemSpace space(Descriptor file) throws KernelException {
        Scratch scratch = Scratch.of(STATFS);
        int answer = scratch.reserve(STATFS);
        check(
                SystemCall.call(scratch, Abi.FSTATFS, file.number(), scratch.address(answer)),
                "fstatfs",
                file.name());
        // f_frsize is what blocks are counted in (fs/statfs.c sets it where a filesystem does not).
        long unit = scratch.getLong(answer + 72);
        return new FilesystemSpace(
                scratch.getLong(answer) & 0xFFFF_FFFFL,
                unit * scratch.getLong(answer + 16),
                unit * scratch.getLong(answer + 24));
    }

    @Override
    public void sync(Descriptor file) throws KernelException {
        check(SystemCall.call(Scratch.of(), Abi.FSYNC, file.number()), "fsync", file.name());
    }

    @Override
    public void touch(Descriptor file) throws KernelException {
        Scratch scratch = Scratch.of();
        int times = scratch.reserve(32);
        scratch.putLong(times + 8, UTIME_OMIT);
        scratch.putLong(times + 24, UTIME_NOW);
        check(
                SystemCall.call(
                        scratch, Abi.UTIMENSAT, file.number(), 0, scratch.address(times), 0),
                "utimensat",
                file.name());
    }

    @Override
    public boolean tryLock(Descriptor file) throws KernelException {
        long result = SystemCall.call(Scratch.of(), Abi.FLOCK, file.number(), LOCK_EX | LOCK_NB);
        if (result == -Errno.EAGAIN.number()) {
            return false;
        }
        check(result, "flock", file.name());
        return true;
    }

    @Override
    public void unlock(Descriptor file) throws KernelException {
        check(
                SystemCall.call(Scratch.of(), Abi.FLOCK, file.number(), LOCK_UN),
                "flock",
                file.name());
    }

    @Override
    public byte[] read(Descriptor file, long offset, int length) throws KernelException {
        byte[] bytes = new byte[length];
        int done = 0;
        while (done < length) {
            int part = Math.min(length - done, TRANSFER);
            Scratch scratch = Scratch.of(part);
            int memory = scratch.reserveAsIs(part);
            long result =
                    SystemCall.call(
                            scratch,
                            Abi.PREAD64,
                            file.number(),
                            scratch.address(memory),
                            part,
                            offset + done);
            int got = (int) check(result, "pread", file.name());
            if (got == 0) {
                return Arrays.copyOf(bytes, done);
            }
            scratch.memory().get(memory, bytes, done, got);
            done += got;
        }
        return bytes;
    }

    @Override
    public void write(Descriptor file, long offset, byte[] bytes) throws KernelException {
        int done = 0;
        while (done < bytes.length) {
            int part = Math.min(bytes.length - done, TRANSFER);
            Scratch scratch = Scratch.of(part);
            int memory = scratch.reserveAsIs(part);
            scratch.memory().put(memory, bytes, done, part);
            long result =
                    SystemCall.call(
                            scratch,
                            Abi.PWRITE64,
                            file.number(),
                            scratch.address(memory),
                            part,
                            offset + done);
            done += (int) check(result, "pwrite", file.name());
        }
    }

    // Mounts

    @Override
    public List<Mount> mounts() throws KernelException {
        return mounts(MOUNTINFO.toString());
    }

    @Override
    public List<Mount> mountsOf(int pid) throws KernelException {
        return mounts("/proc/" + pid + "/mountinfo");
    }

    private static List<Mount> mounts(String file) throws KernelException {
        byte[] table = readWhole(file.getBytes(StandardCharsets.US_ASCII));
        try {
            return MountInfo.parse(table);
        } catch (IllegalArgumentException e) {
            KernelException unreadable = new KernelException("read", file, Errno.EINVAL);
            unreadable.initCause(e);
            throw unreadable;
        }
    }

    @Override
    public void mount(String source, Path target, String type, long flags, String data)
            throws KernelException {
        byte[] from = text(source);
        byte[] to = PathBytes.encode(target);
        byte[] kind = text(type);
        byte[] options = text(data);
        Scratch scratch = Scratch.of(from.length + to.length + kind.length + options.length + 64);
        long result =
                SystemCall.call(
                        scratch,
                        Abi.MOUNT,
                        scratch.string(from),
                        scratch.string(to),
                        scratch.string(kind),
                        flags,
                        options.length == 0 ? 0 : scratch.string(options),
                        0);
        check(result, "mount", target.toString());
    }

    @Override
    public void unmount(Path target, boolean lazily) throws KernelException {
        byte[] path = PathBytes.encode(target);
        Scratch scratch = Scratch.of(path.length);
        check(
                SystemCall.call(
                        scratch,
                        Abi.UMOUNT2,
                        scratch.string(path),
                        UMOUNT_NOFOLLOW | (lazily ? MNT_DETACH : 0)),
                "umount",
                target.toString());
    }

    private static byte[] text(String text) {
        if (text.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("NUL in an argument of mount");
        }
        return text.getBytes(StandardCharsets.UTF_8);
    }

    // Storage

    @Override
    public void cloneFile(Descriptor source, Descriptor target) throws KernelException {
        check(ioctl(target, Ioctl.FICLONE, source.number()), "FICLONE", target.name());
    }

    @Override
    public long allocatedBytes(Descriptor file) throws KernelException {
        // stx_blocks counts 512 bytes each, whatever the filesystem's block size.
        return statx(file, STATX_BASIC_STATS).getLong(48) * 512;
    }

    @Override
    public boolean isWrittenInPlace(Descriptor file) throws KernelException {
        return (inodeFlags(file) & FS_NOCOW_FL) != 0;
    }

    @Override
    public void writeInPlace(Descriptor emptyFile) throws KernelException {
        int flags = inodeFlags(emptyFile) | FS_NOCOW_FL;
        Scratch scratch = Scratch.of(8);
        int argument = scratch.reserve(8);
        scratch.putInt(argument, flags);
        check(
                SystemCall.call(
                        scratch,
                        Abi.IOCTL,
                        emptyFile.number(),
                        Ioctl.FS_IOC_SETFLAGS,
                        scratch.address(argument)),
                "FS_IOC_SETFLAGS",
                emptyFile.name());
    }

    private static int inodeFlags(Descriptor file) throws KernelException {
        Scratch scratch = Scratch.of(8);
        int answer = scratch.reserve(8);
        check(
                SystemCall.call(
                        scratch,
                        Abi.IOCTL,
                        file.number(),
                        Ioctl.FS_IOC_GETFLAGS,
                        scratch.address(answer)),
                "FS_IOC_GETFLAGS",
                file.name());
        return scratch.getInt(answer);
    }

    @Override
    public long extents(Descriptor file) throws KernelException {
        Scratch scratch = Scratch.of(FIEMAP);
        int map = scratch.reserve(FIEMAP);
        scratch.putLong(map + FIEMAP_LENGTH, -1L);
        fiemap(scratch, file, map);
        return scratch.getInt(map + FIEMAP_MAPPED) & 0xFFFF_FFFFL;
    }

    @Override
    public long sharedBytes(Descriptor file) throws KernelException {
        long shared = 0;
        long from = 0;
        while (true) {
            Scratch scratch = Scratch.of(FIEMAP + EXTENTS_PER_CALL * EXTENT);
            int map = scratch.reserve(FIEMAP);
            int extents = scratch.reserveAsIs(EXTENTS_PER_CALL * EXTENT);
            scratch.putLong(map, from);
            scratch.putLong(map + FIEMAP_LENGTH, -1L - from);
            scratch.putInt(map + FIEMAP_COUNT, EXTENTS_PER_CALL);
            fiemap(scratch, file, map);
            int count = scratch.getInt(map + FIEMAP_MAPPED);
            boolean last = count == 0;
            for (int i = 0; i < count; i++) {
                int extent = extents + i * EXTENT;
                long length = scratch.getLong(extent + EXTENT_LENGTH);
                int flags = scratch.getInt(extent + EXTENT_FLAGS);
                if ((flags & FIEMAP_EXTENT_SHARED) != 0) {
                    shared += length;
                }
                from = scratch.getLong(extent) + length;
                last |= (flags & FIEMAP_EXTENT_LAST) != 0;
            }
            if (last) {
                return shared;
            }
        }
    }

    private static void fiemap(Scratch scratch, Descriptor file, int map) throws KernelException {
        check(
                SystemCall.call(
                        scratch,
                        Abi.IOCTL,
                        file.number(),
                        Ioctl.FS_IOC_FIEMAP,
                        scratch.address(map)),
                "FS_IOC_FIEMAP",
                file.name());
    }

    @Override
    public void createSubvolumeSnapshot(
            Descriptor subvolume, Descriptor directory, String name, boolean readOnly)
            throws KernelException {
        Btrfs.createSnapshot(subvolume, directory, name, readOnly);
    }

    @Override
    public void deleteSubvolume(Descriptor directory, String name) throws KernelException {
        Btrfs.deleteSubvolume(directory, name);
    }

    @Override
    public boolean isSubvolume(Descriptor directory) throws KernelException {
        if (space(directory).type() != FilesystemSpace.BTRFS) {
            return false;
        }
        FileStatus status = status(directory);
        return status.isDirectory() && status.inode() == Btrfs.TOP_INODE;
    }

    @Override
    public List<Path> nestedSubvolumes(Descriptor subvolume) throws KernelException {
        return Btrfs.nestedSubvolumes(subvolume);
    }

    @Override
    public List<Path> btrfsDevices(Descriptor filesystem) throws KernelException {
        return Btrfs.devices(filesystem);
    }

    @Override
    public LoopDevice attachLoop(Descriptor backingFile, boolean readOnly) throws KernelException {
        return Loop.attach(this, backingFile, readOnly);
    }

    @Override
    public void detachLoop(Descriptor loopDevice) throws KernelException {
        Loop.detach(loopDevice);
    }

    @Override
    public LoopStatus loopStatus(Descriptor loopDevice) throws KernelException {
        return Loop.status(loopDevice);
    }

    // Sockets

    @Override
    public Descriptor listen(Path path, int mode) throws KernelException {
        Descriptor socket = socket(path.toString());
        try {
            // bind(2) makes the file with the socket's own mode less the umask
            // (net/unix/af_unix.c): so it is
            // never, not even for a moment, more open than it is to be.
            check(
                    SystemCall.call(Scratch.of(), Abi.FCHMOD, socket.number(), mode),
                    "fchmod",
                    socket.name());
            Scratch scratch = Scratch.of(SOCKADDR_UN);
            long address = address(scratch, path);
            check(
                    SystemCall.call(scratch, Abi.BIND, socket.number(), address, SOCKADDR_UN),
                    "bind",
                    socket.name());
            byte[] file = PathBytes.encode(path);
            scratch = Scratch.of(file.length);
            check(
                    SystemCall.call(scratch, Abi.FCHMODAT, AT_FDCWD, scratch.string(file), mode),
                    "chmod",
                    socket.name());
            check(
                    SystemCall.call(Scratch.of(), Abi.LISTEN, socket.number(), BACKLOG),
                    "listen",
                    socket.name());
            return socket;
        } catch (KernelException | RuntimeException e) {
            closeAfter(socket, e);
            throw e;
        }
    }

    @Override
    public Descriptor accept(Descriptor listener) throws KernelException {
        long number =
                SystemCall.call(
                        Scratch.of(),
                        Abi.ACCEPT4,
                        listener.number(),
                        0,
                        0,
                        Abi.O_NONBLOCK | Abi.O_CLOEXEC);
        check(number, "accept", listener.name());
        return own(number, "connection to " + listener.name());
    }

    @Override
    public Descriptor connect(Path path) throws KernelException {
        Descriptor socket = socket(path.toString());
        try {
            Scratch scratch = Scratch.of(SOCKADDR_UN);
            long address = address(scratch, path);
            check(
                    SystemCall.call(scratch, Abi.CONNECT, socket.number(), address, SOCKADDR_UN),
                    "connect",
                    socket.name());
            return socket;
        } catch (KernelException | RuntimeException e) {
            closeAfter(socket, e);
            throw e;
        }
    }

    @Override
    public Descriptor inheritedListener(int number) throws KernelException {
        Descriptor socket = own(number, "descriptor " + number);
        boolean listens =
                socketNumber(socket, SO_DOMAIN, "SO_DOMAIN") == AF_UNIX
                        && socketNumber(socket, SO_TYPE, "SO_TYPE") == SOCK_STREAM
                        && socketNumber(socket, SO_ACCEPTCONN, "SO_ACCEPTCONN") != 0;
        if (!listens) {
            throw new KernelException("listen", socket.name(), Errno.EINVAL);
        }
        control(socket, F_SETFD, FD_CLOEXEC);
        control(socket, F_SETFL, control(socket, F_GETFL, 0) | Abi.O_NONBLOCK);
        return socket;
    }

    private static int socketNumber(Descriptor socket, int option, String name)
            throws KernelException {
        Scratch scratch = Scratch.of();
        int value = scratch.reserve(4);
        check(socketOption(scratch, socket, option, value, 4), name, socket.name());
        return scratch.getInt(value);
    }

    private static long control(Descriptor file, int command, long argument)
            throws KernelException {
        return check(
                SystemCall.call(Scratch.of(), Abi.FCNTL, file.number(), command, argument),
                "fcntl",
                file.name());
    }

    @Override
    public Descriptor datagramSocket() throws KernelException {
        return socket("datagrams", SOCK_DGRAM_NONBLOCK_CLOEXEC);
    }

    @Override
    public Descriptor bindDatagram(String address) throws KernelException {
        Descriptor socket = socket(address, SOCK_DGRAM_NONBLOCK_CLOEXEC);
        try {
            byte[] name = socketName(address);
            Scratch scratch = Scratch.of(SOCKADDR_UN);
            long at = scratch.address(address(scratch, name));
            check(
                    SystemCall.call(scratch, Abi.BIND, socket.number(), at, SUN_PATH + name.length),
                    "bind",
                    address);
            return socket;
        } catch (KernelException | RuntimeException e) {
            closeAfter(socket, e);
            throw e;
        }
    }

    @Override
    public boolean sendDatagram(Descriptor socket, String address, byte[] message)
            throws KernelException {
        byte[] name = socketName(address);
        Scratch scratch = Scratch.of(SOCKADDR_UN + message.length);
        int at = address(scratch, name);
        long bytes = scratch.string(message);
        long result =
                SystemCall.call(
                        scratch,
                        Abi.SENDTO,
                        socket.number(),
                        bytes,
                        message.length,
                        MSG_DONTWAIT | MSG_NOSIGNAL,
                        scratch.address(at),
                        SUN_PATH + name.length);
        if (result == -Errno.EAGAIN.number()) {
            return false;
        }
        check(result, "sendto", address);
        return true;
    }

    /** An abstract name begins with a NUL, and its length counts (unix(7)): nothing may follow it. */
    private static byte[] socketName(String address) throws KernelException {
        byte[] name =
                address.startsWith("@")
                        ? address.getBytes(StandardCharsets.UTF_8)
                        : PathBytes.encode(Path.of(address));
        if (name.length == 0 || name.length >= SOCKADDR_UN - SUN_PATH) {
            throw new KernelException(
                    "socket address",
                    address,
                    name.length == 0 ? Errno.EINVAL : Errno.ENAMETOOLONG);
        }
        if (name[0] == '@') {
            name[0] = 0;
        }
        return name;
    }

    private static int address(Scratch scratch, byte[] name) {
        int address = scratch.reserve(SOCKADDR_UN);
        scratch.putShort(address, AF_UNIX);
        scratch.memory().put(address + SUN_PATH, name, 0, name.length);
        return address;
    }

    private static Descriptor socket(String name) throws KernelException {
        return socket(name, SOCK_STREAM_NONBLOCK_CLOEXEC);
    }

    private static Descriptor socket(String name, int type) throws KernelException {
        long number = SystemCall.call(Scratch.of(), Abi.SOCKET, AF_UNIX, type, 0);
        return own(check(number, "socket", name), name);
    }

    private static long address(Scratch scratch, Path path) throws KernelException {
        byte[] bytes = PathBytes.encode(path);
        if (bytes.length >= SOCKADDR_UN - SUN_PATH) {
            throw new KernelException("bind or connect", path.toString(), Errno.ENAMETOOLONG);
        }
        int address = scratch.reserve(SOCKADDR_UN);
        scratch.putShort(address, AF_UNIX);
        scratch.memory().put(address + SUN_PATH, bytes, 0, bytes.length);
        return scratch.address(address);
    }

    static void closeAfter(Descriptor descriptor, Throwable why) {
        try {
            descriptor.close();
        } catch (KernelException e) {
            why.addSuppressed(e);
        }
    }

    @Override
    public List<Descriptor> socketPair(String name) throws KernelException {
        Scratch scratch = Scratch.of();
        int pair = scratch.reserve(8);
        check(
                SystemCall.call(
                        scratch,
                        Abi.SOCKETPAIR,
                        AF_UNIX,
                        SOCK_STREAM_NONBLOCK_CLOEXEC,
                        0,
                        scratch.address(pair)),
                "socketpair",
                name);
        return List.of(own(scratch.getInt(pair), name), own(scratch.getInt(pair + 4), name));
    }

    @Override
    public int send(Descriptor socket, ByteBuffer bytes, List<Descriptor> descriptors)
            throws KernelException {
        return SocketMessages.send(socket, bytes, descriptors);
    }

    @Override
    public int receive(Descriptor socket, ByteBuffer bytes, List<Descriptor> descriptors)
            throws KernelException {
        return SocketMessages.receive(socket, bytes, descriptors, CLOSER);
    }

    @Override
    public Peer peer(Descriptor socket) throws KernelException {
        Scratch scratch = Scratch.of();
        int credentials = scratch.reserve(12);
        check(
                socketOption(scratch, socket, SO_PEERCRED, credentials, 12),
                "SO_PEERCRED",
                socket.name());
        return new Peer(
                scratch.getInt(credentials),
                scratch.getInt(credentials + 4),
                scratch.getInt(credentials + 8));
    }

    @Override
    public Set<Integer> peerGroups(Descriptor socket) throws KernelException {
        int room = 4 * USUAL_GROUPS;
        while (true) {
            Scratch scratch = Scratch.of(room + 16);
            int groups = scratch.reserve(room);
            int lengthAt = scratch.reserve(4);
            long result = socketOption(scratch, socket, SO_PEERGROUPS, groups, room, lengthAt);
            int length = scratch.getInt(lengthAt);
            // net/core/sock.c: with too little room it is ERANGE, and the length is what it takes.
            if (result == -Errno.ERANGE.number() && length > room) {
                room = length;
                continue;
            }
            check(result, "SO_PEERGROUPS", socket.name());
            Set<Integer> found = new HashSet<>();
            for (int at = 0; at < length; at += 4) {
                found.add(scratch.getInt(groups + at));
            }
            return Set.copyOf(found);
        }
    }

    @Override
    public Descriptor peerProcess(Descriptor socket) throws KernelException {
        Scratch scratch = Scratch.of();
        int number = scratch.reserve(4);
        long result = socketOption(scratch, socket, SO_PEERPIDFD, number, 4);
        if (result == -Errno.ENOPROTOOPT.number()) {
            return openProcess(peer(socket).pid());
        }
        check(result, "SO_PEERPIDFD", socket.name());
        return own(scratch.getInt(number), "peer of " + socket.name());
    }

    private static long socketOption(
            Scratch scratch, Descriptor socket, int option, int value, int length) {
        return socketOption(scratch, socket, option, value, length, scratch.reserve(4));
    }

    private static long socketOption(
            Scratch scratch, Descriptor socket, int option, int value, int length, int lengthAt) {
        scratch.putInt(lengthAt, length);
        return SystemCall.call(
                scratch,
                Abi.GETSOCKOPT,
                socket.number(),
                SOL_SOCKET,
                option,
                scratch.address(value),
                scratch.address(lengthAt),
                0);
    }

    @Override
    public Descriptor eventDescriptor() throws KernelException {
        long number = SystemCall.call(Scratch.of(), Abi.EVENTFD2, 0, EFD_NONBLOCK_CLOEXEC);
        return own(check(number, "eventfd", "event"), "event");
    }

    @Override
    public void signal(Descriptor event) throws KernelException {
        Scratch scratch = Scratch.of();
        int one = scratch.reserve(8);
        scratch.putLong(one, 1);
        long result = SystemCall.call(scratch, Abi.WRITE, event.number(), scratch.address(one), 8);
        // EAGAIN: the counter is at its end, so the event is signalled already.
        if (result != -Errno.EAGAIN.number()) {
            check(result, "write", event.name());
        }
    }

    @Override
    public void clear(Descriptor event) throws KernelException {
        Scratch scratch = Scratch.of();
        int count = scratch.reserve(8);
        long result = SystemCall.call(scratch, Abi.READ, event.number(), scratch.address(count), 8);
        if (result != -Errno.EAGAIN.number()) {
            check(result, "read", event.name());
        }
    }

    @Override
    public int[] poll(List<PollInterest> interests, @Nullable Duration timeout)
            throws KernelException {
        int count = interests.size();
        Scratch scratch = Scratch.of(8 * count + 16);
        int array = scratch.reserveAsIs(8 * count);
        for (int i = 0; i < count; i++) {
            PollInterest interest = interests.get(i);
            scratch.putInt(array + 8 * i, interest.descriptor().number());
            scratch.putShort(array + 8 * i + 4, interest.events());
            scratch.putShort(array + 8 * i + 6, 0);
        }
        long limit = 0;
        if (timeout != null) {
            int time = scratch.reserveAsIs(16);
            boolean past = timeout.isNegative();
            scratch.putLong(time, past ? 0 : timeout.getSeconds());
            scratch.putLong(time + 8, past ? 0 : timeout.getNano());
            limit = scratch.address(time);
        }
        long result =
                SystemCall.once(scratch, Abi.PPOLL, scratch.address(array), count, limit, 0, 0, 0);
        int[] ready = new int[count];
        if (result == -Errno.EINTR.number()) {
            return ready;
        }
        check(result, "poll", count == 0 ? "nothing" : interests.get(0).descriptor().name());
        for (int i = 0; i < count; i++) {
            ready[i] = scratch.getShort(array + 8 * i + 6);
        }
        return ready;
    }

    // Trapped ioctls

    @Override
    public Descriptor trapFreezes() throws KernelException {
        return Seccomp.trapFreezes();
    }

    @Override
    public Optional<TrappedIoctl> nextTrapped(Descriptor listener) throws KernelException {
        return Seccomp.next(listener);
    }

    @Override
    public boolean isPending(Descriptor listener, TrappedIoctl call) throws KernelException {
        return Seccomp.isPending(listener, call.id());
    }

    @Override
    public boolean answer(Descriptor listener, TrappedIoctl call, Optional<Errno> failure)
            throws KernelException {
        return Seccomp.answer(
                listener, call.id(), failure.isPresent() ? failure.get().number() : 0);
    }

    @Override
    public boolean letThrough(Descriptor listener, TrappedIoctl call) throws KernelException {
        return Seccomp.letThrough(listener, call.id());
    }

    @Override
    public Descriptor takeDescriptor(int thread, int number) throws KernelException {
        return Seccomp.takeDescriptor(thread, number);
    }

    @Override
    public boolean isAdministrator(int thread) throws KernelException {
        boolean capable =
                (ProcThread.capabilities(readStatus(single(thread))) & CAP_SYS_ADMIN) != 0;
        return capable
                && userNamespace(Integer.toString(thread)).equals(userNamespace("thread-self"));
    }

    private InodeNumber userNamespace(String thread) throws KernelException {
        try (Descriptor namespace = openRead(Path.of("/proc", thread, "ns/user"))) {
            FileStatus status = status(namespace);
            return new InodeNumber(status.device(), status.inode());
        }
    }

    private record InodeNumber(DeviceNumber device, long inode) {}

    @Override
    public byte[] readMemory(int thread, long address, int length) throws KernelException {
        return Seccomp.readMemory(single(thread), address, length);
    }

    /** {@code /proc/TID/status}, of any thread. */
    static byte[] readStatus(int thread) throws KernelException {
        return readWhole(ascii(new StringBuilder("/proc/").append(thread).append("/status")));
    }

    // Processes, memory and time

    @Override
    public long bootNanos() {
        Scratch scratch = Scratch.of();
        int time = scratch.reserveAsIs(16);
        long result =
                SystemCall.call(scratch, Abi.CLOCK_GETTIME, CLOCK_BOOTTIME, scratch.address(time));
        if (result != 0) {
            throw new AssertionError("CLOCK_BOOTTIME: " + Errno.of((int) -result));
        }
        return scratch.getLong(time) * NANOS + scratch.getLong(time + 8);
    }

    @Override
    public String bootId() throws KernelException {
        return readKnob(BOOT_ID).strip();
    }

    @Override
    public int processId() {
        return (int) SystemCall.call(Scratch.of(), Abi.GETPID);
    }

    @Override
    public int threadId() {
        return (int) SystemCall.call(Scratch.of(), Abi.GETTID);
    }

    @Override
    public int effectiveUser() {
        return (int) SystemCall.call(Scratch.of(), Abi.GETEUID);
    }

    @Override
    public <T> T asUser(int user, UserAction<T> action) throws IOException {
        if (Thread.currentThread().isVirtual()) {
            throw new IllegalStateException("a virtual thread has no user of its own");
        }
        Former before = new Former(effectiveUser());
        check(setEffectiveUser(user), "setresuid", "user " + user);
        try (before) {
            SystemCall.call(Scratch.of(), Abi.SETFSUID, before.user());
            return action.run();
        }
    }

    /** Whoever the calling thread was. */
    private record Former(int user) implements AutoCloseable {
        @Override
        public void close() {
            long result = setEffectiveUser(user);
            if (result < 0) {
                // The real user is still the old one: the kernel has no reason to refuse.
                throw new AssertionError("setresuid " + user + ": " + Errno.of((int) -result));
            }
        }
    }

    private static long setEffectiveUser(int user) {
        return SystemCall.call(Scratch.of(), Abi.SETRESUID, -1, user, -1);
    }

    @Override
    public void ignoreQuit() throws KernelException {
        Scratch scratch = Scratch.of();
        int action = scratch.reserve(Abi.SIGNAL_ACTION);
        scratch.putLong(action, SIG_IGN);
        check(
                SystemCall.call(
                        scratch,
                        Abi.RT_SIGACTION,
                        SIGQUIT,
                        scratch.address(action),
                        0,
                        Abi.SIGNAL_SET),
                "rt_sigaction",
                "SIGQUIT");
    }

    @Override
    public void wakePunctually() throws KernelException {
        check(
                SystemCall.call(Scratch.of(), Abi.PRCTL, PR_SET_TIMERSLACK, 1),
                "prctl",
                "PR_SET_TIMERSLACK");
    }

    @Override
    public void setNiceness(int nice) throws KernelException {
        for (int thread : threads(processId())) {
            setNiceness(thread, nice);
        }
        if (SystemCall.call(Scratch.of(), Abi.GETSID, 0) != processId()) {
            return;
        }
        try {
            writeKnob(Path.of("/proc/self/autogroup"), Integer.toString(nice));
        } catch (KernelException e) {
            // A kernel without autogroups has no such file.
            if (!e.errno().equals(Errno.ENOENT)) {
                throw e;
            }
        }
    }

    @Override
    public void holdCompilersBack() throws KernelException {
        for (int thread : threads(processId())) {
            if (compiles(thread)) {
                setNiceness(thread, NOT_FIRST);
            }
        }
    }

    private static void setNiceness(int thread, int nice) throws KernelException {
        long result = SystemCall.call(Scratch.of(), Abi.SETPRIORITY, PRIO_PROCESS, thread, nice);
        // ESRCH: the thread ended since it was listed.
        if (result != -Errno.ESRCH.number()) {
            check(result, "setpriority", "this process");
        }
    }

    /** Whether it is one of the compiling threads of HotSpot, whose names begin with C1 or C2 (compileBroker.cpp). */
    private boolean compiles(int thread) throws KernelException {
        try {
            String name = readKnob(Path.of("/proc/self/task/" + thread + "/comm"));
            return name.startsWith("C1 ") || name.startsWith("C2 ");
        } catch (KernelException e) {
            gone(e);
            return false;
        }
    }

    @Override
    public void lockMemory() throws KernelException {
        check(
                SystemCall.call(Scratch.of(), Abi.MLOCKALL, MCL_CURRENT_FUTURE_ONFAULT),
                "mlockall",
                "this process");
    }

    @Override
    public void forbidCoreDumps() throws KernelException {
        Scratch scratch = Scratch.of();
        int limits = scratch.reserve(16);
        check(
                SystemCall.call(scratch, Abi.PRLIMIT64, 0, RLIMIT_CORE, scratch.address(limits), 0),
                "prlimit",
                "RLIMIT_CORE");
    }

    @Override
    public void declareIoFlusher() throws KernelException {
        check(
                SystemCall.call(Scratch.of(), Abi.PRCTL, PR_SET_IO_FLUSHER, 1),
                "prctl",
                "PR_SET_IO_FLUSHER");
    }

    @Override
    public void changeDirectory(Path directory) throws KernelException {
        byte[] path = PathBytes.encode(directory);
        Scratch scratch = Scratch.of(path.length);
        check(
                SystemCall.call(scratch, Abi.CHDIR, scratch.string(path)),
                "chdir",
                directory.toString());
    }

    @Override
    public int spawn(
            Path program,
            List<String> arguments,
            Map<String, String> environment,
            List<Descriptor> descriptors)
            throws KernelException {
        return Spawn.spawn(program, arguments, environment, descriptors);
    }

    @Override
    public void become(
            Path program, List<String> arguments, Map<String, String> environment, int keep)
            throws KernelException {
        Spawn.become(program, arguments, environment, keep);
    }

    @Override
    public void become(Execution execution) throws KernelException {
        Spawn.become(execution);
    }

    @Override
    public OptionalInt reap(int pid) throws KernelException {
        Scratch scratch = Scratch.of();
        int status = scratch.reserve(4);
        long result =
                SystemCall.call(
                        scratch, Abi.WAIT4, single(pid), scratch.address(status), WNOHANG, 0);
        if (check(result, "wait4", process(pid)) == 0) {
            return OptionalInt.empty();
        }
        return OptionalInt.of(ProcessEnd.ofWaitStatus(scratch.getInt(status)).shellStatus());
    }

    @Override
    public Optional<ProcessEnd> endOf(Descriptor process, int pid) throws KernelException {
        StringBuilder path = new StringBuilder("/proc/").append(single(pid)).append("/stat");
        try {
            OptionalInt zombie = ProcThread.waitStatus(readWhole(ascii(path)));
            if (zombie.isPresent() && isUnreaped(process)) {
                return Optional.of(ProcessEnd.ofWaitStatus(zombie.getAsInt()));
            }
        } catch (KernelException e) {
            gone(e);
        }
        Scratch scratch = Scratch.of(PIDFD_INFO);
        int info = scratch.reserve(PIDFD_INFO);
        scratch.putLong(info, PIDFD_INFO_EXIT);
        long result =
                SystemCall.call(
                        scratch,
                        Abi.IOCTL,
                        process.number(),
                        Ioctl.PIDFD_GET_INFO,
                        scratch.address(info));
        return result == 0 && (scratch.getLong(info) & PIDFD_INFO_EXIT) != 0
                ? Optional.of(ProcessEnd.ofWaitStatus(scratch.getInt(info + PIDFD_INFO_EXIT_CODE)))
                : Optional.empty();
    }

    /** Whether its number is still its own. */
    private static boolean isUnreaped(Descriptor process) {
        return SystemCall.call(Scratch.of(), Abi.PIDFD_SEND_SIGNAL, process.number(), 0, 0, 0) == 0;
    }

    @Override
    public void kill(int pid, int signal) throws KernelException {
        check(SystemCall.call(Scratch.of(), Abi.KILL, single(pid), signal), "kill", process(pid));
    }

    @Override
    public void killGroup(int leader, int signal) throws KernelException {
        if (leader == 1) {
            // kill(2) takes −1 for every process of the machine.
            throw new IllegalArgumentException("not a process group: 1");
        }
        check(
                SystemCall.call(Scratch.of(), Abi.KILL, -(long) single(leader), signal),
                "kill",
                "group of " + process(leader));
    }

    /** Zero and negative numbers mean groups of processes, or all. */
    private static int single(int pid) {
        if (pid <= 0) {
            throw new IllegalArgumentException("not a process: " + pid);
        }
        return pid;
    }

    private static String process(int pid) {
        return "process " + pid;
    }

    @Override
    public Descriptor openProcess(int pid) throws KernelException {
        long number = SystemCall.call(Scratch.of(), Abi.PIDFD_OPEN, single(pid), 0);
        return own(check(number, "pidfd_open", process(pid)), process(pid));
    }

    @Override
    public void signalProcess(Descriptor process, int signal) throws KernelException {
        check(
                SystemCall.call(
                        Scratch.of(), Abi.PIDFD_SEND_SIGNAL, process.number(), signal, 0, 0),
                "pidfd_send_signal",
                process.name());
    }

    @Override
    public Optional<ThreadStatus> thread(int pid, int tid) throws KernelException {
        StringBuilder path = new StringBuilder("/proc/").append(pid).append("/task/").append(tid);
        int length = path.length();
        try {
            byte[] stat = readWhole(ascii(path.append("/stat")));
            path.setLength(length);
            byte[] status = readWhole(ascii(path.append("/status")));
            return Optional.of(ProcThread.parse(stat, status));
        } catch (KernelException e) {
            return gone(e);
        }
    }

    @Override
    public Descriptor openThread(int pid, int tid) throws KernelException {
        return openRead(Path.of("/proc/" + pid + "/task/" + tid + "/status"));
    }

    @Override
    public OptionalLong deepSleep(Descriptor thread) throws KernelException {
        Scratch scratch = Scratch.of(STATUS_BYTES);
        int memory = scratch.reserveAsIs(STATUS_BYTES);
        long result =
                SystemCall.call(
                        scratch,
                        Abi.PREAD64,
                        thread.number(),
                        scratch.address(memory),
                        STATUS_BYTES,
                        0);
        if (result == -Errno.ESRCH.number()) {
            return OptionalLong.empty();
        }
        int length = (int) check(result, "read", thread.name());
        return ProcThread.deepSleep(scratch.bytes(memory, length));
    }

    @Override
    public List<Integer> threads(int pid) throws KernelException {
        String directory = "/proc/" + pid + "/task";
        List<Integer> threads = new ArrayList<>();
        try {
            for (String name : list(directory.getBytes(StandardCharsets.US_ASCII), directory)) {
                threads.add(Integer.valueOf(name));
            }
            return threads;
        } catch (KernelException e) {
            gone(e);
            return List.of();
        }
    }

    /** A process ends between open and read (ESRCH) or before (ENOENT). */
    private static Optional<ThreadStatus> gone(KernelException e) throws KernelException {
        if (e.errno().equals(Errno.ENOENT) || e.errno().equals(Errno.ESRCH)) {
            return Optional.empty();
        }
        throw e;
    }

    @Override
    public void writeKnob(Path file, String text) throws KernelException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        try (Descriptor knob = open(file, Abi.O_WRONLY, 0)) {
            Scratch scratch = Scratch.of(bytes.length);
            long address = scratch.string(bytes);
            check(
                    SystemCall.call(scratch, Abi.WRITE, knob.number(), address, bytes.length),
                    "write",
                    knob.name());
        }
    }

    @Override
    public String readKnob(Path file) throws KernelException {
        return new String(readWhole(PathBytes.encode(file)), StandardCharsets.UTF_8);
    }

    @Override
    public List<String> listKnobs(Path directory) throws KernelException {
        return list(PathBytes.encode(directory), directory.toString());
    }

    private static byte[] readWhole(byte[] path) throws KernelException {
        String name = new String(path, StandardCharsets.UTF_8);
        try (Descriptor file = open(AT_FDCWD, path, Abi.O_RDONLY, 0, name)) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream(1024);
            while (true) {
                Scratch scratch = Scratch.of(8192);
                int memory = scratch.reserveAsIs(8192);
                long result =
                        SystemCall.call(
                                scratch, Abi.READ, file.number(), scratch.address(memory), 8192);
                int got = (int) check(result, "read", name);
                if (got == 0) {
                    return bytes.toByteArray();
                }
                bytes.writeBytes(scratch.bytes(memory, got));
            }
        }
    }

    private static List<String> list(byte[] path, String name) throws KernelException {
        int flags = Abi.O_RDONLY | Abi.O_DIRECTORY;
        try (Descriptor directory = open(AT_FDCWD, path, flags, 0, name)) {
            List<String> names = new ArrayList<>();
            while (true) {
                Scratch scratch = Scratch.of(8192);
                int memory = scratch.reserveAsIs(8192);
                long result =
                        SystemCall.call(
                                scratch,
                                Abi.GETDENTS64,
                                directory.number(),
                                scratch.address(memory),
                                8192);
                int end = memory + (int) check(result, "getdents", name);
                if (end == memory) {
                    return names;
                }
                for (int at = memory; at < end; at += scratch.getShort(at + DIRENT_LENGTH)) {
                    byte[] entry = scratch.stringAt(at + DIRENT_NAME, end - at - DIRENT_NAME);
                    String text = new String(entry, StandardCharsets.UTF_8);
                    if (!text.equals(".") && !text.equals("..")) {
                        names.add(text);
                    }
                }
            }
        }
    }

    private static byte[] ascii(StringBuilder text) {
        return text.toString().getBytes(StandardCharsets.US_ASCII);
    }
}
