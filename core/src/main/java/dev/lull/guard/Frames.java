package dev.lull.guard;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Splits what is received on a socket into messages, each ended by one NUL byte. Keeps at most one unfinished message.
 * Not thread-safe.
 */
public final class Frames {
    private static final int FIRST_CAPACITY = 1024;

    private final int limit;
    private byte[] pending = new byte[0];
    private int length;

    /** @param limit the most bytes a message may have, its NUL included: {@link Wire#MAX_MESSAGE} or {@link Wire#MAX_REPLY} */
    public Frames(int limit) {
        this.limit = limit;
    }

    /**
     * Takes bytes up to the end of the next message, and leaves what comes after it in {@code received}. Call it until
     * it answers null, then receive more.
     *
     * @return the message without its NUL; null if it is not whole yet, and then all of {@code received} is taken
     * @throws WireException if the message is longer than the limit; what follows on the connection has no meaning
     */
    public byte @Nullable [] next(ByteBuffer received) throws WireException {
        int start = received.position();
        int end = received.limit();
        int nul = start;
        while (nul < end && received.get(nul) != 0) {
            nul++;
        }
        int arrived = nul - start;
        if (length + arrived + 1 > limit) {
            throw new WireException("a message is longer than " + limit + " bytes");
        }
        if (nul == end) {
            grow(length + arrived);
            received.get(pending, length, arrived);
            length += arrived;
            return null;
        }
        byte[] message = Arrays.copyOf(pending, length + arrived);
        received.get(message, length, arrived);
        received.get();
        length = 0;
        if (pending.length > FIRST_CAPACITY) {
            // A long one is rare.
            pending = new byte[0];
        }
        return message;
    }

    /** Bytes of memory that it keeps. */
    int kept() {
        return pending.length;
    }

    /** Whether a message has begun and not ended: at the end of the stream this means that it was cut short. */
    public boolean midMessage() {
        return length > 0;
    }

    private void grow(int needed) {
        if (pending.length < needed) {
            int doubled = Math.max(FIRST_CAPACITY, 2 * pending.length);
            pending = Arrays.copyOf(pending, Math.min(limit, Math.max(needed, doubled)));
        }
    }
}
