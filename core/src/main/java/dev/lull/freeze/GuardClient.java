package dev.lull.freeze;

import dev.lull.guard.Frames;
import dev.lull.guard.Reply;
import dev.lull.guard.Request;
import dev.lull.guard.RunDirectory;
import dev.lull.guard.Wire;
import dev.lull.guard.WireException;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.PollInterest;
import dev.lull.linux.ThreadStatus;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A connection to the guard: one call at a time, each answered before the next. For any thread; a second caller waits.
 * {@link Freezer} is the easier way to a lease; this one is for tools that look at leases or end them.
 */
public final class GuardClient implements AutoCloseable {
    /** Where the guard's socket and records are. */
    public static final Path DIRECTORY = RunDirectory.DEFAULT;

    /** How long a guard may take to thaw: FITHAW writes to the filesystem, and the storage may be slow. */
    public static final Duration THAWING = Duration.ofSeconds(60);

    /** How long a guard may take for an answer that needs no work. */
    static final Duration PROMPT = Duration.ofSeconds(10);

    private static final int BUFFER = 16 * 1024;

    /** How often a peer is looked at while an answer is awaited: a killed guard can leave its socket open. */
    private static final Duration GLANCE = Duration.ofMillis(250);

    private final Kernel kernel;
    private final Descriptor socket;
    private final Descriptor wake;
    private final int guard;
    private final Frames frames = new Frames(Wire.MAX_REPLY);
    private final ByteBuffer received = ByteBuffer.allocate(BUFFER).limit(0);
    private final ReentrantLock turn = new ReentrantLock();
    private final AtomicBoolean closing = new AtomicBoolean();

    /** Owns {@code socket} from here on. */
    GuardClient(Kernel kernel, Descriptor socket) throws KernelException {
        this.kernel = kernel;
        this.socket = socket;
        this.guard = kernel.peer(socket).pid();
        this.wake = kernel.eventDescriptor();
    }

    /**
     * Connects to this host's guard, and starts one if there is none.
     *
     * @throws GuardUnreachableException if that fails, or if it speaks another version of the protocol
     * @throws NotPermittedException without root
     */
    public static GuardClient connect(Kernel kernel) throws FreezeException {
        return connect(kernel, DIRECTORY);
    }

    /** As {@link #connect(Kernel)}, of a guard that has its socket and its records elsewhere. */
    public static GuardClient connect(Kernel kernel, Path directory) throws FreezeException {
        return new GuardDoor(kernel, directory).enter();
    }

    /** Connects to this host's guard if it runs. */
    public static Optional<GuardClient> ifRunning(Kernel kernel) throws FreezeException {
        return ifRunning(kernel, DIRECTORY);
    }

    /** As {@link #ifRunning(Kernel)}, of a guard that has its socket and its records elsewhere. */
    public static Optional<GuardClient> ifRunning(Kernel kernel, Path directory)
            throws FreezeException {
        return new GuardDoor(kernel, directory).enterIfOpen();
    }

    /**
     * Makes a call and waits for the answer.
     *
     * @param descriptors travel with it
     * @param limit how long to wait; empty waits for as long as the guard lives
     * @return the reply that belongs to the call, see {@link Wire#reply}; never a {@link Reply.Failure}
     * @throws GuardUnreachableException if the guard is gone, does not answer in time, or answers nonsense. The connection
     *     is then closed, which ends an attached lease.
     * @throws FreezeException of the subtype for what the guard refused
     */
    public Reply call(Request request, List<Descriptor> descriptors, Optional<Duration> limit)
            throws FreezeException {
        Reply reply = exchange(request, descriptors, limit);
        if (reply instanceof Reply.Failure failure) {
            throw Refusal.of(request, failure);
        }
        return reply;
    }

    /** As {@link #call(Request, List, Optional)}, for a call that the guard answers at once. */
    public Reply call(Request request) throws FreezeException {
        return call(request, List.of(), Optional.of(PROMPT));
    }

    /** The guard's state. */
    public Reply.GuardStatus status() throws FreezeException {
        return (Reply.GuardStatus) call(new Request.Status());
    }

    private Reply exchange(Request request, List<Descriptor> descriptors, Optional<Duration> limit)
            throws FreezeException {
        byte[] message = Wire.encode(request);
        if (message.length > Wire.MAX_MESSAGE) {
            throw new InvalidRequestException(
                    Trouble.of(
                            Refusal.operation(request),
                            "the paths are longer than a message to the guard can be"));
        }
        turn.lock();
        try {
            if (closing.get()) {
                throw gone(null);
            }
            long deadline = limit.isPresent() ? kernel.bootNanos() + limit.get().toNanos() : 0;
            send(ByteBuffer.wrap(message), descriptors, limit.isPresent(), deadline);
            return Wire.reply(receive(limit.isPresent(), deadline), request);
        } catch (WireException e) {
            throw closing(
                    new GuardUnreachableException(
                            Trouble.of(
                                            Refusal.operation(request),
                                            "the guard's answer is not understood: "
                                                    + e.getMessage())
                                    .because(e)
                                    .hint("is it of another version? see lull status")));
        } catch (KernelException e) {
            throw closing(
                    hungUp(e.errno()) ? gone(e) : new FreezeException(Trouble.of("talk to", e)));
        } catch (GuardUnreachableException e) {
            throw closing(e);
        } finally {
            turn.unlock();
        }
    }

