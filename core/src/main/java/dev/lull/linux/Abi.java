package dev.lull.linux;

/**
 * The numbers of Linux's binary interface that differ between architectures: system calls and open
 * flags. x86-64 has its own table (arch/x86/entry/syscalls/syscall_64.tbl); arm64 and riscv64 share
 * include/uapi/asm-generic/unistd.h.
 */
final class Abi {
    private static final String ARCHITECTURE = System.getProperty("os.arch", "");
    static final boolean X86_64 = ARCHITECTURE.equals("amd64");
    static final boolean ARM64 = ARCHITECTURE.equals("aarch64");

    static final long READ = number(0, 63);
    static final long WRITE = number(1, 64);
    static final long CLOSE = number(3, 57);
    static final long RT_SIGPROCMASK = number(14, 135);
    static final long IOCTL = number(16, 29);
    static final long PREAD64 = number(17, 67);
    static final long PWRITE64 = number(18, 68);
    static final long GETPID = number(39, 172);
    static final long SOCKET = number(41, 198);
    static final long CONNECT = number(42, 203);
    static final long SENDTO = number(44, 206);
    static final long SENDMSG = number(46, 211);
    static final long RECVMSG = number(47, 212);
    static final long BIND = number(49, 200);
    static final long LISTEN = number(50, 201);
    static final long SOCKETPAIR = number(53, 199);
    static final long GETSOCKOPT = number(55, 209);
    static final long EXECVE = number(59, 221);
    static final long WAIT4 = number(61, 260);
    static final long KILL = number(62, 129);
    static final long FCNTL = number(72, 25);
    static final long FLOCK = number(73, 32);
    static final long FSYNC = number(74, 82);
    static final long RT_SIGACTION = number(13, 134);
    static final long UTIMENSAT = number(280, 88);
    static final long CHDIR = number(80, 49);
    static final long FCHMOD = number(91, 52);
    static final long GETEUID = number(107, 175);
    static final long SETRESUID = number(117, 147);
    static final long SETFSUID = number(122, 151);
    static final long GETSID = number(124, 156);
    static final long SETPRIORITY = number(141, 140);
    static final long FSTATFS = number(138, 44);
    static final long MLOCKALL = number(151, 230);
    static final long PRCTL = number(157, 167);
    static final long MOUNT = number(165, 40);
    static final long UMOUNT2 = number(166, 39);
    static final long GETTID = number(186, 178);
    static final long FREMOVEXATTR = number(199, 16);
    static final long GETDENTS64 = number(217, 61);
    static final long CLOCK_GETTIME = number(228, 113);
    static final long OPENAT = number(257, 56);
    static final long FCHMODAT = number(268, 53);
    static final long PPOLL = number(271, 73);
    static final long ACCEPT4 = number(288, 242);
    static final long EVENTFD2 = number(290, 19);
    static final long PRLIMIT64 = number(302, 261);
    static final long PROCESS_VM_READV = number(310, 270);
    static final long SECCOMP = number(317, 277);
    static final long SYNCFS = number(306, 267);
    static final long STATX = number(332, 291);
    // One number everywhere since Linux 5.1.
    static final long PIDFD_SEND_SIGNAL = 424;
    static final long PIDFD_OPEN = 434;
    static final long CLOSE_RANGE = 436;
    static final long OPENAT2 = 437;
    static final long PIDFD_GETFD = 438;

    static final int O_RDONLY = 0;
    static final int O_WRONLY = 1;
    static final int O_RDWR = 2;
    static final int O_ACCMODE = 3;
    static final int O_CREAT = 0100;
    static final int O_EXCL = 0200;
    static final int O_NOCTTY = 0400;
    static final int O_NONBLOCK = 04000;
    static final int O_PATH = 010000000;

    /** Bytes of the kernel's own sigset_t, which is smaller than libc's. */
    static final int SIGNAL_SET = 8;

    /** Bytes of the kernel's own struct sigaction: the handler first, and nothing else that counts. */
    static final int SIGNAL_ACTION = 32;

    static final int O_CLOEXEC = 02000000;
    // arch/arm64/include/uapi/asm/fcntl.h against asm-generic/fcntl.h
    static final int O_DIRECTORY = ARM64 ? 040000 : 0200000;
    static final int O_NOFOLLOW = ARM64 ? 0100000 : 0400000;

    private Abi() {}

    private static long number(int x86, int generic) {
        if (X86_64) {
            return x86;
        }
        if (ARM64 || ARCHITECTURE.equals("riscv64")) {
            return generic;
        }
        throw new UnsupportedOperationException(
                "lull knows the system calls of x86-64, arm64 and riscv64, not of " + ARCHITECTURE);
    }
}
