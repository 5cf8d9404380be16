package dev.lull.guard;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.Peer;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One client's connection. Belongs to the guard's loop.
 *
 * <p>It keeps little of what a client sends: no more is read while one that was read has not been served, while its replies
 * are not taken, or while too many of its calls are unanswered.
 */
final class Connection {
    /** A client that does not read its replies is dropped when this many bytes wait for it. */
    private static final int MAX_WAITING = 2 << 20;

    private static final int MAX_DESCRIPTORS = 2 * Wire.MAX_PATHS;

    /** Calls that are answered when something is done, such as Wait: each is remembered until then. */
    private static final int MAX_UNANSWERED = 16;

    private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

    private final Kernel kernel;
    private final Descriptor socket;
    private final Caller caller;
    private final Frames frames = new Frames(Wire.MAX_MESSAGE);
    private final List<Descriptor> received = new ArrayList<>();
    private final Deque<ByteBuffer> outgoing = new ArrayDeque<>();
    private ByteBuffer unserved = NOTHING;
    private int waiting;
    private int unanswered;
    private boolean closing;
    private boolean closed;

    Connection(Kernel kernel, Descriptor socket, Caller caller) {
        this.kernel = kernel;
        this.socket = socket;
        this.caller = caller;
    }

    Descriptor socket() {
        return socket;
    }

    Caller caller() {
        return caller;
    }

    Peer peer() {
        return caller.peer();
    }

    boolean closed() {
        return closed;
    }

    /** Whether what it says is of interest now. */
    boolean listening() {
        return mayBeServed() && !unserved.hasRemaining();
    }

    /** Whether a call of its may be served that has been read already. */
    boolean hasUnserved() {
        return mayBeServed() && unserved.hasRemaining();
    }

    private boolean mayBeServed() {
        return !closing && !closed && outgoing.isEmpty() && unanswered < MAX_UNANSWERED;
    }

    /** Bytes that are kept here for it. */
    long bytesKept() {
        return (long) frames.kept() + unserved.capacity() + waiting;
    }

    /** Descriptors that came and that no call has taken. */
    long descriptorsKept() {
        return received.size();
    }

    boolean hasOutput() {
        return !outgoing.isEmpty();
    }

    /**
     * Reads what has come, to be taken by {@link #next}.
     *
     * @param room what to read into, for all connections
     * @return false if the client is gone
     * @throws WireException if it talks nonsense; it cannot be understood from here on
     */
    boolean read(ByteBuffer room) throws WireException {
        if (!listening()) {
            return true;
        }
        room.clear();
        try {
            int count = kernel.receive(socket, room, received);
            if (count < 0) {
                return false;
            }
        } catch (KernelException e) {
            if (e.errno().equals(Errno.EMSGSIZE)) {
                throw new WireException("too many descriptors in one message", e);
            }
            return false;
        }
        if (received.size() > MAX_DESCRIPTORS) {
            throw new WireException("descriptors that no call asked for");
        }
        room.flip();
        unserved = ByteBuffer.wrap(new byte[room.remaining()]).put(room).flip();
        return true;
    }

    /**
     * Takes the next whole call, if one has been read and may be served now.
     *
     * @throws WireException if it is too long
     */
    byte @Nullable [] next() throws WireException {
        if (!hasUnserved()) {
            return null;
        }
        byte[] call = frames.next(unserved);
        if (!unserved.hasRemaining()) {
            unserved = NOTHING;
        }
        if (call != null) {
            unanswered++;
        }
        return call;
    }

    /** Closes the descriptors that came for a call that is not made. */
    void dropDescriptors() {
        List<Descriptor> dropped = new ArrayList<>(received);
        received.clear();
        Descriptor.closeAll(dropped);
    }

    /**
     * Takes the descriptors that came with a call, one for each path.
     *
     * @throws WireException unless there are just so many: left over, they would shift the next call
     */
    List<Descriptor> takeDescriptors(int count) throws WireException {
        if (received.size() != count) {
            throw new WireException("one descriptor per path must come with the call");
        }
        List<Descriptor> head = received.subList(0, count);
        List<Descriptor> taken = List.copyOf(head);
        head.clear();
        return taken;
    }

    /** Sends a reply, or keeps what the socket does not take now. */
    void reply(Reply reply) {
        if (closed) {
            return;
        }
        unanswered--;
        byte[] bytes = Wire.encode(reply);
        waiting += bytes.length;
        outgoing.add(ByteBuffer.wrap(bytes));
        if (waiting > MAX_WAITING) {
            close();
            return;
        }
        flush();
    }

    /** Sends a last reply; nothing more is read. */
    void replyAndClose(Reply reply) {
        closing = true;
        reply(reply);
        if (outgoing.isEmpty()) {
            close();
        }
    }

    /** Sends on what waits. */
    void flush() {
        try {
            while (!outgoing.isEmpty()) {
                ByteBuffer head = outgoing.getFirst();
                int sent = kernel.send(socket, head, List.of());
                waiting -= sent;
                if (head.hasRemaining()) {
                    return;
                }
                outgoing.removeFirst();
            }
            if (closing) {
                close();
            }
        } catch (KernelException e) {
            // A client that has gone needs no reply; that it has gone is noticed where it is read.
            close();
        }
    }

    void close() {
        closed = true;
        outgoing.clear();
        waiting = 0;
        unserved = NOTHING;
        List<Descriptor> all = new ArrayList<>(received);
        received.clear();
        all.add(socket);
        Descriptor.closeAll(all);
    }
}
