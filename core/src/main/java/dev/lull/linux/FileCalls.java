package dev.lull.linux;

import java.nio.file.Path;

/** Opening, asking and locking files. Every descriptor is opened O_CLOEXEC. */
public interface FileCalls {
    /** Opens a directory for reading (O_RDONLY|O_DIRECTORY). @throws KernelException ENOENT, ENOTDIR, EACCES, … */
    Descriptor openDirectory(Path path) throws KernelException;

    /**
     * Opens a directory for reading as a process whose root directory is {@code root} would: absolute and symbolic links
     * and {@code ..} stay below it. Links of /proc that lead elsewhere are not followed (openat2(2) with RESOLVE_IN_ROOT
     * and RESOLVE_NO_MAGICLINKS, Linux 5.6).
     *
     * @throws KernelException ENOENT, ENOTDIR, EACCES, …; ELOOP at a link of /proc; EAGAIN if directories are moved about
     *     all the time; ENOSYS on an older kernel
     */
    Descriptor openDirectoryBelow(Descriptor root, Path path) throws KernelException;

    /** Opens an existing file for reading, following links (O_RDONLY|O_NONBLOCK|O_NOCTTY). */
    Descriptor openRead(Path path) throws KernelException;

    /** Opens a file or device for reading and writing (O_RDWR). */
    Descriptor openReadWrite(Path path) throws KernelException;

    /** Creates a file that must not exist (O_RDWR|O_CREAT|O_EXCL|O_NOFOLLOW) with {@code mode}. */
    Descriptor createNew(Path path, int mode) throws KernelException;

    /**
     * Opens another descriptor of the same open file or directory, in this process, through {@code /proc/self/fd}: the
     * new one has its own open file description.
     */
    Descriptor reopen(Descriptor file) throws KernelException;

    /** A second number for the same open file description (F_DUPFD_CLOEXEC). */
    Descriptor duplicate(Descriptor file) throws KernelException;

    /** statx(2) with AT_EMPTY_PATH. */
    FileStatus status(Descriptor file) throws KernelException;

    /** fstatfs(2). */
    FilesystemSpace space(Descriptor file) throws KernelException;

    /** fsync(2). */
    void sync(Descriptor file) throws KernelException;

    /** Sets the modification time to now, as a write does: futimens(3). A descriptor that is open for reading will do. */
    void touch(Descriptor file) throws KernelException;

    /**
     * flock(2) LOCK_EX, without waiting.
     *
     * @return false if another process holds it
     */
    boolean tryLock(Descriptor file) throws KernelException;

    /** flock(2) LOCK_UN. */
    void unlock(Descriptor file) throws KernelException;

    /** pread(2) of up to {@code length} bytes; shorter at the end of the file. */
    byte[] read(Descriptor file, long offset, int length) throws KernelException;

    /** Writes all of {@code bytes} at {@code offset}, pwrite(2). */
    void write(Descriptor file, long offset, byte[] bytes) throws KernelException;
}
