package dev.lull.linux;

import java.util.Optional;

/**
 * An error number of the kernel with its name and text, as errno(3) and strerror(3) have them. Numbers are those of
 * asm-generic/errno.h, which x86-64 and arm64 share.
 */
public record Errno(int number, String name, String text) {
    public static final Errno EPERM = new Errno(1, "EPERM", "operation not permitted");
    public static final Errno ENOENT = new Errno(2, "ENOENT", "no such file or directory");
    public static final Errno ESRCH = new Errno(3, "ESRCH", "no such process");
    public static final Errno EINTR = new Errno(4, "EINTR", "interrupted system call");
    public static final Errno EIO = new Errno(5, "EIO", "input/output error");
    public static final Errno ENXIO = new Errno(6, "ENXIO", "no such device or address");
    public static final Errno E2BIG = new Errno(7, "E2BIG", "argument list too long");
    public static final Errno ENOEXEC = new Errno(8, "ENOEXEC", "exec format error");
    public static final Errno EBADF = new Errno(9, "EBADF", "bad file descriptor");
    public static final Errno ECHILD = new Errno(10, "ECHILD", "no child processes");
    public static final Errno EAGAIN = new Errno(11, "EAGAIN", "resource temporarily unavailable");
    public static final Errno ENOMEM = new Errno(12, "ENOMEM", "cannot allocate memory");
    public static final Errno EACCES = new Errno(13, "EACCES", "permission denied");
    public static final Errno EFAULT = new Errno(14, "EFAULT", "bad address");
    public static final Errno ENOTBLK = new Errno(15, "ENOTBLK", "block device required");
    public static final Errno EBUSY = new Errno(16, "EBUSY", "device or resource busy");
    public static final Errno EEXIST = new Errno(17, "EEXIST", "file exists");
    public static final Errno EXDEV = new Errno(18, "EXDEV", "invalid cross-device link");
    public static final Errno ENODEV = new Errno(19, "ENODEV", "no such device");
    public static final Errno ENOTDIR = new Errno(20, "ENOTDIR", "not a directory");
    public static final Errno EISDIR = new Errno(21, "EISDIR", "is a directory");
    public static final Errno EINVAL = new Errno(22, "EINVAL", "invalid argument");
    public static final Errno ENFILE = new Errno(23, "ENFILE", "too many open files in system");
    public static final Errno EMFILE = new Errno(24, "EMFILE", "too many open files");
    public static final Errno ENOTTY = new Errno(25, "ENOTTY", "inappropriate ioctl for device");
    public static final Errno ETXTBSY = new Errno(26, "ETXTBSY", "text file busy");
    public static final Errno EFBIG = new Errno(27, "EFBIG", "file too large");
    public static final Errno ENOSPC = new Errno(28, "ENOSPC", "no space left on device");
    public static final Errno ESPIPE = new Errno(29, "ESPIPE", "illegal seek");
    public static final Errno EROFS = new Errno(30, "EROFS", "read-only file system");
    public static final Errno EMLINK = new Errno(31, "EMLINK", "too many links");
    public static final Errno EPIPE = new Errno(32, "EPIPE", "broken pipe");
    public static final Errno ERANGE = new Errno(34, "ERANGE", "numerical result out of range");
    public static final Errno EDEADLK = new Errno(35, "EDEADLK", "resource deadlock avoided");
    public static final Errno ENAMETOOLONG = new Errno(36, "ENAMETOOLONG", "file name too long");
    public static final Errno ENOSYS = new Errno(38, "ENOSYS", "function not implemented");
    public static final Errno ENOTEMPTY = new Errno(39, "ENOTEMPTY", "directory not empty");
    public static final Errno ELOOP = new Errno(40, "ELOOP", "too many levels of symbolic links");
    public static final Errno ENODATA = new Errno(61, "ENODATA", "no data available");
    public static final Errno EOVERFLOW =
            new Errno(75, "EOVERFLOW", "value too large for defined data type");
    public static final Errno ENOTSOCK =
            new Errno(88, "ENOTSOCK", "socket operation on non-socket");
    public static final Errno EMSGSIZE = new Errno(90, "EMSGSIZE", "message too long");
    public static final Errno EOPNOTSUPP = new Errno(95, "EOPNOTSUPP", "operation not supported");
    public static final Errno ENOPROTOOPT = new Errno(92, "ENOPROTOOPT", "protocol not available");
    public static final Errno EAFNOSUPPORT =
            new Errno(97, "EAFNOSUPPORT", "address family not supported by protocol");
    public static final Errno EADDRINUSE = new Errno(98, "EADDRINUSE", "address already in use");
    public static final Errno ECONNABORTED =
            new Errno(103, "ECONNABORTED", "software caused connection abort");
    public static final Errno ECONNRESET = new Errno(104, "ECONNRESET", "connection reset by peer");
    public static final Errno ENOBUFS = new Errno(105, "ENOBUFS", "no buffer space available");
    public static final Errno ENOTCONN =
            new Errno(107, "ENOTCONN", "transport endpoint is not connected");
    public static final Errno ETOOMANYREFS =
            new Errno(109, "ETOOMANYREFS", "too many references: cannot splice");
    public static final Errno ETIMEDOUT = new Errno(110, "ETIMEDOUT", "connection timed out");
    public static final Errno ECONNREFUSED = new Errno(111, "ECONNREFUSED", "connection refused");
    public static final Errno ESTALE = new Errno(116, "ESTALE", "stale file handle");
    public static final Errno EUCLEAN = new Errno(117, "EUCLEAN", "structure needs cleaning");
    public static final Errno EREMOTEIO = new Errno(121, "EREMOTEIO", "remote I/O error");
    public static final Errno EDQUOT = new Errno(122, "EDQUOT", "disk quota exceeded");
    public static final Errno ENOMEDIUM = new Errno(123, "ENOMEDIUM", "no medium found");
    public static final Errno EMEDIUMTYPE = new Errno(124, "EMEDIUMTYPE", "wrong medium type");

