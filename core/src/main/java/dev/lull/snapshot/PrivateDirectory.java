package dev.lull.snapshot;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/**
 * A directory in which root keeps what it will act on later: nobody else may be able to put anything there. What is
 * written in it is durable on return.
 *
 * <p>Safe for use by several threads and processes, as long as each file is one's own.
 */
public final class PrivateDirectory {
    private static final Set<PosixFilePermission> OWNER_ONLY =
            PosixFilePermissions.fromString("rwx------");

    private static final Path SELF = Path.of("/proc/self");

    private final Path path;

    /** @param path made, with mode 0700, by the first {@link #make} or {@link #replace} */
    public PrivateDirectory(Path path) {
        this.path = path;
    }

    /** Where it is. */
    public Path path() {
        return path;
    }

    /**
     * Whether it is there.
     *
     * @throws SnapshotException if what has its name is no directory, or others can write to it
     */
    public boolean exists() throws SnapshotException {
        PosixFileAttributes attributes;
        try {
            attributes =
                    Files.readAttributes(
                            path, PosixFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
        } catch (NoSuchFileException _) {
            return false;
        } catch (IOException e) {
            throw new SnapshotException("open", path.toString(), e);
        }
        if (!attributes.isDirectory()) {
            throw new SnapshotException("open", path.toString(), "not a directory");
        }
        if (attributes.permissions().contains(PosixFilePermission.OTHERS_WRITE)
                || attributes.permissions().contains(PosixFilePermission.GROUP_WRITE)
                || !isOwn(path)) {
            throw new SnapshotException(
                    "open",
                    path.toString(),
                    "others may write to it",
                    "check what is in it, then: chmod 700 " + path);
        }
        return true;
    }

    /** Root's, or this user's, as whom tests may run. */
    private static boolean isOwn(Path path) throws SnapshotException {
        try {
            Object owner = Files.getAttribute(path, "unix:uid", LinkOption.NOFOLLOW_LINKS);
            return owner.equals(0) || owner.equals(Files.getAttribute(SELF, "unix:uid"));
        } catch (IOException e) {
            throw new SnapshotException("open", path.toString(), e);
        }
    }

    /**
     * Makes it unless it is there.
     *
     * @throws SnapshotException as {@link #exists} does, or if it cannot be made
     */
    public void make() throws SnapshotException {
        if (exists()) {
            return;
        }
        try {
            Path parent = path.getParent();
            if (parent != null) {
                Files.createDirectories(
                        parent,
                        PosixFilePermissions.asFileAttribute(
                                PosixFilePermissions.fromString("rwxr-xr-x")));
            }
            Files.createDirectory(path, PosixFilePermissions.asFileAttribute(OWNER_ONLY));
        } catch (FileAlreadyExistsException _) {
            exists();
        } catch (IOException e) {
            throw new SnapshotException("make", path.toString(), e);
        }
    }

    /**
     * Writes a file under a temporary name, and renames it over one that may be there: a reader sees it whole or not at
     * all.
     *
     * @param name of the file
     * @param temporary another name in the directory; what has it is deleted
     * @throws SnapshotException if it could not be written; an earlier one is then still there
     */
    public void replace(String name, String temporary, byte[] content) throws SnapshotException {
        make();
        Path file = path.resolve(name);
        Path fresh = path.resolve(temporary);
        try {
            Files.deleteIfExists(fresh);
            try (FileChannel channel =
                    FileChannel.open(
                            fresh,
                            Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                            PosixFilePermissions.asFileAttribute(
                                    PosixFilePermissions.fromString("rw-------")))) {
                ByteBuffer bytes = ByteBuffer.wrap(content);
                while (bytes.hasRemaining()) {
                    channel.write(bytes);
                }
                channel.force(true);
            }
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE);
            sync();
        } catch (IOException e) {
            try {
                Files.deleteIfExists(fresh);
            } catch (IOException leftover) {
                e.addSuppressed(leftover);
            }
            throw new SnapshotException("write", file.toString(), e);
        }
    }

    /**
     * Deletes a file. Deleting one that is not there is no failure.
     *
     * @throws SnapshotException if it is still there
     */
    public void delete(String name) throws SnapshotException {
        try {
            if (Files.deleteIfExists(path.resolve(name))) {
                sync();
            }
        } catch (IOException e) {
            throw new SnapshotException("delete", path.resolve(name).toString(), e);
        }
    }

    /** A name is durable only when the directory is (fsync(2)). */
    private void sync() throws IOException {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }
}
