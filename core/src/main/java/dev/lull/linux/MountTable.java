package dev.lull.linux;

import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The mounts that one process sees.
 *
 * @param process its pid; the own one for this process
 * @param root where its root directory is seen from here
 * @param mounts in the kernel's order
 */
public record MountTable(int process, Path root, List<Mount> mounts) {
    private static final Path SLASH = Path.of("/");
    private static final Path PROC = Path.of("/proc");

    public MountTable {
        mounts = List.copyOf(mounts);
    }

    /** What to look for in a table. */
    @FunctionalInterface
    public interface Search<T> {
        Optional<T> in(MountTable table) throws KernelException;
    }

    /** Looks in this process's table first, then in each different one that any other process has. */
    public static <T> Optional<T> search(Kernel kernel, Search<T> search) throws KernelException {
        MountTable own = new MountTable(kernel.processId(), SLASH, kernel.mounts());
        Optional<T> here = search.in(own);
        if (here.isPresent()) {
            return here;
        }
        Set<List<Mount>> seen = new HashSet<>(Set.of(own.mounts()));
        for (String name : kernel.listKnobs(PROC)) {
            if (!name.matches("[1-9][0-9]{0,9}")) {
                continue;
            }
            try {
                MountTable table = of(kernel, Integer.parseInt(name));
                if (seen.add(table.mounts())) {
                    Optional<T> there = search.in(table);
                    if (there.isPresent()) {
                        return there;
                    }
                }
            } catch (KernelException e) {
                // Processes come and go.
                continue;
            }
        }
        return Optional.empty();
    }

    /**
     * The table of a process.
     *
     * @throws KernelException as {@link MountCalls#mountsOf} does
     */
    public static MountTable of(Kernel kernel, int process) throws KernelException {
        Path root = PROC.resolve(Integer.toString(process)).resolve("root");
        return new MountTable(process, root, kernel.mountsOf(process));
    }

    /** The mount of that id, which is one of the whole machine; empty if this process does not see it. */
    public Optional<Mount> mount(long id) {
        return mounts.stream().filter(mount -> mount.id() == id).findFirst();
    }
}
