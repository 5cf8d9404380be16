package dev.lull.guard;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * What the guard and its two companions say to each other: 32 bytes, with at most two descriptors. So small that it can
 * be read one at a time, which keeps each descriptor with its message, and that nothing has to be parsed.
 *
 * @param kind what it says
 * @param slot one filesystem of one lease; numbers are not used twice in a guard's life
 * @param lease the lease's serial number
 * @param value a deadline, a level or a thread's id, as the kind has it
 * @param descriptors the filesystem's directory and the canary's bell, where the kind has them
 */
record Signal(Kind kind, int slot, long lease, long value, List<Descriptor> descriptors) {
    /** Bytes of one signal. */
    static final int SIZE = 32;

    /** In the place of a slot, with {@link Kind#DEADLINE}. */
    static final int SETTLED = 1;

    enum Kind {
        /** Companion to guard: started up; {@code value} is its process id. */
        READY,
        /**
         * Guard to companion: keep this descriptor for {@code slot}. To the sentry, {@code value} is the level; to the
         * canary a second descriptor comes with it, an event that sends it to sleep.
         */
        KEEP,
        /** Companion to guard: kept; from the canary, {@code value} is the thread's id, and its call came through. */
        KEPT,
        /**
         * Guard to sentry: thaw {@code lease} one grace after {@code value} unless told otherwise. {@code slot} is {@link
         * #SETTLED} once none of it can be inside FIFREEZE.
         */
        DEADLINE,
        /** Canary to guard: woke up on {@code slot}. */
        AWAKE,
        /** Guard to companion: forget {@code slot}. */
        FORGET,
        /** Companion to guard: forgotten, and the descriptor closed. */
        FORGOTTEN,
        /** Guard to sentry: RCU is expedited (value 1), or no longer (0); put it back if the guard dies. */
        EXPEDITED,
        /** Sentry to guard: {@code lease} was thawed by the sentry. */
        THAWED
    }

    private static final Kind[] KINDS = Kind.values();

    static Signal of(Kind kind, int slot, long lease, long value) {
        return new Signal(kind, slot, lease, value, List.of());
    }

    /** @return false if the peer does not read: its socket is full, so it is as good as dead */
    @SuppressWarnings("EnumOrdinal") // both ends come from the same jar
    boolean send(Kernel kernel, Descriptor socket) throws KernelException {
        ByteBuffer bytes = ByteBuffer.allocate(SIZE);
        bytes.putInt(kind.ordinal()).putInt(slot).putLong(lease).putLong(value).putLong(0).flip();
        int sent = kernel.send(socket, bytes, descriptors);
        if (sent != 0 && sent != SIZE) {
            throw new KernelException("sendmsg", socket.name(), Errno.EMSGSIZE);
        }
        return sent == SIZE;
    }

    /** What came from a peer. */
    sealed interface Received {
        record One(Signal signal) implements Received {}

        record Nothing() implements Received {}

        /** The peer closed, died, or talks rubbish. */
        record Gone() implements Received {}
    }

    static Received receive(Kernel kernel, Descriptor socket) {
        ByteBuffer bytes = ByteBuffer.allocate(SIZE);
        List<Descriptor> passed = new ArrayList<>(2);
        try {
            int count = kernel.receive(socket, bytes, passed);
            if (count == 0) {
                return new Received.Nothing();
            }
            if (count != SIZE) {
                return new Received.Gone();
            }
        } catch (KernelException e) {
            return new Received.Gone();
        }
        bytes.flip();
        int kind = bytes.getInt();
        if (kind < 0 || kind >= KINDS.length) {
            return new Received.Gone();
        }
        return new Received.One(
                new Signal(
                        KINDS[kind],
                        bytes.getInt(),
                        bytes.getLong(),
                        bytes.getLong(),
                        List.copyOf(passed)));
    }
}
