package dev.lull.run;

import dev.lull.freeze.GuardClient;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.LinuxKernel;
import dev.lull.linux.PollInterest;
import dev.lull.linux.TrappedIoctl;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The process beside a program under {@code lull run}: answers the program's freeze ioctls with leases, and ends when
 * nobody is left who could make one. A process of its own, so that the program is its caller's child, with its caller's
 * terminal and signals, and nobody stands between them.
 *
 * <p>Its one loop never waits for a caller, for the guard or for storage; each call has a thread of its own.
 */
public final class RunSupervisor {
    /** Where {@link Launch} has its end of a socket; 0 to 2 are /dev/null. */
    static final int SOCKET = 3;

    /** Its first and only word, once calls are answered. */
    static final byte READY = 'r';

    /**
     * A signal aborts a call that has not been received yet: the fewer, the sooner it is. But after the guard, of which
     * there is one, however many of these there are.
     */
    private static final int EARLY = -10;

    private static final Duration PROGRAM_ENDS = Duration.ofSeconds(5);

    /** How often processes are looked at while something is held: one that is killed and hangs closes nothing. */
    private static final Duration LOOK = Duration.ofMillis(250);

    /** How often the guard is asked which leases have ended, while any is remembered. */
    private static final Duration ASK = Duration.ofSeconds(10);

    /** More than the thaw of a lease may take. What then still hangs leaves its lease to the guard, and the timeout. */
    private static final Duration LAST_CALLS = Duration.ofSeconds(90);

    private static final long STACK = 512 * 1024;

    private final Kernel kernel;
    private final Path directory;
    private final Descriptor listener;
    private final WatchedProcess program;
    private final RunLimits limits;
    private final Descriptor bell;
    private final SystemLog log;
    private final HeldLeases held;
    private final Set<Thread> calls = ConcurrentHashMap.newKeySet();
    private long lookedAt;
    private long askedAt;

    private RunSupervisor(
            Kernel kernel,
            Path directory,
            Descriptor listener,
            int pid,
            Descriptor process,
            RunLimits limits)
            throws KernelException {
        this.kernel = kernel;
        this.directory = directory;
        this.listener = listener;
        this.limits = limits;
        this.bell = kernel.eventDescriptor();
        this.log = new SystemLog(kernel, directory);
        this.program = new WatchedProcess(kernel, pid, process, log);
        this.held = new HeldLeases(kernel, directory, log);
    }

    /** Started by {@link Launch}. Arguments: the program's pid, and the words of {@link RunLimits}. */
    public static void main(String[] arguments) {
        Kernel kernel = new LinuxKernel();
        int status = 0;
        try {
            Descriptor socket = kernel.duplicate(new Descriptor(SOCKET, "lull run", _ -> {}));
            run(
                    kernel,
                    GuardClient.DIRECTORY,
                    socket,
                    Integer.parseInt(arguments[0]),
                    RunLimits.ofWords(arguments[1], arguments[2]));
        } catch (KernelException | RuntimeException e) {
            new SystemLog(kernel, GuardClient.DIRECTORY).error("cannot supervise a program: " + e);
            status = 1;
        }
        // Threads that hang with their callers must not keep it.
        Runtime.getRuntime().halt(status);
    }

    /**
     * Supervises until nobody is left to be supervised.
     *
     * @param socket on which the listener comes
     * @param pid of the program
     */
    static void run(Kernel kernel, Path directory, Descriptor socket, int pid, RunLimits limits)
            throws KernelException {
        Descriptor process = kernel.openProcess(pid);
        try (Descriptor listener = receive(kernel, socket)) {
            RunSupervisor supervisor =
                    new RunSupervisor(kernel, directory, listener, pid, process, limits);
            supervisor.hurry();
            kernel.send(socket, ByteBuffer.wrap(new byte[] {READY}), List.of());
            socket.close();
            supervisor.answerCalls();
            supervisor.end();
        }
    }

    private void hurry() {
        try {
            kernel.setNiceness(EARLY);
            kernel.holdCompilersBack();
        } catch (KernelException e) {
            // In a container, say. It is late more often then.
            log.error("cannot raise the priority: " + e.getMessage());
        }
    }

