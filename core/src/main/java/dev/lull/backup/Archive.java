package dev.lull.backup;

import dev.lull.plan.Manifest;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A finished archive: {@code NAME.tar.zst}, with {@code NAME.manifest.json} beside it. Without Lull it is read with
 * {@code tar --zstd --xattrs --xattrs-include='*' --acls -xpf NAME.tar.zst}.
 *
 * @param file the archive
 */
public record Archive(Path file) {
    /**
     * How to restore.
     *
     * @param include names of entries as they are, not escaped, with or without {@code ./} or a slash at the start or end;
     *     each stands for all below it. Empty is everything.
     * @param intoExisting whether the directory may have something in it, which is then overwritten where it is in the
     *     archive too
     */
    public record RestoreOptions(List<String> include, boolean intoExisting) {
        public RestoreOptions {
            include = List.copyOf(include);
        }

        /** Everything, into an empty directory. */
        public static final RestoreOptions ALL = new RestoreOptions(List.of(), false);
    }

    /**
     * The manifest.
     *
     * @return empty if there is none beside the archive
     * @throws BackupException if it cannot be read
     */
    public Optional<Manifest> manifest() throws BackupException {
        Path beside = ArchiveTarget.manifestOf(file);
        if (beside == null) {
            return Optional.empty();
        }
        try (InputStream in = Files.newInputStream(beside)) {
            return Optional.of(Manifest.parse(in.readNBytes(Manifest.LARGEST + 1)));
        } catch (NoSuchFileException none) {
            return Optional.empty();
        } catch (IOException e) {
            throw new BackupException("read manifest", beside.toString(), e);
        }
    }

    /**
     * Reads all of it back and checks it: sums, zstd frame, tar structure to its end mark, number of entries.
     *
     * @param progress is told how many bytes of the tar stream have gone by
     * @return the sums it has, which are those of the manifest if there is one
     * @throws BackupException.Damaged if anything is not as it was written
     * @throws BackupException if it cannot be read
     */
    public Manifest.Archive verify(LongConsumer progress)
            throws BackupException, InterruptedException {
        return ArchiveReader.read(file, file, expected(), "verify", _ -> {}, progress);
    }

    /**
     * Tells its entries in their order, and checks it on the way as {@link #verify} does.
     *
     * @throws BackupException.Damaged if it is damaged: what was told until then is not to be relied on
     */
    public void list(Consumer<TarEntry> entries) throws BackupException, InterruptedException {
        ArchiveReader.read(file, file, expected(), "list", entries::accept, _ -> {});
    }

    /**
     * Extracts it with owners, modes, times, extended attributes, ACLs, links, holes and nodes, and checks it on the
     * way as {@link #verify} does.
     *
     * @param directory made if it is not there
     * @return the sums it has
     * @throws BackupException.Refused if the directory is not empty and that was not allowed
     * @throws BackupException.Damaged if the archive is damaged: what was restored is not to be relied on
     * @throws BackupException if it could not all be restored
     */
    public Manifest.Archive restore(Path directory, RestoreOptions options, LongConsumer progress)
            throws BackupException, InterruptedException {
        Manifest.Archive expected = expected();
        if (!Files.isReadable(file)) {
            throw new BackupException(
                    "restore", file.toString(), "there is no such file, or it cannot be read");
        }
        Path into = directory.toAbsolutePath().normalize();
        prepare(into, options.intoExisting());
        try (TarProgram tar = TarProgram.extract(into, members(options.include()))) {
            Feed feed = new Feed(tar.input());
            Manifest.Archive found;
            try {
                found =
                        ArchiveReader.read(
                                file, file, expected, "restore", _ -> {}, feed, progress);
                feed.end();
            } catch (BackupException.Damaged e) {
                throw new BackupException(
                        "restore",
                        file.toString(),
                        "what is in " + into + " now is not to be relied on: " + e.getMessage(),
                        e.hint().orElse(null),
                        e);
            }
            int status = tar.waitFor();
            if (status != 0) {
                throw new BackupException(
                        "restore",
                        into.toString(),
                        "tar ended with status "
                                + status
                                + ": "
                                + String.join("; ", tar.messages()));
            }
            return found;
        } catch (BackupException e) {
            throw e;
        } catch (IOException e) {
            throw new BackupException("restore", into.toString(), e);
        }
    }

    private Manifest.@Nullable Archive expected() throws BackupException {
        return manifest().flatMap(Manifest::archive).orElse(null);
    }

    private static List<String> members(List<String> include) {
        return include.stream()
                .map(name -> "./" + name.replaceFirst("^(\\./|/)+", "").replaceFirst("/+$", ""))
                .toList();
    }

    private static void prepare(Path directory, boolean intoExisting) throws BackupException {
        try {
            Files.createDirectories(directory);
            if (!intoExisting && !empty(directory)) {
                throw new BackupException.Refused(
                        "restore",
                        directory.toString(),
                        "the directory is not empty",
                        "choose another, or overwrite what is there with --into-existing");
            }
        } catch (BackupException e) {
            throw e;
        } catch (IOException e) {
            throw new BackupException("restore", directory.toString(), e);
        }
    }

    /** The lost+found of a filesystem just made counts for nothing while nothing is in it. */
    private static boolean empty(Path directory) throws IOException {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            for (Path entry : entries) {
                if (!entry.endsWith("lost+found") || !Files.isDirectory(entry) || !empty(entry)) {
                    return false;
                }
            }
            return true;
        }
    }

    /** Gives tar its input. A tar that stops reading says why with its exit status, not with a broken pipe here. */
    private static final class Feed implements ArchiveReader.Sink {
        private final OutputStream out;
        private boolean closed;

        Feed(OutputStream out) {
            this.out = out;
        }

        @Override
        public void accept(byte[] bytes, int length) {
            if (!closed) {
                try {
                    out.write(bytes, 0, length);
                } catch (IOException notReading) {
                    closed = true;
                }
            }
        }

        void end() {
            try {
                out.close();
            } catch (IOException notReading) {
                closed = true;
            }
        }
    }
}
