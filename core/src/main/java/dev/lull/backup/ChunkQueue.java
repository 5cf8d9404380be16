package dev.lull.backup;

import java.io.IOException;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Hands chunks of a byte stream from one thread to another, with a bounded number of reused buffers. The producer runs
 * on a thread of this object's own, and its failure is thrown where the consumer asks for the next chunk.
 */
final class ChunkQueue implements AutoCloseable {
    /** Large enough that the hand-over costs nothing, small enough that a few fit the cache. */
    static final int CHUNK = 256 << 10;

    private static final int CHUNKS = 8;

    /** Bytes of a stream. Only the first {@code length} count. */
    record Chunk(@SuppressWarnings("ArrayRecordComponent") byte[] bytes, int length) {}

    /** Makes the stream. */
    @FunctionalInterface
    interface Producer {
        /**
         * Runs on the queue's thread until the stream has ended.
         *
         * @throws IOException or RuntimeException which the consumer gets
         */
        void produce(ChunkQueue queue) throws IOException, InterruptedException;
    }

    private static final Chunk END = new Chunk(new byte[0], 0);

    private final BlockingQueue<Chunk> full = new ArrayBlockingQueue<>(CHUNKS + 1);
    private final BlockingQueue<byte[]> free = new ArrayBlockingQueue<>(CHUNKS);
    private final Thread thread;
    private final Runnable endSource;
    private volatile @Nullable Throwable failure;

    /**
     * Starts to produce.
     *
     * @param name the thread's
     * @param producer what it runs
     * @param endSource ends a read of the producer that an interrupt does not
     */
    ChunkQueue(String name, Producer producer, Runnable endSource) {
        this.endSource = endSource;
        for (int i = 0; i < CHUNKS; i++) {
            free.add(new byte[CHUNK]);
        }
        thread = Thread.ofPlatform().daemon().name(name).start(() -> run(producer));
    }

    private void run(Producer producer) {
        try {
            producer.produce(this);
        } catch (IOException | RuntimeException | Error e) {
            failure = e;
        } catch (InterruptedException closed) {
            return;
        }
        // There is always room: no more than CHUNKS buffers exist.
        full.add(END);
    }

    /** For the producer: an empty buffer, waiting for one if need be. */
    byte[] emptyBuffer() throws InterruptedException {
        return free.take();
    }

    /** For the producer: hands over the first {@code length} bytes. */
    void put(byte[] buffer, int length) {
        full.add(new Chunk(buffer, length));
    }

    /**
     * For the consumer: the next chunk, to be given back with {@link #done}, or null at the end.
     *
     * @throws IOException what the producer failed with
     */
    @Nullable Chunk next() throws IOException, InterruptedException {
        Chunk chunk = full.take();
        if (chunk.length() > 0) {
            return chunk;
        }
        switch (failure) {
            case null -> {}
            case IOException e -> throw e;
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case Throwable e -> throw new IllegalStateException(e);
        }
        return null;
    }

    /** For the consumer: its bytes are not needed any more. */
    void done(Chunk chunk) {
        free.add(chunk.bytes());
    }

    /** Ends the producer and waits for it. */
    @Override
    public void close() {
        endSource.run();
        thread.interrupt();
        boolean interrupted = Thread.interrupted();
        try {
            thread.join(TimeUnit.SECONDS.toMillis(30));
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
