package dev.lull.participant.mariadb;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.Mount;
import dev.lull.participant.Cut;
import dev.lull.participant.ParticipantException;
import dev.lull.snapshot.Origin;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * Looks whether all directories of a server lie on the filesystems of the snapshot, and where they really are. For one
 * thread.
 */
final class Whereabouts {
    private final Kernel kernel;
    private final Cut cut;
    private final String participant;
    private final Map<Path, Path> real = new LinkedHashMap<>();
    private final Set<Long> mounts = new HashSet<>();

    Whereabouts(Kernel kernel, Cut cut, String participant) {
        this.kernel = kernel;
        this.cut = cut;
        this.participant = participant;
    }

    /** The directories that were asked for, as the server calls them, and what they are without symbolic links. */
    Map<Path, Path> real() {
        return Map.copyOf(real);
    }

    /**
     * Asks for one.
     *
     * @param what it is, in words
     * @throws ParticipantException if it is not on one of the filesystems, or cannot be looked at
     */
    void require(Path directory, String what) throws ParticipantException {
        if (real.containsKey(directory)) {
            return;
        }
        try (Descriptor opened = kernel.openDirectory(directory)) {
            real.put(directory, directory.toRealPath());
            // Most are directories of databases, and all on one.
            if (!mounts.add(kernel.status(opened).mountId())) {
                return;
            }
            Mount mount = Origin.mountOf(kernel, opened);
            if (!cut.filesystems().contains(mount.device())) {
                throw new ParticipantException(
                        participant,
                        "prepare",
                        what
                                + " lies in "
                                + directory
                                + ", on the filesystem "
                                + mount.mountPoint()
                                + ", which is not backed up",
                        "back up " + mount.mountPoint() + " too, in the same run");
            }
        } catch (ParticipantException e) {
            throw e;
        } catch (IOException e) {
            throw new ParticipantException(
                    participant,
                    "prepare",
                    new IOException(
                            "cannot look at " + directory + ", " + what + ": " + reason(e), e),
                    "run lull where the server runs, as root");
        }
    }

    /**
     * Asks for all databases in the data directory, and for what symbolic links in it and in them lead to: a table of
     * MyISAM or Aria with a DATA DIRECTORY is one (CREATE TABLE in the manuals).
     */
    void requireWithin(Path data) throws ParticipantException {
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(data)) {
            for (Path entry : entries) {
                if (Files.isDirectory(entry)) {
                    require(entry, "the database " + entry.getFileName());
                    requireLinked(entry);
                } else {
                    requireTarget(entry);
                }
            }
        } catch (ParticipantException e) {
            throw e;
        } catch (IOException e) {
            throw new ParticipantException(
                    participant,
                    "prepare",
                    new IOException("cannot look through " + data + ": " + reason(e), e),
                    "run lull where the server runs, as root");
        }
    }

    private void requireLinked(Path database) throws IOException {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(database)) {
            for (Path file : files) {
                requireTarget(file);
            }
        }
    }

    /** One that leads to nothing hides nothing. */
    private void requireTarget(Path file) throws IOException {
        if (Files.isSymbolicLink(file) && Files.exists(file)) {
            Path directory = file.resolveSibling(Files.readSymbolicLink(file)).getParent();
            if (directory != null) {
                require(directory.normalize(), "what " + file + " links to");
            }
        }
    }

    private static String reason(IOException e) {
        return e.getClass().getPackageName().equals("java.nio.file")
                ? e.getClass().getSimpleName()
                : String.valueOf(e.getMessage());
    }
}
