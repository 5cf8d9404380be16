package dev.lull.guard;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/** Where threads leave notes for the guard's loop. Any thread may post; the loop alone takes. */
final class Mailbox {
    private final Kernel kernel;
    private final Descriptor bell;
    private final ConcurrentLinkedQueue<Note> notes = new ConcurrentLinkedQueue<>();

    Mailbox(Kernel kernel) throws KernelException {
        this.kernel = kernel;
        this.bell = kernel.eventDescriptor();
    }

    /** Readable when there may be a note. */
    Descriptor bell() {
        return bell;
    }

    void post(Note note) {
        notes.add(note);
        try {
            kernel.signal(bell);
        } catch (KernelException e) {
            throw new IllegalStateException("the guard's own event descriptor", e);
        }
    }

    @Nullable Note take() {
        return notes.poll();
    }
}
