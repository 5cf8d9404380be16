package dev.lull.linux;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What paths mean: to this process, or to another one, which can have another root directory and mount namespace, as those
 * of containers have. Whatever lies below that root, symbolic links in it included, no path leads out of it. For any
 * thread.
 */
public final class MountNamespace implements AutoCloseable {
    private static final Path SLASH = Path.of("/");

    private final Kernel kernel;
    private final @Nullable Other other;

    private record Other(int pid, Descriptor process, Descriptor root) {}

    private MountNamespace(Kernel kernel, @Nullable Other other) {
        this.kernel = kernel;
        this.other = other;
    }

    /** This process's own. */
    public static MountNamespace own(Kernel kernel) {
        return new MountNamespace(kernel, null);
    }

    /**
     * That of another process.
     *
     * @param pid as this process's /proc numbers it
     * @throws KernelException ESRCH or ENOENT if there is none, EINVAL if it is a thread, EACCES or EPERM if this process
     *     may not look at it
     */
    public static MountNamespace of(Kernel kernel, int pid) throws KernelException {
        // The process first: its number can be another one's by the time of the second call.
        Descriptor process = kernel.openProcess(pid);
        try {
            Descriptor root = kernel.openDirectory(Path.of("/proc/" + pid + "/root"));
            MountNamespace namespace = new MountNamespace(kernel, new Other(pid, process, root));
            try {
                namespace.requireAlive(pid, process);
                return namespace;
            } catch (KernelException e) {
                root.close();
                throw e;
            }
        } catch (KernelException e) {
            process.close();
            throw e;
        }
    }

    private void requireAlive(int pid, Descriptor process) throws KernelException {
        if (kernel.poll(List.of(PollInterest.readable(process)), Duration.ZERO)[0] != 0) {
            throw new KernelException("look at", "process " + pid, Errno.ESRCH);
        }
    }

    /** The process whose it is; empty if this one's. */
    public Optional<Integer> process() {
        return Optional.ofNullable(other).map(Other::pid);
    }

    /** Opens a directory for reading. @throws KernelException ENOENT, ENOTDIR, EACCES, … */
    public Descriptor openDirectory(Path path) throws KernelException {
        Other there = other;
        return there == null
                ? kernel.openDirectory(path)
                : kernel.openDirectoryBelow(there.root(), path);
    }

    /** Its mounts now. @throws KernelException ESRCH if it is another process's, and that is gone */
    public MountTable mounts() throws KernelException {
        Other there = other;
        if (there == null) {
            return new MountTable(kernel.processId(), SLASH, kernel.mounts());
        }
        MountTable table = MountTable.of(kernel, there.pid());
        requireAlive(there.pid(), there.process());
        return table;
    }

    /** What a path is called from here, in messages: a path of another process begins with {@code /proc/PID/root}. */
    public Path shown(Path path) {
        Other there = other;
        return there == null
                ? path
                : Path.of("/proc/" + there.pid() + "/root")
                        .resolve(SLASH.relativize(SLASH.resolve(path).normalize()));
    }

    @Override
    public void close() throws KernelException {
        Other there = other;
        if (there != null) {
            there.root().close();
            there.process().close();
        }
    }
}
