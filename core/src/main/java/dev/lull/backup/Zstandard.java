package dev.lull.backup;

import com.github.luben.zstd.util.Native;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Loads zstd's native library, once in a process, from a file that is gone again when this returns. */
final class Zstandard {
    /**
     * The library has to lie in a file to be mapped, and that must not be a directory where others write. The first of
     * these that works is taken: /run is often mounted noexec, and an ordinary user cannot write to /run/lull.
     */
    private static final List<Path> PLACES =
            List.of(
                    Path.of("/run/lull"),
                    Path.of("/dev/shm"),
                    Path.of(System.getProperty("java.io.tmpdir", "/tmp")));

    private Zstandard() {}

    /** @throws BackupException if there is no place that it can be loaded from */
    static synchronized void load() throws BackupException {
        if (Native.isLoaded()) {
            return;
        }
        List<Throwable> failures = new ArrayList<>();
        for (Path place : PLACES) {
            try {
                loadFrom(place);
                return;
            } catch (IOException | UnsatisfiedLinkError | RuntimeException e) {
                failures.add(e);
            }
        }
        BackupException failure =
                new BackupException(
                        "load",
                        "the zstd library",
                        "not possible from any of " + PLACES,
                        "set -Djava.io.tmpdir to a directory that can be written to and is not mounted noexec");
        failures.forEach(failure::addSuppressed);
        throw failure;
    }

    private static void loadFrom(Path place) throws IOException {
        Path directory = Files.createTempDirectory(place, "zstd-");
        try {
            Native.load(directory.toFile());
        } finally {
            // What is mapped stays mapped. zstd-jni would delete the file when the process ends,
            // which is too late for
            // a process that is killed.
            try (DirectoryStream<Path> files = Files.newDirectoryStream(directory)) {
                for (Path file : files) {
                    Files.delete(file);
                }
            }
            Files.delete(directory);
        }
    }
}
