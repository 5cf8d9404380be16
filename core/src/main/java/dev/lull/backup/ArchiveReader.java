package dev.lull.backup;

import com.github.luben.zstd.ZstdDecompressCtx;
import com.github.luben.zstd.ZstdException;
import dev.lull.plan.Manifest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import java.util.Optional;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Reads an archive from its first to its last byte and checks all there is to check: its size and sum, that it is one
 * zstd frame with nothing after it, the frame's own checksum, the tar stream's sum, its structure up to the end mark,
 * and the number of entries. Memory is bounded whatever the file holds.
 */
final class ArchiveReader {
    private static final int IN = 1 << 20;

    /** Takes the tar stream as it is decompressed, before it is known to be whole. */
    @FunctionalInterface
    interface Sink {
        void accept(byte[] bytes, int length) throws IOException;
    }

    private ArchiveReader() {}

    /**
     * Reads and checks, and hands the entries to a listener.
     *
     * @param file what to read
     * @param shown what to call it in messages
     * @param expected the sums it should have; null if unknown
     * @param operation for messages: {@code verify}, {@code list}
     * @return the sums it has
     */
    static Manifest.Archive read(
            Path file,
            Path shown,
            Manifest.@Nullable Archive expected,
            String operation,
            TarScanner.Listener listener,
            LongConsumer progress)
            throws BackupException, InterruptedException {
        return read(file, shown, expected, operation, listener, (_, _) -> {}, progress);
    }

    /** As above, and hands the tar stream to a sink too. */
    static Manifest.Archive read(
            Path file,
            Path shown,
            Manifest.@Nullable Archive expected,
            String operation,
            TarScanner.Listener listener,
            Sink sink,
            LongConsumer progress)
            throws BackupException, InterruptedException {
        Zstandard.load();
        String name = shown.toString();
        Sum compressed = new Sum();
        Sum plain = new Sum();
        TarScanner scanner = new TarScanner(listener);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            requireSize(operation, name, channel.size(), expected);
            try (ChunkQueue queue =
                    new ChunkQueue(
                            "archive-input", q -> decompress(channel, q, compressed), () -> {})) {
                for (ChunkQueue.Chunk chunk = queue.next(); chunk != null; chunk = queue.next()) {
                    plain.add(chunk.bytes(), chunk.length());
                    scanner.accept(chunk.bytes(), 0, chunk.length());
                    sink.accept(chunk.bytes(), chunk.length());
                    queue.done(chunk);
                    progress.accept(plain.bytes());
                }
                scanner.finish();
            }
        } catch (DamagedFrame | MalformedTar e) {
            throw new BackupException.Damaged(
                    operation, name, "the archive is damaged: it contains " + e.getMessage());
        } catch (BackupException e) {
            throw e;
        } catch (IOException e) {
            if (Thread.interrupted()) {
                throw new InterruptedException("interrupted while reading " + name);
            }
            throw new BackupException(operation, name, e);
        }
        Manifest.Archive found =
                new Manifest.Archive(
                        compressed.bytes(),
                        compressed.hex(),
                        plain.bytes(),
                        Optional.of(plain.hex()),
                        scanner.entries());
        if (expected != null) {
            requireEqual(operation, name, found, expected);
        }
        return found;
    }

    private static void requireSize(
            String operation, String name, long size, Manifest.@Nullable Archive expected)
            throws BackupException.Damaged {
        if (expected != null && size != expected.bytes()) {
            throw new BackupException.Damaged(
                    operation,
                    name,
                    "the archive is "
                            + (size < expected.bytes() ? "cut short" : "too long")
                            + ": "
                            + size
                            + " bytes, its manifest says "
                            + expected.bytes());
        }
    }

    private static void requireEqual(
            String operation, String name, Manifest.Archive found, Manifest.Archive expected)
            throws BackupException.Damaged {
        if (!found.sha256().equals(expected.sha256())) {
            throw new BackupException.Damaged(
                    operation,
                    name,
                    "the archive is not the one of its manifest: sha-256 "
                            + found.sha256()
                            + ", the manifest says "
                            + expected.sha256());
        }
        if ((expected.tarSha256().isPresent() && !found.tarSha256().equals(expected.tarSha256()))
                || found.tarBytes() != expected.tarBytes()) {
            throw new BackupException.Damaged(
                    operation, name, "the tar stream in it is not the one of its manifest");
        }
        if (found.entries() != expected.entries()) {
            throw new BackupException.Damaged(
                    operation,
                    name,
                    "it has "
                            + found.entries()
                            + " entries, its manifest says "
                            + expected.entries());
        }
    }

    private static void decompress(FileChannel channel, ChunkQueue queue, Sum sum)
            throws IOException, InterruptedException {
        ByteBuffer in = ByteBuffer.allocateDirect(IN);
        ByteBuffer out = ByteBuffer.allocateDirect(ChunkQueue.CHUNK);
        boolean frameEnded = false;
        // The longest window that it takes is 128 MiB (ZSTD_WINDOWLOG_LIMIT_DEFAULT), whatever a
        // frame asks for.
        try (ZstdDecompressCtx zstd = new ZstdDecompressCtx()) {
            while (channel.read(in.clear()) >= 0) {
                in.flip();
                sum.add(in);
                while (in.hasRemaining()) {
                    if (frameEnded) {
                        throw new DamagedFrame("something after its end");
                    }
                    frameEnded = zstd.decompressDirectByteBufferStream(out, in);
                    if (frameEnded || !out.hasRemaining()) {
                        handOver(out, queue);
                    }
                }
                // What was decompressed may not have found room although all was read.
                while (!frameEnded && !out.hasRemaining()) {
                    handOver(out, queue);
                    frameEnded = zstd.decompressDirectByteBufferStream(out, in);
                }
            }
        } catch (ZstdException e) {
            throw new DamagedFrame(
                    "a zstd frame that is wrong near byte "
                            + sum.bytes()
                            + " ("
                            + String.valueOf(e.getMessage()).toLowerCase(Locale.ROOT)
                            + ")");
        }
        if (!frameEnded) {
            throw new DamagedFrame("no end: it is cut short after " + sum.bytes() + " bytes");
        }
        handOver(out, queue);
    }

    private static void handOver(ByteBuffer out, ChunkQueue queue) throws InterruptedException {
        out.flip();
        if (out.hasRemaining()) {
            byte[] buffer = queue.emptyBuffer();
            int length = out.remaining();
            out.get(buffer, 0, length);
            queue.put(buffer, length);
        }
        out.clear();
    }

    /** The compressed bytes are wrong; the message follows "contains …". */
    private static final class DamagedFrame extends IOException {
        private static final long serialVersionUID = 1L;

        DamagedFrame(String found) {
            super(found);
        }
    }
}