    /** A guard that turns us away says why, and hangs up without being asked: what it said is there to be read then. */
    private void send(
            ByteBuffer message, List<Descriptor> descriptors, boolean limited, long deadline)
            throws KernelException, GuardUnreachableException {
        List<Descriptor> withFirstByte = descriptors;
        try {
            while (message.hasRemaining()) {
                if (kernel.send(socket, message, withFirstByte) == 0) {
                    await(PollInterest.OUT, limited, deadline);
                } else {
                    withFirstByte = List.of();
                }
            }
        } catch (KernelException e) {
            if (!hungUp(e.errno())) {
                throw e;
            }
        }
    }

    private byte[] receive(boolean limited, long deadline)
            throws KernelException, GuardUnreachableException, WireException {
        while (true) {
            byte @Nullable [] message = frames.next(received);
            if (message != null) {
                return message;
            }
            received.clear();
            int count = receiveSome();
            received.flip();
            if (count < 0) {
                throw gone(null);
            }
            if (count == 0) {
                await(PollInterest.IN, limited, deadline);
            }
        }
    }

    private int receiveSome() throws KernelException, WireException {
        List<Descriptor> unasked = new ArrayList<>(0);
        int count = kernel.receive(socket, received, unasked);
        for (Descriptor descriptor : unasked) {
            descriptor.close();
        }
        if (!unasked.isEmpty()) {
            throw new WireException("it sent descriptors");
        }
        return count;
    }

    private void await(int events, boolean limited, long deadline)
            throws KernelException, GuardUnreachableException {
        while (true) {
            long left = limited ? deadline - kernel.bootNanos() : GLANCE.toNanos();
            if (left <= 0) {
                throw new GuardUnreachableException(
                        Trouble.of("talk to", "the guard does not answer")
                                .hint(
                                        "look at its process "
                                                + guard
                                                + "; the sentry thaws at the deadline without it"));
            }
            Duration slice = Duration.ofNanos(Math.min(left, GLANCE.toNanos()));
            int[] ready =
                    kernel.poll(
                            List.of(new PollInterest(socket, events), PollInterest.readable(wake)),
                            slice);
            if (closing.get()) {
                throw gone(null);
            }
            if (ready[0] != 0) {
                return;
            }
            if (guardDead()) {
                throw gone(null);
            }
        }
    }

    /** A process killed with a thread in state D is a zombie with its sockets open (Linux, until the thread wakes). */
    private boolean guardDead() throws KernelException {
        if (guard <= 0) {
            return false;
        }
        Optional<ThreadStatus> leader = kernel.thread(guard, guard);
        return leader.isEmpty() || leader.get().ending();
    }

    private static boolean hungUp(Errno errno) {
        return errno.equals(Errno.EPIPE) || errno.equals(Errno.ECONNRESET);
    }

    private GuardGoneException gone(@Nullable KernelException e) {
        Trouble trouble =
                Trouble.of(
                        "talk to",
                        closing.get() ? "the connection was closed here" : "the guard is gone");
        return new GuardGoneException(e == null ? trouble : trouble.because(e));
    }

    /** Closes the connection because of a failure, and returns that; what closing does not do is suppressed in it. */
    public <T extends FreezeException> T closing(T e) {
        try {
            close();
        } catch (FreezeException suppressed) {
            e.addSuppressed(suppressed);
        }
        return e;
    }

    /** Whether the guard has closed its end, without waiting. */
    boolean lost() throws FreezeException {
        turn.lock();
        try {
            if (closing.get()) {
                return true;
            }
            int[] ready = kernel.poll(List.of(PollInterest.readable(socket)), Duration.ZERO);
            // Nothing is ever sent unasked: readable between calls is the end of the stream.
            return ready[0] != 0 || guardDead();
        } catch (KernelException e) {
            throw new FreezeException(Trouble.of("talk to", e));
        } finally {
            turn.unlock();
        }
    }

    /** Closes the connection, which ends an attached lease. A call under way fails. Idempotent. */
    @Override
    public void close() throws FreezeException {
        if (!closing.compareAndSet(false, true)) {
            return;
        }
        try {
            kernel.signal(wake);
            turn.lock();
            try {
                socket.close();
                wake.close();
            } finally {
                turn.unlock();
            }
        } catch (KernelException e) {
            throw new FreezeException(Trouble.of("close", e));
        }
    }
}
