package dev.lull.linux;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/** Processes, memory and time. */
public interface ProcessCalls {
    /** CLOCK_BOOTTIME in nanoseconds: the clock of every deadline. It counts suspended time and is never set. */
    long bootNanos();

    /** CLOCK_BOOTTIME's machine: {@code /proc/sys/kernel/random/boot_id}. */
    String bootId() throws KernelException;

    int processId();

    /** The calling thread's kernel id, as in {@code /proc/PID/task}. */
    int threadId();

    /** Effective user id. */
    int effectiveUser();

    /**
     * Does something with another effective user, of the calling thread alone; for the rest of the process nothing changes,
     * and files are still opened with our own rights. What connects to a Unix socket meanwhile is that user for its peer: SO_PEERCRED is taken from the credentials of
     * whoever calls connect(2), as of then (unix(7); net/unix/af_unix.c, unix_stream_connect).
     *
     * <p>setresuid(2) as the system call, which is about one thread: libc's function of that name changes them all
     * (nptl(7)). The real and the saved user stay, so that the way back is always open. setfsuid(2) gives the rights to
     * files back: that user, but in our groups, may be refused what both he and we are allowed. The process is no longer dumpable
     * afterwards (PR_GET_DUMPABLE of prctl(2)).
     *
     * @param user the user's id
     * @param action done on the calling thread, which must not be a virtual one
     * @return what {@code action} did
     * @throws KernelException EPERM if we are neither root nor that user; {@code action} was not done
     * @throws IOException what {@code action} threw
     */
    <T> T asUser(int user, UserAction<T> action) throws IOException;

    /**
     * Something done as another user.
     *
     * @param <T> what comes of it
     */
    @FunctionalInterface
    interface UserAction<T> {
        T run() throws IOException;
    }

    /** mlockall(2) MCL_CURRENT|MCL_FUTURE|MCL_ONFAULT. */
    void lockMemory() throws KernelException;

    /** setrlimit RLIMIT_CORE to 0. */
    void forbidCoreDumps() throws KernelException;

    /** prctl PR_SET_IO_FLUSHER (Linux 5.6): memory reclaim on behalf of this process does not wait for filesystems. */
    void declareIoFlusher() throws KernelException;

    /**
     * sigaction(2) SIG_IGN of SIGQUIT, for the whole process. Where a JVM has no handler of its own for it
     * ({@code -XX:+ReduceSignalUsage}), whoever asks for a thread dump with {@code kill -3} would end it.
     */
    void ignoreQuit() throws KernelException;

    /**
     * prctl PR_SET_TIMERSLACK of the calling thread and those that it starts: timers of theirs go off when they are due,
     * and not with others up to 50 µs later.
     */
    void wakePunctually() throws KernelException;

    /**
     * setpriority(2) of every thread of this process: threads started later inherit it from the one that starts them. Where
     * the kernel has autogroups (sched(7)), that counts among the processes of one session only, so a leader of a session
     * gives its session the same; a process in somebody else's leaves that alone, or it would be his shell's place too.
     *
     * @param nice −20, first, to 19, last
     */
    void setNiceness(int nice) throws KernelException;

    /**
     * setpriority(2), to 5, of this JVM's compiling threads, and so of those that they start: a writer that has just been
     * thawed goes before them. To be called after {@link #setNiceness}, which has given them the place of all.
     */
    void holdCompilersBack() throws KernelException;

    /** chdir(2) of the whole process. */
    void changeDirectory(Path directory) throws KernelException;

    /**
     * posix_spawn(3) in a new session, with exactly {@code environment}.
     *
     * @param program absolute path
     * @param arguments argv, with the name first
     * @param descriptors what the child has as 0, 1, 2, …, in order; it has no others
     * @return the child's pid; it must be reaped with {@link #reap}
     */
    int spawn(
            Path program,
            List<String> arguments,
            Map<String, String> environment,
            List<Descriptor> descriptors)
            throws KernelException;

    /**
     * execve(2): this process becomes another program, with no signal blocked, and keeps its pid. Returns only by failing;
     * the process then goes on, but its descriptors from {@code keep} up are close-on-exec.
     *
     * @param program absolute path
     * @param arguments argv, with the name first
     * @param keep how many descriptors, from 0 up, the program gets as they are
     * @throws KernelException ENOENT, EACCES, ENOEXEC, … if it cannot be executed
     */
    void become(Path program, List<String> arguments, Map<String, String> environment, int keep)
            throws KernelException;

    /**
     * execve(2), with everything but the memory of this process as the execution says. Returns only by failing; the
     * process then goes on, with the execution's ignored signals, and with its other descriptors close-on-exec.
     *
     * @throws KernelException ENOENT, EACCES, ENOEXEC, … if it cannot be executed
     */
    void become(Execution execution) throws KernelException;

    /**
     * wait4(2) WNOHANG of one child.
     *
     * @return its exit status as a shell would say it (128 + signal if killed), or empty if it still runs
     */
    OptionalInt reap(int pid) throws KernelException;

    /** kill(2). @throws KernelException ESRCH if there is none */
    void kill(int pid, int signal) throws KernelException;

    /**
     * kill(2) of a whole process group.
     *
     * @param leader pid of the process that leads it, or led it
     * @throws KernelException ESRCH if nobody is in it
     */
    void killGroup(int leader, int signal) throws KernelException;

    /** pidfd_open(2): readable when the process has wholly ended. */
    Descriptor openProcess(int pid) throws KernelException;

    /**
     * How a process ended that is no child of this one: exit_code of {@code /proc/PID/stat} while nobody has waited for
     * it, afterwards PIDFD_GET_INFO (Linux 6.15).
     *
     * @param process from {@link #openProcess} while it lived
     * @return empty if it has not ended, or nobody can tell any more
     */
    Optional<ProcessEnd> endOf(Descriptor process, int pid) throws KernelException;

    /** pidfd_send_signal(2). */
    void signalProcess(Descriptor process, int signal) throws KernelException;

    /**
     * {@code /proc/PID/task/TID/stat} and {@code status}: safe even while the process hangs on a frozen filesystem.
     *
     * @return empty if the thread is gone
     */
    Optional<ThreadStatus> thread(int pid, int tid) throws KernelException;

    /**
     * Which of its sleeps a thread is in, if it is in an uninterruptible one (state D): how often it has given its
     * processor up (voluntary_ctxt_switches of proc_pid_status(5)). As long as that is the same, it has not woken in
     * between.
     *
     * <p>The state is set a moment before the number is counted on (kernel/sched/core.c, __schedule): a number counts
     * when it was seen twice.
     *
     * @param thread from {@link #openThread}
     * @return empty if it is awake, in another sleep, or gone
     */
    OptionalLong deepSleep(Descriptor thread) throws KernelException;

    /**
     * A thread to be watched by {@link #deepSleep}: this very one, whoever gets its number afterwards.
     *
     * @throws KernelException ENOENT if it is not there
     */
    Descriptor openThread(int pid, int tid) throws KernelException;

    /** Thread ids of a process, empty if it is gone. */
    List<Integer> threads(int pid) throws KernelException;

    /** Writes a small text to a file of /proc or /sys in one write(2), for example {@code /sys/kernel/rcu_expedited}. */
    void writeKnob(Path file, String text) throws KernelException;

    /** Reads a small file of /proc or /sys whole, as it stands, with the newline at its end. */
    String readKnob(Path file) throws KernelException;

    /** Names in a directory of /proc or /sys, without {@code .} and {@code ..}, in the kernel's order. */
    List<String> listKnobs(Path directory) throws KernelException;
}
