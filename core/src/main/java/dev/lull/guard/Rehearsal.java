package dev.lull.guard;

import dev.lull.lease.LeaseEvent;
import dev.lull.lease.LeaseState;
import dev.lull.lease.Terms;
import dev.lull.lease.Timeouts;
import dev.lull.lease.Transition;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * Goes through what a window consists of, often enough for the JVM to compile it, before there is one: otherwise the
 * interpreter and the compiler take part in the first ones, and classes are loaded from what may be frozen.
 */
final class Rehearsal implements Runnable {
    /** A few times what the guard's JVM asks for before it compiles a method ({@link Jvm}). */
    private static final int TIMES = 100;

    private final Kernel kernel;

    Rehearsal(Kernel kernel) {
        this.kernel = kernel;
    }

    @Override
    public void run() {
        for (int i = 0; i < TIMES; i++) {
            try {
                once();
            } catch (KernelException | WireException e) {
                // What fails here fails again where it counts, and is told there.
                return;
            }
        }
    }

    private void once() throws KernelException, WireException {
        try (Descriptor self = kernel.openThread(kernel.processId(), kernel.threadId())) {
            kernel.deepSleep(self);
        }
        kernel.thread(kernel.processId(), kernel.threadId());
        kernel.poll(List.of(), Duration.ofNanos(1));
        for (Request request :
                List.of(
                        new Request.Freeze("rehearse"),
                        new Request.Extend("rehearse", Optional.empty()),
                        new Request.Release("rehearse"))) {
            byte[] message = Wire.encode(request);
            Wire.request(java.util.Arrays.copyOf(message, message.length - 1));
        }
        Wire.encode(new Reply.Frozen("rehearse", OptionalLong.of(kernel.bootNanos())));
        Wire.encode(new Reply.Extended("rehearse", OptionalLong.of(kernel.bootNanos())));
        Terms terms = new Terms(Timeouts.DEFAULT, List.of(new Terms.Member(0, true)));
        long now = kernel.bootNanos();
        LeaseState state = new LeaseState.Armed();
        for (LeaseEvent event :
                List.of(
                        new LeaseEvent.Freeze(),
                        new LeaseEvent.FreezeReturned(0, Optional.empty()),
                        new LeaseEvent.CanaryAsleep(0),
                        new LeaseEvent.Extend(Optional.empty()),
                        new LeaseEvent.Release(),
                        new LeaseEvent.ThawReturned(0, Optional.empty()))) {
            state = Transition.of(terms, state, event, now).state();
        }
    }
}
