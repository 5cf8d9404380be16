package dev.lull.linux;

import java.nio.file.Path;
import java.util.List;

/** The mount table of this process's mount namespace. */
public interface MountCalls {
    /** The calling thread's mount table ({@code /proc/thread-self/mountinfo}), in the kernel's order. */
    List<Mount> mounts() throws KernelException;

    /**
     * The mount table of another process, which may be in another mount namespace. Ids of mounts are of the whole
     * machine.
     *
     * @throws KernelException ENOENT or ESRCH if it is gone, EACCES, EINVAL if it has no mount namespace any more
     */
    List<Mount> mountsOf(int pid) throws KernelException;

    /**
     * mount(2).
     *
     * @param source device or free text
     * @param target an existing directory
     * @param type filesystem type, empty for a bind or propagation change
     * @param flags MS_* bits, see {@link MountFlag}
     * @param data comma separated options of the filesystem, may be empty
     */
    void mount(String source, Path target, String type, long flags, String data)
            throws KernelException;

    /** umount2(2); {@code lazily} is MNT_DETACH. Symbolic links are not followed (UMOUNT_NOFOLLOW). */
    void unmount(Path target, boolean lazily) throws KernelException;
}
