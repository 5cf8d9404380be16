package dev.lull.backup;

import com.github.luben.zstd.EndDirective;
import com.github.luben.zstd.ZstdCompressCtx;
import com.github.luben.zstd.ZstdException;
import dev.lull.plan.Manifest;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * An archive that is whole and durable, but still under a temporary name. {@link #commit} gives it its own, with the
 * manifest beside it; {@link #close()} without that leaves nothing.
 *
 * <p>Belongs to one thread. Interrupting that thread ends {@link #write} with a {@link BackupException}, and leaves
 * nothing.
 */
public final class PendingArchive implements AutoCloseable {
    private final ArchiveTarget target;
    private Manifest.Archive sums;
    private final List<String> notes;
    private boolean committed;

    private PendingArchive(ArchiveTarget target, Manifest.Archive sums, List<String> notes) {
        this.target = target;
        this.sums = sums;
        this.notes = notes;
    }

    /**
     * Archives directories with GNU tar, and compresses.
     *
     * @param progress is told how many bytes of the tar stream have gone by, often, on this thread
     * @throws BackupException if tar, zstd or the destination failed; nothing is left then
     * @throws InterruptedException if the thread was interrupted; nothing is left then
     */
    public static PendingArchive write(
            ArchiveSource source,
            ArchiveTarget target,
            Compression compression,
            LongConsumer progress)
            throws BackupException, InterruptedException {
        Zstandard.load();
        target.requireUnchanged();
        Path file = target.temporary(ArchiveTarget.SUFFIX);
        PendingArchive written = null;
        try {
            // Created for root's eyes only: it holds what others may not read.
            Files.deleteIfExists(file);
            try (FileChannel channel =
                    FileChannel.open(
                            file,
                            Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                            PosixFilePermissions.asFileAttribute(
                                    PosixFilePermissions.fromString("rw-------")))) {
                written = write(source, target, compression, progress, channel);
            }
            return written;
        } catch (BackupException e) {
            throw e;
        } catch (IOException e) {
            if (Thread.interrupted()) {
                InterruptedException interrupted =
                        new InterruptedException("interrupted while writing " + file);
                interrupted.addSuppressed(e);
                throw interrupted;
            }
            throw new BackupException("write archive", target.archive().toString(), e);
        } finally {
            if (written == null) {
                deleteQuietly(file);
            }
        }
    }

    private static PendingArchive write(
            ArchiveSource source,
            ArchiveTarget target,
            Compression compression,
            LongConsumer progress,
            FileChannel channel)
            throws IOException, InterruptedException {
        TarScanner scanner = new TarScanner(_ -> {});
        try (TarProgram tar = TarProgram.create(source);
                Compressor compressor = new Compressor(channel, compression);
                ChunkQueue queue =
                        new ChunkQueue(
                                "tar-output", q -> readAll(tar.output(), q, scanner), tar::kill)) {
            for (ChunkQueue.Chunk chunk = queue.next(); chunk != null; chunk = queue.next()) {
                compressor.write(chunk.bytes(), chunk.length());
                queue.done(chunk);
                progress.accept(compressor.taken());
            }
            int status = tar.waitFor();
            if (status != 0) {
                throw tarFailed(source, status, tar.messages());
            }
            scanner.finish();
            compressor.finish();
            compressor.sync();
            Manifest.Archive sums =
                    new Manifest.Archive(
                            compressor.sum().bytes(),
                            compressor.sum().hex(),
                            scanner.bytes(),
                            Optional.empty(),
                            scanner.entries());
            return new PendingArchive(target, sums, tar.messages());
        } catch (TarStreamException | MalformedTar e) {
            throw new BackupException(
                    "archive",
                    source.root().toString(),
                    "what tar wrote contains " + e.getMessage(),
                    null,
                    e);
        } catch (ZstdException e) {
            throw new BackupException(
                    "compress",
                    target.archive().toString(),
                    String.valueOf(e.getMessage()),
                    null,
                    e);
        }
    }

    private static void readAll(InputStream in, ChunkQueue queue, TarScanner scanner)
            throws IOException, InterruptedException {
        while (true) {
            byte[] buffer = queue.emptyBuffer();
            int read = in.readNBytes(buffer, 0, buffer.length);
            if (read == 0) {
                return;
            }
            try {
                scanner.accept(buffer, 0, read);
            } catch (MalformedTar e) {
                throw new TarStreamException(e);
            }
            queue.put(buffer, read);
        }
    }

    private static BackupException tarFailed(
            ArchiveSource source, int status, List<String> messages) {
        String said =
                messages.isEmpty()
                        ? "without a word"
                        : String.join("; ", messages.subList(0, Math.min(5, messages.size())));
        // Status 1 is "file changed as we read it": on a snapshot nothing can change.
        return new BackupException(
                "archive",
                source.root().toString(),
                "tar ended with status " + status + ": " + said);
    }

    /** Its sums as they were taken while it was written; after {@link #verify} with that of the tar stream. */
    public Manifest.Archive sums() {
        return sums;
    }

    /** What tar warned of, line by line: sockets that it left out, for example. */
    public List<String> notes() {
        return notes;
    }

    /**
     * Reads all of it back, as {@link Archive#verify} does. The tar stream's SHA-256 is taken only here: what was
     * compressed is what is decompressed is vouched for by the frame's own checksum, and summing the stream twice would
     * make writing slower by a tenth.
     *
     * @param progress is told how many bytes of the tar stream have gone by
     */
    public void verify(LongConsumer progress) throws BackupException, InterruptedException {
        target.requireUnchanged();
        sums =
                ArchiveReader.read(
                        target.temporary(ArchiveTarget.SUFFIX),
                        target.archive(),
                        sums,
                        "verify",
                        _ -> {},
                        progress);
    }

    /**
     * Gives archive and manifest their names, in this order of durability: an archive under its own name always has its
     * manifest.
     *
     * @return the archive
     * @throws BackupException if it could not be done; neither is there then
     */
    public Archive commit(Manifest manifest) throws BackupException {
        Path temporaryManifest = target.temporary(ArchiveTarget.MANIFEST_SUFFIX);
        boolean named = false;
        boolean moved = false;
        try {
            target.requireUnchanged();
            if (Files.exists(target.archive())) {
                throw new BackupException(
                        "write archive",
                        target.archive().toString(),
                        "somebody else made one of that name meanwhile",
                        "choose another --name, and do not run two backups of one name at once");
            }
            writeDurably(temporaryManifest, manifest.toJson());
            Files.move(temporaryManifest, target.manifest(), StandardCopyOption.ATOMIC_MOVE);
            named = true;
            Files.move(
                    target.temporary(ArchiveTarget.SUFFIX),
                    target.archive(),
                    StandardCopyOption.ATOMIC_MOVE);
            moved = true;
            syncDirectory(target.directory());
            committed = true;
            return new Archive(target.archive());
        } catch (BackupException e) {
            throw e;
        } catch (IOException e) {
            throw new BackupException("write archive", target.archive().toString(), e);
        } finally {
            if (!committed) {
                if (moved) {
                    deleteQuietly(target.archive());
                }
                deleteQuietly(temporaryManifest);
                if (named) {
                    deleteQuietly(target.manifest());
                }
            }
        }
    }

    /**
     * Removes it unless it was committed. Idempotent.
     *
     * @throws BackupException if it could not be removed
     */
    @Override
    public void close() throws BackupException {
        if (!committed) {
            try {
                Files.deleteIfExists(target.temporary(ArchiveTarget.SUFFIX));
            } catch (IOException e) {
                throw new BackupException(
                        "remove", target.temporary(ArchiveTarget.SUFFIX).toString(), e);
            }
        }
    }

    private static void writeDurably(Path file, String text) throws IOException {
        Files.deleteIfExists(file);
        try (FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
            ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
        }
    }

    /** rename(2) is durable only when the directory is (fsync(2)). */
    private static void syncDirectory(Path directory) throws IOException {
        try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    /** The failure that led here is the one to report; where this fails too, the destination is gone. */
    private static void deleteQuietly(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException gone) {
            System.getLogger(PendingArchive.class.getName())
                    .log(System.Logger.Level.DEBUG, "cannot remove " + file, gone);
        }
    }

    /** A {@link MalformedTar} on its way through the queue. */
    private static final class TarStreamException extends IOException {
        private static final long serialVersionUID = 1L;

        TarStreamException(MalformedTar cause) {
            super(cause.getMessage(), cause);
        }
    }

    /** Compresses into a file and sums what it writes. */
    private static final class Compressor implements AutoCloseable {
        private static final int OUT = 1 << 20;

        /** What one worker compresses at a time: zstd's choice at level 3, and an interrupt waits for no longer. */
        private static final int JOB = 8 << 20;

        /** After so many bytes the disk is set to work, so that the fsync at the end has little left to do. */
        private static final long WRITEBACK = 64 << 20;

        private final FileChannel channel;
        private final ZstdCompressCtx zstd = new ZstdCompressCtx();
        private final ByteBuffer in = ByteBuffer.allocateDirect(ChunkQueue.CHUNK);
        private final ByteBuffer out = ByteBuffer.allocateDirect(OUT);
        private final Sum sum = new Sum();
        private final ExecutorService writeback =
                Executors.newSingleThreadExecutor(
                        Thread.ofPlatform().daemon().name("archive-writeback").factory());
        private Future<?> written = CompletableFuture.completedFuture(null);
        private long taken;
        private long writtenBack;

        Compressor(FileChannel channel, Compression compression) {
            this.channel = channel;
            zstd.setLevel(compression.level());
            zstd.setWorkers(compression.workers());
            zstd.setJobSize(JOB);
            zstd.setChecksum(true);
        }

        void write(byte[] bytes, int length) throws IOException {
            in.clear().put(bytes, 0, length).flip();
            while (in.hasRemaining()) {
                zstd.compressDirectByteBufferStream(out, in, EndDirective.CONTINUE);
                if (out.remaining() < OUT / 2) {
                    flush();
                }
            }
            taken += length;
        }

        void finish() throws IOException {
            in.clear().flip();
            boolean done = false;
            while (!done) {
                done = zstd.compressDirectByteBufferStream(out, in, EndDirective.END);
                flush();
            }
        }

        private void flush() throws IOException {
            out.flip();
            sum.add(out);
            while (out.hasRemaining()) {
                channel.write(out);
            }
            out.clear();
            if (sum.bytes() - writtenBack >= WRITEBACK && written.isDone()) {
                awaitWriteback();
                writtenBack = sum.bytes();
                written = writeback.submit(() -> force(false));
            }
        }

        /** Makes the file durable. */
        void sync() throws IOException {
            awaitWriteback();
            channel.force(true);
        }

        private @Nullable Void force(boolean metadata) throws IOException {
            channel.force(metadata);
            return null;
        }

        /** The kernel tells a failed write-back to one fsync only, so what each says counts. */
        private void awaitWriteback() throws IOException {
            try {
                written.get();
            } catch (ExecutionException e) {
                throw e.getCause() instanceof IOException failure
                        ? failure
                        : new IOException(e.getCause());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new ClosedByInterruptException();
            }
        }

        long taken() {
            return taken;
        }

        Sum sum() {
            return sum;
        }

        @Override
        public void close() {
            writeback.close();
            zstd.close();
        }
    }
}