    private static Descriptor receive(Kernel kernel, Descriptor socket) throws KernelException {
        List<Descriptor> descriptors = new ArrayList<>();
        while (true) {
            kernel.poll(List.of(PollInterest.readable(socket)), null);
            int count = kernel.receive(socket, ByteBuffer.allocate(1), descriptors);
            if (!descriptors.isEmpty()) {
                return descriptors.getFirst();
            }
            if (count != 0) {
                throw new KernelException("receive from", socket.name(), Errno.EPIPE);
            }
        }
    }

    private void answerCalls() throws KernelException {
        while (true) {
            List<PollInterest> interests = new ArrayList<>();
            interests.add(PollInterest.readable(listener));
            interests.add(PollInterest.readable(bell));
            program.interest().ifPresent(interests::add);
            interests.addAll(held.interests());
            int[] ready = kernel.poll(interests, held.isEmpty() ? null : LOOK);
            if ((ready[0] & PollInterest.IN) != 0) {
                Optional<TrappedIoctl> call = kernel.nextTrapped(listener);
                call.ifPresent(this::begin);
            } else if (ready[0] != 0) {
                return;
            }
            if (ready[1] != 0) {
                kernel.clear(bell);
            }
            long now = kernel.bootNanos();
            if (anyReady(ready, 2) || now - lookedAt >= LOOK.toNanos()) {
                lookedAt = now;
                look();
                askForEnded(now);
            }
        }
    }

    private static boolean anyReady(int[] ready, int from) {
        for (int i = from; i < ready.length; i++) {
            if (ready[i] != 0) {
                return true;
            }
        }
        return false;
    }

    private void begin(TrappedIoctl ioctl) {
        FreezeIoctl call =
                new FreezeIoctl(kernel, directory, listener, ioctl, limits, held, this::ring, log);
        begin("ioctl-" + ioctl.thread(), call);
    }

    /** What may take as long as the storage does. */
    private void begin(String name, Runnable work) {
        Thread thread =
                new Thread(
                        null,
                        () -> {
                            try {
                                work.run();
                            } finally {
                                calls.remove(Thread.currentThread());
                            }
                        },
                        name,
                        STACK);
        thread.setDaemon(true);
        calls.add(thread);
        thread.start();
    }

    /** Has the loop see that there is one more process to watch. */
    private void ring() {
        try {
            kernel.signal(bell);
        } catch (KernelException e) {
            log.error("cannot watch a program: " + e.getMessage());
        }
    }

    /** Looks who has ended, and how. */
    private void look() {
        for (String lease : held.orphans()) {
            begin("end-" + lease, () -> held.abandon(lease));
        }
        if (program.isWatched() && program.look() == WatchedProcess.Fate.KILLED) {
            begin("end", held::abandonAll);
        }
    }

    /** Once nothing is held any more, this process sleeps until it is called. */
    private void askForEnded(long now) {
        if (held.isEmpty()) {
            askedAt = now;
        } else if (now - askedAt >= ASK.toNanos()) {
            askedAt = now;
            begin("ended", held::forgetEnded);
        }
    }

    /** Nobody is left. The listener hangs up a moment before the last process can be waited for. */
    private void end() throws KernelException {
        Optional<PollInterest> programEnds = program.interest();
        if (programEnds.isPresent()) {
            kernel.poll(List.of(programEnds.get()), PROGRAM_ENDS);
        }
        // A call that hangs must not keep the leases of the killed, and one may still add to them.
        look();
        joinCalls();
        look();
        joinCalls();
    }

    private void joinCalls() {
        long until = kernel.bootNanos() + LAST_CALLS.toNanos();
        for (Thread thread : List.copyOf(calls)) {
            long left = until - kernel.bootNanos();
            if (left <= 0) {
                log.error("not all is done for programs that have ended: " + thread.getName());
                return;
            }
            try {
                thread.join(Duration.ofNanos(left));
            } catch (InterruptedException e) {
                throw new IllegalStateException("nobody interrupts a supervisor", e);
            }
        }
    }
}
