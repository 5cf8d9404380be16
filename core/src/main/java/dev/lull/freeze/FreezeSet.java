package dev.lull.freeze;

import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Errno;
import dev.lull.linux.FileStatus;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.LinuxKernel;
import dev.lull.linux.Mount;
import dev.lull.linux.MountNamespace;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Filesystems to be frozen together, all or none. Each is named by a directory, which is opened here and stays open: what
 * is frozen later is what was opened now, whatever is mounted or unmounted meanwhile. Two names of one filesystem are one
 * member. Must be closed; that ends no lease. Immutable, for any thread.
 */
public final class FreezeSet implements AutoCloseable {
    /**
     * One filesystem.
     *
     * @param path as it was named first; as {@link MountNamespace#shown} calls it where it is another process's
     * @param directory open on {@code path}; the set's, which closes it
     * @param mount the mount that it was opened through
     */
    public record Member(Path path, Descriptor directory, Mount mount) {
        /** The superblock's identity. */
        public DeviceNumber device() {
            return mount.device();
        }
    }

    private static final String OPERATION = "open";

    private final List<Member> members;

    private FreezeSet(List<Member> members) {
        this.members = List.copyOf(members);
    }

    /**
     * Opens mount points.
     *
     * @throws InvalidRequestException if there is no path, one does not exist, is not a directory, or is not a mount point
     * @throws NotPermittedException if one may not be opened
     */
    public static FreezeSet of(Path... paths) throws FreezeException {
        return open(new LinuxKernel(), List.of(paths), false);
    }

    /**
     * Opens directories.
     *
     * @param anyPath whether a directory that is not a mount point stands for the filesystem that it lies on
     * @throws InvalidRequestException if there is no path, one does not exist, is not a directory, or is not a mount point
     *     and {@code anyPath} is false
     * @throws NotPermittedException if one may not be opened
     */
    public static FreezeSet open(Kernel kernel, List<Path> paths, boolean anyPath)
            throws FreezeException {
        return open(kernel, MountNamespace.own(kernel), paths, anyPath);
    }

    /**
     * Opens directories of another mount namespace.
     *
     * @param namespace where the paths mean what they mean; absolute ones only if it is another process's. Must stay open
     *     until this returns
     * @throws FreezeException as {@link #open(Kernel, List, boolean)} does
     */
    public static FreezeSet open(
            Kernel kernel, MountNamespace namespace, List<Path> paths, boolean anyPath)
            throws FreezeException {
        if (paths.isEmpty()) {
            throw new InvalidRequestException(
                    Trouble.of(OPERATION, "no path to freeze")
                            .hint("name at least one mount point"));
        }
        Map<DeviceNumber, Member> members = new LinkedHashMap<>();
        try {
            for (Path path : paths) {
                Member member = open(kernel, namespace, path, anyPath);
                Member known = members.putIfAbsent(member.device(), member);
                if (known != null) {
                    member.directory().close();
                }
            }
            return new FreezeSet(List.copyOf(members.values()));
        } catch (KernelException e) {
            throw closing(members, new FreezeException(Trouble.of("close", e)));
        } catch (FreezeException e) {
            throw closing(members, e);
        }
    }

    private static FreezeException closing(Map<DeviceNumber, Member> members, FreezeException e) {
        for (Member member : members.values()) {
            try {
                member.directory().close();
            } catch (KernelException suppressed) {
                e.addSuppressed(suppressed);
            }
        }
        return e;
    }

    private static Member open(Kernel kernel, MountNamespace namespace, Path path, boolean anyPath)
            throws FreezeException {
        Path shown = namespace.shown(path);
        if (namespace.process().isPresent() && !path.isAbsolute()) {
            throw new InvalidRequestException(
                    Trouble.of(OPERATION, path + " is relative, to nothing that is known there")
                            .at(path.toString())
                            .hint("a path of another process begins with a slash"));
        }
        Descriptor directory;
        try {
            directory = namespace.openDirectory(path);
        } catch (KernelException e) {
            throw cannotOpen(namespace, path, e);
        }
        try {
            return new Member(
                    shown, directory, mountOf(kernel, namespace, shown, directory, anyPath));
        } catch (KernelException e) {
            throw closing(directory, new FreezeException(Trouble.of("look at", e)));
        } catch (FreezeException e) {
            throw closing(directory, e);
        }
    }

    private static FreezeException closing(Descriptor directory, FreezeException e) {
        try {
            directory.close();
        } catch (KernelException suppressed) {
            e.addSuppressed(suppressed);
        }
        return e;
    }

