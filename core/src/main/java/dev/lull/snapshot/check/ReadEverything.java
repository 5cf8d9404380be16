package dev.lull.snapshot.check;

import dev.lull.snapshot.CheckReport;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileVisitResult;
import java.nio.file.FileVisitor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import org.jspecify.annotations.Nullable;

/**
 * Reads every regular file of a mounted snapshot to its end. It finds what the storage or the filesystem's checksums
 * (btrfs: of all data and metadata that is read) report as an error, and no more.
 */
public final class ReadEverything {
    private static final int MOST_FAILURES = 100;

    private final ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 20);
    private final StringBuilder failures = new StringBuilder();
    private long failed;
    private long files;
    private long bytes;

    private ReadEverything() {}

    /**
     * Reads all below a directory; links are not followed.
     *
     * @param what what is read, for the report, for example {@code every file of the subvolume snapshot}
     */
    public static CheckReport below(Path directory, String what) {
        ReadEverything reading = new ReadEverything();
        try {
            Files.walkFileTree(directory, reading.new Reader());
        } catch (IOException e) {
            reading.fail(directory, e);
        }
        return new CheckReport(
                reading.failed == 0,
                "read " + what + ": " + reading.files + " files, " + reading.bytes + " bytes",
                reading.failures.toString());
    }

    private void fail(Path path, IOException failure) {
        if (++failed <= MOST_FAILURES) {
            failures.append(path).append(": ").append(failure.getMessage()).append('\n');
        } else if (failed == MOST_FAILURES + 1) {
            failures.append("and more\n");
        }
    }

    private void read(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            for (int n = channel.read(buffer.clear()); n >= 0; n = channel.read(buffer.clear())) {
                bytes += n;
            }
        }
        files++;
    }

    private final class Reader implements FileVisitor<Path> {
        @Override
        public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
            return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            if (attributes.isRegularFile()) {
                try {
                    read(file);
                } catch (IOException e) {
                    fail(file, e);
                }
            }
            return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult visitFileFailed(Path file, IOException failure) {
            fail(file, failure);
            return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult postVisitDirectory(Path directory, @Nullable IOException failure) {
            if (failure != null) {
                fail(directory, failure);
            }
            return FileVisitResult.CONTINUE;
        }
    }
}
