package dev.lull.backup;

import dev.lull.plan.Leftover;
import dev.lull.snapshot.SnapshotId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Where an archive is to be: {@code NAME.tar.zst} in a directory, and {@code NAME.manifest.json} beside it. Made before
 * the freeze; remembers which directory it was, so that one that vanishes later (an unmounted disk, say) is noticed and
 * not mistaken for the empty directory beneath.
 */
public final class ArchiveTarget {
    static final String SUFFIX = ".tar.zst";
    static final String MANIFEST_SUFFIX = ".manifest.json";

    private final Path directory;
    private final String name;
    private final @Nullable Object identity;

    /** Of this run alone: one that writes an archive of the same name must not get ours. */
    private final String run = SnapshotId.random().text();

    private ArchiveTarget(Path directory, String name, @Nullable Object identity) {
        this.directory = directory;
        this.name = name;
        this.identity = identity;
    }

    /**
     * Looks at the destination; writes nothing.
     *
     * @param directory an existing directory
     * @param name the archive's name without its suffix: one path component
     * @throws BackupException.Refused if the directory is none or cannot be written to, or the archive exists
     */
    public static ArchiveTarget in(Path directory, String name) throws BackupException {
        if (name.isEmpty() || name.startsWith(".") || name.contains("/") || name.length() > 200) {
            throw new BackupException.Refused(
                    "write archive",
                    name,
                    "not a name for a file",
                    "choose one without slashes, with --name");
        }
        Path absolute = directory.toAbsolutePath().normalize();
        ArchiveTarget target = new ArchiveTarget(absolute, name, identity(absolute));
        if (!Files.isWritable(absolute)) {
            throw new BackupException.Refused(
                    "write archive",
                    absolute.toString(),
                    "cannot be written to",
                    "choose another directory");
        }
        for (Path taken : new Path[] {target.archive(), target.manifest()}) {
            if (Files.exists(taken, LinkOption.NOFOLLOW_LINKS)) {
                throw new BackupException.Refused(
                        "write archive",
                        taken.toString(),
                        "is there already",
                        "a backup never replaces another: choose another --name");
            }
        }
        return target;
    }

    private static @Nullable Object identity(Path directory) throws BackupException {
        try {
            BasicFileAttributes attributes =
                    Files.readAttributes(directory, BasicFileAttributes.class);
            if (!attributes.isDirectory()) {
                throw new BackupException.Refused(
                        "write archive",
                        directory.toString(),
                        "not a directory",
                        "name an existing directory with --to");
            }
            return attributes.fileKey();
        } catch (BackupException e) {
            throw e;
        } catch (IOException e) {
            throw new BackupException.Refused(
                    "write archive",
                    directory.toString(),
                    Reasons.of(e),
                    "name an existing directory with --to");
        }
    }

    /** The directory, absolute. */
    public Path directory() {
        return directory;
    }

    /** The archive's file. */
    public Path archive() {
        return directory.resolve(name + SUFFIX);
    }

    /** The manifest's file. */
    public Path manifest() {
        return directory.resolve(name + MANIFEST_SUFFIX);
    }

    Path temporary(String suffix) {
        return directory.resolve("." + name + suffix + "." + run + ".partial");
    }

    /** What there may be of an archive that was not finished. The manifest gets its name before the archive does. */
    List<Leftover> leftovers() {
        return List.of(
                new Leftover.Partial(temporary(SUFFIX), Optional.empty()),
                new Leftover.Partial(temporary(MANIFEST_SUFFIX), Optional.empty()),
                new Leftover.Partial(manifest(), Optional.of(archive())));
    }

    /** @throws BackupException if the directory is not the one it was */
    void requireUnchanged() throws BackupException {
        if (!Objects.equals(identity, identity(directory))) {
            throw new BackupException(
                    "write archive",
                    directory.toString(),
                    "the directory is not the one it was when the backup began",
                    "look whether its filesystem was unmounted");
        }
    }

    /** The manifest that belongs to an archive: beside it, or null if the archive is not called {@code *.tar.zst}. */
    static @Nullable Path manifestOf(Path archive) {
        Path fileName = archive.getFileName();
        String text = fileName == null ? "" : fileName.toString();
        return text.endsWith(SUFFIX)
                ? archive.resolveSibling(
                        text.substring(0, text.length() - SUFFIX.length()) + MANIFEST_SUFFIX)
                : null;
    }
}