    /** The mount is found through the descriptor: by now the path can mean something else. */
    private static Mount mountOf(
            Kernel kernel,
            MountNamespace namespace,
            Path path,
            Descriptor directory,
            boolean anyPath)
            throws KernelException, InvalidRequestException {
        FileStatus status = kernel.status(directory);
        Mount mount =
                namespace
                        .mounts()
                        .mount(status.mountId())
                        .orElseThrow(() -> mountedElsewhere(namespace, path));
        if (!status.mountRoot() && !anyPath) {
            throw new InvalidRequestException(
                    Trouble.of(
                                    OPERATION,
                                    path
                                            + " is not a mount point; it is on the filesystem mounted at "
                                            + namespace.shown(mount.mountPoint()))
                            .at(path.toString())
                            .hint(
                                    "name "
                                            + mount.mountPoint()
                                            + "; freeze, thaw, extend, hold and fsfreeze take any path of it with --any-path"));
        }
        return mount;
    }

    private static InvalidRequestException mountedElsewhere(MountNamespace namespace, Path path) {
        String whose =
                namespace
                        .process()
                        .map(pid -> "the mount namespace of process " + pid)
                        .orElse("this mount namespace");
        return new InvalidRequestException(
                Trouble.of(OPERATION, path + " is on a mount that is not in " + whose)
                        .at(path.toString())
                        .hint(
                                "run lull where the filesystem is mounted, or name a process there:"
                                        + " --namespace-of PID"));
    }

    private static FreezeException cannotOpen(
            MountNamespace namespace, Path path, KernelException e) {
        Trouble trouble = Trouble.of(OPERATION, e).at(namespace.shown(path).toString());
        Errno errno = e.errno();
        if (errno.equals(Errno.ENOENT)) {
            return new InvalidRequestException(trouble.hint("is it mounted? see findmnt(8)"));
        }
        if (errno.equals(Errno.ENOTDIR)) {
            Optional<Mount> bound = mountedAt(namespace, path, e);
            if (bound.isPresent()) {
                return new InvalidRequestException(
                        Trouble.of(
                                        OPERATION,
                                        namespace.shown(path)
                                                + " is a file that is bind-mounted, not a directory")
                                .at(namespace.shown(path).toString())
                                .errno(errno.name())
                                .because(e)
                                .hint(
                                        "name a directory of its filesystem, which is "
                                                + bound.get().type()
                                                + " on "
                                                + bound.get().source()));
            }
            return new InvalidRequestException(trouble.hint("name the filesystem's mount point"));
        }
        if (errno.equals(Errno.EACCES) || errno.equals(Errno.EPERM)) {
            return new NotPermittedException(trouble.hint("lull needs root"));
        }
        if (errno.equals(Errno.ELOOP) || errno.equals(Errno.ENAMETOOLONG)) {
            return new InvalidRequestException(trouble);
        }
        if (errno.equals(Errno.ENOSYS)) {
            return new FreezeException(trouble.hint("openat2(2) needs Linux 5.6"));
        }
        return new FreezeException(trouble);
    }

    private static Optional<Mount> mountedAt(
            MountNamespace namespace, Path path, KernelException e) {
        try {
            Path real = namespace.process().isEmpty() ? path.toRealPath() : path.normalize();
            return namespace.mounts().mounts().stream()
                    .filter(mount -> mount.mountPoint().equals(real))
                    .reduce((_, last) -> last);
        } catch (IOException notThere) {
            e.addSuppressed(notThere);
            return Optional.empty();
        }
    }

    /** The filesystems, in the order in which they were named first. */
    public List<Member> members() {
        return members;
    }

    /** Whether the filesystem is a member. */
    public boolean contains(DeviceNumber device) {
        return members.stream().anyMatch(member -> member.device().equals(device));
    }

    /** Closes the directories. */
    @Override
    public void close() throws FreezeException {
        FreezeException failure = null;
        for (Member member : members) {
            try {
                member.directory().close();
            } catch (KernelException e) {
                FreezeException next = new FreezeException(Trouble.of("close", e));
                if (failure == null) {
                    failure = next;
                } else {
                    failure.addSuppressed(next);
                }
            }
        }
        if (failure != null) {
            throw failure;
        }
    }

    @Override
    public String toString() {
        List<String> names = new ArrayList<>();
        members.forEach(member -> names.add(member.path().toString()));
        return String.join(" ", names);
    }
}
