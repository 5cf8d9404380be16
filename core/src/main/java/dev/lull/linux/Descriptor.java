package dev.lull.linux;

import java.util.concurrent.atomic.AtomicBoolean;

/**
 * An open file descriptor that this object owns, and the name a message calls it by. Closing is idempotent and safe
 * from any thread; the number must not be used afterwards, since the kernel hands it out again.
 */
public final class Descriptor implements AutoCloseable {
    /** Closes a descriptor's number; given by the kernel that opened it. */
    @FunctionalInterface
    public interface Closer {
        void close(int number) throws KernelException;
    }

    private final int number;
    private final String name;
    private final Closer closer;
    private final AtomicBoolean closed = new AtomicBoolean();

    public Descriptor(int number, String name, Closer closer) {
        this.number = number;
        this.name = name;
        this.closer = closer;
    }

    /**
     * The descriptor's number in this process.
     *
     * @throws IllegalStateException after {@link #close()}
     */
    public int number() {
        if (closed.get()) {
            throw new IllegalStateException("descriptor of " + name + " is closed");
        }
        return number;
    }

    /** What was opened, for messages: a path, or words such as {@code guard connection}. */
    public String name() {
        return name;
    }

    public boolean isOpen() {
        return !closed.get();
    }

    /** Closes all of them that can be closed: close(2) frees the number whatever it answers. */
    public static void closeAll(Iterable<Descriptor> descriptors) {
        for (Descriptor descriptor : descriptors) {
            try {
                descriptor.close();
            } catch (KernelException e) {
                continue;
            }
        }
    }

    @Override
    public void close() throws KernelException {
        if (closed.compareAndSet(false, true)) {
            closer.close(number);
        }
    }

    @Override
    public String toString() {
        return name + " (fd " + number + (closed.get() ? ", closed)" : ")");
    }
}
