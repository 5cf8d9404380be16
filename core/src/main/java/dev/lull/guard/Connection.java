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
import java.util.Optional;

/** One client's connection. Belongs to the guard's loop. */
final class Connection {
    /** A client that does not read its replies is dropped when this many bytes wait for it. */
    private static final int MAX_WAITING = 2 << 20;

    private static final int MAX_DESCRIPTORS = 2 * Wire.MAX_PATHS;

    private final Kernel kernel;
    private final Descriptor socket;
    private final Peer peer;
    private final Frames frames = new Frames(Wire.MAX_MESSAGE);
    private final ByteBuffer incoming = ByteBuffer.allocate(16 * 1024);
    private final List<Descriptor> received = new ArrayList<>();
    private final Deque<ByteBuffer> outgoing = new ArrayDeque<>();
    private int waiting;
    private boolean closing;
    private boolean closed;

    Connection(Kernel kernel, Descriptor socket, Peer peer) {
        this.kernel = kernel;
        this.socket = socket;
        this.peer = peer;
    }

    Descriptor socket() {
        return socket;
    }

    Peer peer() {
        return peer;
    }

    boolean closed() {
        return closed;
    }

    /** Whether what it says is still of interest. */
    boolean listening() {
        return !closing;
    }

    boolean hasOutput() {
        return !outgoing.isEmpty();
    }

    /**
     * Reads what has come, and adds each whole message to {@code messages}.
     *
     * @return false if the client is gone
     * @throws WireException if it talks nonsense; it cannot be understood from here on
     */
    boolean read(List<byte[]> messages) throws WireException {
        if (closing) {
            return true;
        }
        incoming.clear();
        try {
            int count = kernel.receive(socket, incoming, received);
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
        incoming.flip();
        byte[] message = frames.next(incoming);
        while (message != null) {
            messages.add(message);
            message = frames.next(incoming);
        }
        return true;
    }

    /** Takes the descriptors that came; empty unless there are just so many: left over, they would shift the next call. */
    Optional<List<Descriptor>> takeDescriptors(int count) {
        if (received.size() != count) {
            return Optional.empty();
        }
        List<Descriptor> head = received.subList(0, count);
        List<Descriptor> taken = List.copyOf(head);
        head.clear();
        return Optional.of(taken);
    }

    /** Sends a reply, or keeps what the socket does not take now. */
    void reply(Reply reply) {
        if (closed) {
            return;
        }
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
        List<Descriptor> all = new ArrayList<>(received);
        received.clear();
        all.add(socket);
        for (Descriptor descriptor : all) {
            try {
                descriptor.close();
            } catch (KernelException e) {
                // close(2) frees the number whatever it answers.
                continue;
            }
        }
    }
}