    private static final Errno[] KNOWN = {
        EPERM,
        ENOENT,
        ESRCH,
        EINTR,
        EIO,
        ENXIO,
        E2BIG,
        ENOEXEC,
        EBADF,
        ECHILD,
        EAGAIN,
        ENOMEM,
        EACCES,
        EFAULT,
        ENOTBLK,
        EBUSY,
        EEXIST,
        EXDEV,
        ENODEV,
        ENOTDIR,
        EISDIR,
        EINVAL,
        ENFILE,
        EMFILE,
        ENOTTY,
        ETXTBSY,
        EFBIG,
        ENOSPC,
        ESPIPE,
        EROFS,
        EMLINK,
        EPIPE,
        ERANGE,
        EDEADLK,
        ENAMETOOLONG,
        ENOSYS,
        ENOTEMPTY,
        ELOOP,
        ENODATA,
        EOVERFLOW,
        ENOTSOCK,
        ENOPROTOOPT,
        EMSGSIZE,
        EOPNOTSUPP,
        EAFNOSUPPORT,
        EADDRINUSE,
        ECONNABORTED,
        ECONNRESET,
        ENOBUFS,
        ENOTCONN,
        ETOOMANYREFS,
        ETIMEDOUT,
        ECONNREFUSED,
        ESTALE,
        EUCLEAN,
        EREMOTEIO,
        EDQUOT,
        ENOMEDIUM,
        EMEDIUMTYPE
    };

    /** The errno of that number; one without a name of its own here is called {@code E<number>}. */
    public static Errno of(int number) {
        for (Errno errno : KNOWN) {
            if (errno.number == number) {
                return errno;
            }
        }
        return new Errno(number, "E" + number, "error " + number);
    }

    /** The errno of that name, where it has one here. */
    public static Optional<Errno> named(String name) {
        for (Errno errno : KNOWN) {
            if (errno.name.equals(name)) {
                return Optional.of(errno);
            }
        }
        return Optional.empty();
    }

    @Override
    public String toString() {
        return name + " (" + text + ")";
    }
}
