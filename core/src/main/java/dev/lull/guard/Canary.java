package dev.lull.guard;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.LinuxKernel;
import dev.lull.linux.PollInterest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The process that proves a freeze. One thread a filesystem goes to sleep in the superblock's write lock, from which
 * nothing but a thaw wakes it: a canary still asleep when our own FITHAW is called proves that nobody else had thawed
 * before, which FITHAW's answer does not (it is 0 also after a thaw and a new freeze by somebody else).
 *
 * <p>A process of its own because one that is killed with a thread asleep there cannot end, and keeps its sockets open,
 * until the thaw.
 */
final class Canary {
    /**
     * From the bell to the freeze it goes through the lock again and again, so that the freeze finds it there; often while
     * one is under way, seldom if that takes long.
     */
    private static final Duration STEP = Duration.ofNanos(100_000);

    private static final Duration SLOW_STEP = Duration.ofMillis(5);
    private static final Duration HASTE = Duration.ofMillis(200);

    /** Whoever was in there as long was probably asleep. The guard knows for certain. */
    private static final Duration SLEPT = Duration.ofMillis(1);

    private final Kernel kernel;
    private final Descriptor guard;
    private final Path runDirectory;
    private final Map<Integer, Perch> perches = new HashMap<>();

    private Canary(Kernel kernel, Descriptor guard, Path runDirectory) {
        this.runDirectory = runDirectory;
        this.kernel = kernel;
        this.guard = guard;
    }

    /** Started by the guard, with its end of a socket as descriptor 0. Argument: run directory. */
    public static void main(String[] arguments) throws KernelException {
        run(new LinuxKernel(), Path.of(arguments[0]));
        Runtime.getRuntime().halt(0);
    }

    static void run(Kernel kernel, Path runDirectory) throws KernelException {
        Descriptor guard = Companion.inheritedSocket(kernel);
        Hardening.apply(kernel, 0, Hardening.FIRST);
        Hardening.standOn(kernel, runDirectory);
        new Canary(kernel, guard, runDirectory).run();
    }

    private void run() {
        try {
            tell(Signal.of(Signal.Kind.READY, 0, 0, kernel.processId()));
            listen();
        } catch (KernelException | RuntimeException e) {
            // The guard replaces a canary that has ended.
            Companion.leaveNote(runDirectory, "canary", e);
        }
    }

    private void listen() throws KernelException {
        List<PollInterest> interest = List.of(PollInterest.readable(guard));
        while (true) {
            switch (Signal.receive(kernel, guard)) {
                case Signal.Received.One one -> handle(one.signal());
                case Signal.Received.Nothing _ -> kernel.poll(interest, null);
                case Signal.Received.Gone _ -> {
                    return;
                }
            }
        }
    }

    private void handle(Signal signal) throws KernelException {
        switch (signal.kind()) {
            case KEEP -> {
                if (signal.descriptors().size() == 2) {
                    Perch perch =
                            new Perch(
                                    signal.slot(),
                                    signal.descriptors().getFirst(),
                                    signal.descriptors().getLast());
                    perches.put(signal.slot(), perch);
                    perch.thread.start();
                }
            }
            case FORGET -> {
                Perch perch = perches.remove(signal.slot());
                if (perch == null) {
                    tell(Signal.of(Signal.Kind.FORGOTTEN, signal.slot(), 0, 0));
                } else {
                    perch.forget();
                }
            }
            default -> throw new IllegalStateException("a canary is not told " + signal.kind());
        }
    }

    private synchronized void tell(Signal signal) throws KernelException {
        try {
            // A guard that does not listen looks at the threads itself.
            boolean _ = signal.send(kernel, guard);
        } catch (KernelException e) {
            // A guard that is gone needs no word; the socket's end is seen where it is read.
            if (!e.errno().equals(Errno.EPIPE) && !e.errno().equals(Errno.ECONNRESET)) {
                throw e;
            }
        }
    }

    /** One filesystem's thread. */
    private final class Perch implements Runnable {
        private final int slot;
        private final Descriptor filesystem;
        private final Descriptor bell;
        private final Thread thread;
        private volatile boolean forgotten;
        private boolean closed;

        Perch(int slot, Descriptor filesystem, Descriptor bell) {
            this.slot = slot;
            this.filesystem = filesystem;
            this.bell = bell;
            this.thread = new Thread(null, this, "canary-" + slot, Companion.STACK);
            this.thread.setDaemon(true);
        }

        synchronized void forget() throws KernelException {
            forgotten = true;
            if (!closed) {
                kernel.signal(bell);
            }
        }

        @Override
        public void run() {
            try {
                try {
                    perch();
                } finally {
                    close();
                }
            } catch (KernelException e) {
                // A canary that cannot sing is a dead one: the guard sees the thread gone and
                // trusts no proof of it.
                Companion.leaveNote(runDirectory, "canary", e);
            }
            sayForgotten();
        }

        private void perch() throws KernelException {
            // Once before the freeze: it warms the call up, and one that does not come back
            // tells the guard that somebody else has frozen this filesystem already.
            kernel.passWriteLock(filesystem);
            tell(Signal.of(Signal.Kind.KEPT, slot, 0, kernel.threadId()));
            List<PollInterest> interest = List.of(PollInterest.readable(bell));
            kernel.poll(interest, null);
            long rung = kernel.bootNanos();
            while (!forgotten) {
                long began = kernel.bootNanos();
                kernel.passWriteLock(filesystem);
                long now = kernel.bootNanos();
                if (now - began >= SLEPT.toNanos()) {
                    tell(Signal.of(Signal.Kind.AWAKE, slot, 0, 0));
                }
                kernel.poll(List.of(), now - rung < HASTE.toNanos() ? STEP : SLOW_STEP);
            }
        }

        /** {@link #forget} has its bell until then. */
        private synchronized void close() throws KernelException {
            try (filesystem;
                    bell) {
                closed = true;
            }
        }

        /** Only now the descriptors are closed, and the filesystem can be unmounted. */
        private void sayForgotten() {
            try {
                tell(Signal.of(Signal.Kind.FORGOTTEN, slot, 0, 0));
            } catch (KernelException e) {
                Companion.leaveNote(runDirectory, "canary", e);
            }
        }
    }
}
