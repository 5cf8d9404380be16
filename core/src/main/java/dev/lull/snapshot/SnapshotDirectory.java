package dev.lull.snapshot;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import java.io.IOException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The directory {@code .lull}, open. It may lie in a directory that belongs to somebody else, a database for example:
 * so it must be root's own with mode 0700, and everything in it is reached through the descriptor, where no link that is
 * put in the way can lead elsewhere.
 *
 * @param path where it is, for messages and records
 * @param descriptor open on it
 */
public record SnapshotDirectory(Path path, Descriptor descriptor) implements AutoCloseable {
    private static final int NOT_OWNER = 0077;

    /**
     * Opens the directory, and makes it if it is not there.
     *
     * @param parent absolute path of the directory that it is in
     * @throws SnapshotException if it cannot be made, or what has its name is not ours
     */
    public static SnapshotDirectory make(Kernel kernel, Path parent) throws SnapshotException {
        Path path = parent.resolve(SnapshotProvider.DIRECTORY);
        Undo undo = new Undo();
        try {
            Files.createDirectory(
                    path,
                    PosixFilePermissions.asFileAttribute(
                            PosixFilePermissions.fromString("rwx------")));
            undo.add(() -> Files.deleteIfExists(path));
        } catch (FileAlreadyExistsException _) {
            // Looked at below.
        } catch (IOException e) {
            throw new SnapshotException("make", path.toString(), e);
        }
        try {
            return open(kernel, parent)
                    .orElseThrow(() ->
                            new SnapshotException(
                                    "open", path.toString(), "it was removed at once"));
        } catch (SnapshotException e) {
            undo.runAfter(e);
            throw e;
        }
    }

    /**
     * Opens the directory.
     *
     * @return empty if it is not there
     * @throws SnapshotException if what has its name is not ours
     */
    public static Optional<SnapshotDirectory> open(Kernel kernel, Path parent)
            throws SnapshotException {
        Path path = parent.resolve(SnapshotProvider.DIRECTORY);
        try {
            Map<String, Object> named =
                    Files.readAttributes(
                            path, "unix:uid,mode,ino,isDirectory", LinkOption.NOFOLLOW_LINKS);
            if (!Boolean.TRUE.equals(named.get("isDirectory"))
                    || !isOurs(kernel, number(named, "uid"))
                    || (number(named, "mode") & NOT_OWNER) != 0) {
                throw new SnapshotException(
                        "open",
                        path.toString(),
                        "it is not a directory of root's own with mode 0700",
                        "see what it is, and move it away");
            }
            Descriptor descriptor = kernel.openDirectory(path);
            try {
                if (kernel.status(descriptor).inode() != number(named, "ino")) {
                    throw new SnapshotException(
                            "open", path.toString(), "it was replaced at that moment");
                }
                return Optional.of(new SnapshotDirectory(path, descriptor));
            } catch (IOException e) {
                try {
                    descriptor.close();
                } catch (KernelException close) {
                    e.addSuppressed(close);
                }
                throw e;
            }
        } catch (NoSuchFileException _) {
            return Optional.empty();
        } catch (SnapshotException e) {
            throw e;
        } catch (IOException e) {
            throw new SnapshotException("open", path.toString(), e);
        }
    }

    private static boolean isOurs(Kernel kernel, long owner) {
        return owner == 0 || owner == kernel.effectiveUser();
    }

    private static long number(Map<String, Object> attributes, String name) throws IOException {
        if (attributes.get(name) instanceof Number number) {
            return number.longValue();
        }
        throw new IOException("the filesystem tells no " + name);
    }

    /** A path to an entry that leads through the descriptor; for calls of this process, as long as it is open. */
    public Path entry(String name) {
        return Path.of("/proc/self/fd", Integer.toString(descriptor.number()), name);
    }

    /** Whether there is an entry of that name, of any kind. */
    public boolean has(String name) {
        return Files.exists(entry(name), LinkOption.NOFOLLOW_LINKS);
    }

    /**
     * The names of its entries that begin so.
     *
     * @throws SnapshotException if it cannot be read
     */
    public List<String> namesThatBegin(String prefix) throws SnapshotException {
        List<String> names = new ArrayList<>();
        try (DirectoryStream<Path> entries =
                Files.newDirectoryStream(
                        entry("."), entry -> entry.getFileName().toString().startsWith(prefix))) {
            entries.forEach(entry -> names.add(entry.getFileName().toString()));
        } catch (IOException | DirectoryIteratorException e) {
            throw new SnapshotException("read", path.toString(), String.valueOf(e.getMessage()));
        }
        return names;
    }

    /**
     * Deletes a file of that name if it is there.
     *
     * @throws SnapshotException if it is still there
     */
    public void deleteFile(String name) throws SnapshotException {
        try {
            Files.deleteIfExists(entry(name));
        } catch (IOException e) {
            throw new SnapshotException("delete", path.resolve(name).toString(), e);
        }
    }

    /**
     * Makes the directory go when nothing is left in it.
     *
     * @throws SnapshotException if it is empty and cannot be removed
     */
    public void removeIfEmpty() throws SnapshotException {
        try {
            Files.deleteIfExists(path);
        } catch (DirectoryNotEmptyException _) {
            // Other snapshots are in it.
        } catch (IOException e) {
            throw new SnapshotException("remove", path.toString(), e);
        }
    }

    @Override
    public void close() throws KernelException {
        descriptor.close();
    }
}
