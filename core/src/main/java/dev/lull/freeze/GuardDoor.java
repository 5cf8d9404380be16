package dev.lull.freeze;

import dev.lull.guard.Jvm;
import dev.lull.guard.PolicyFile;
import dev.lull.guard.Reply;
import dev.lull.guard.Request;
import dev.lull.guard.Wire;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.Peer;
import dev.lull.linux.PollInterest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * How a client comes to a guard: through its socket, and by starting one where there is none. Two clients may start one
 * each at once; the guards settle it between them by a lock, and the one that loses ends.
 */
final class GuardDoor {
    /** A guard starts in well under a second; on a machine that is busy or swaps it takes longer. */
    private static final Duration PATIENCE = Duration.ofSeconds(40);

    private static final Duration FIRST_PAUSE = Duration.ofMillis(5);
    private static final Duration LONGEST_PAUSE = Duration.ofMillis(200);

    /** A guard that finds another one starting ends; the other may fail after that. */
    private static final Duration NEXT_START = Duration.ofSeconds(3);

    /** For somebody who is not root, and whom the guard's socket does not let in. */
    static final String NEEDS_LEAVE =
            "lull needs root, unless root names you in " + PolicyFile.DEFAULT.path();

    private static final long IDLE_SECONDS = 60;
    private static final Path DEVICE_NULL = Path.of("/dev/null");
    private static final int WRITABLE_BY_OTHERS = 022;

    /** Guards are our children until we end. One that ends earlier stays a zombie until it is reaped. */
    private static final Queue<Integer> STARTED = new ConcurrentLinkedQueue<>();

    private final Kernel kernel;
    private final Path directory;

    GuardDoor(Kernel kernel, Path directory) {
        this.kernel = kernel;
        this.directory = directory;
    }

    GuardClient enter() throws FreezeException {
        long deadline = kernel.bootNanos() + PATIENCE.toNanos();
        Duration pause = FIRST_PAUSE;
        long nextStart = kernel.bootNanos();
        try {
            reap();
            while (true) {
                Optional<GuardClient> client = enterIfOpen();
                if (client.isPresent()) {
                    return client.get();
                }
                long left = deadline - kernel.bootNanos();
                if (left <= 0) {
                    throw new GuardUnreachableException(
                            Trouble.of("start", "the guard does not answer at " + socket())
                                    .hint("run it in the foreground to see why: lull guard"));
                }
                if (kernel.bootNanos() >= nextStart) {
                    start(Duration.ofNanos(left));
                    nextStart = kernel.bootNanos() + NEXT_START.toNanos();
                    continue;
                }
                // Another client's guard has the lock and will listen soon.
                kernel.poll(List.of(), pause);
                pause = pause.multipliedBy(2);
                pause = pause.compareTo(LONGEST_PAUSE) < 0 ? pause : LONGEST_PAUSE;
            }
        } catch (KernelException e) {
            throw new GuardUnreachableException(Trouble.of("start the guard with", e));
        }
    }

    Optional<GuardClient> enterIfOpen() throws FreezeException {
        Optional<Descriptor> socket = connect();
        if (socket.isEmpty()) {
            return Optional.empty();
        }
        try {
            GuardClient client = new GuardClient(kernel, socket.get());
            try {
                requireOurVersion(client);
                return Optional.of(client);
            } catch (GuardGoneException e) {
                // It was about to end when we came.
                client.close();
                return Optional.empty();
            } catch (FreezeException e) {
                client.close();
                throw e;
            }
        } catch (KernelException e) {
            throw closing(socket.get(), new GuardUnreachableException(Trouble.of("talk to", e)));
        }
    }

    private Path socket() {
        return directory.resolve("guard.sock");
    }

    private Optional<Descriptor> connect() throws FreezeException {
        try {
            if (!trusted(directory, kernel.effectiveUser())) {
                return Optional.empty();
            }
            Descriptor socket = kernel.connect(socket());
            try {
                requireTrusted(kernel.peer(socket));
                return Optional.of(socket);
            } catch (KernelException e) {
                throw closing(socket, new GuardUnreachableException(Trouble.of("talk to", e)));
            } catch (FreezeException e) {
                throw closing(socket, e);
            }
        } catch (KernelException e) {
            Errno errno = e.errno();
            if (errno.equals(Errno.ENOENT)
                    || errno.equals(Errno.ECONNREFUSED)
                    || errno.equals(Errno.EAGAIN)) {
                return Optional.empty();
            }
            Trouble trouble = Trouble.of("connect to", e);
            throw errno.equals(Errno.EACCES) || errno.equals(Errno.EPERM)
                    ? new NotPermittedException(trouble.hint(NEEDS_LEAVE))
                    : new GuardUnreachableException(trouble);
        }
    }

    /**
     * Looks at the socket's directory. Who can write to it can put a socket of his own there, and would be given our
     * descriptors.
     *
     * @param user whose directory it may be, besides root's
     * @return false if there is none
     */
    static boolean trusted(Path directory, int user) throws FreezeException {
        try {
            Map<String, Object> attributes = Files.readAttributes(directory, "unix:uid,mode");
            if (attributes.get("uid") instanceof Integer uid
                    && (uid == 0 || uid == user)
                    && attributes.get("mode") instanceof Integer mode
                    && (mode & WRITABLE_BY_OTHERS) == 0) {
                return true;
            }
        } catch (NoSuchFileException e) {
            return false;
        } catch (IOException e) {
            throw new GuardUnreachableException(
                    Trouble.of("connect", "cannot look at " + directory + ": " + e.getMessage())
                            .because(e));
        }
        throw new GuardUnreachableException(
                Trouble.of("connect", directory + " can be written to by others than root")
                        .at(directory.toString())
                        .hint(
                                "find out who made it, then: chown root "
                                        + directory
                                        + " && chmod 711 "
                                        + directory));
    }

    private void requireTrusted(Peer peer) throws FreezeException {
        if (peer.uid() != 0 && peer.uid() != kernel.effectiveUser()) {
            throw new GuardUnreachableException(
                    Trouble.of(
                                    "connect",
                                    socket() + " is served by user " + peer.uid() + ", not root")
                            .at(socket().toString())
                            .hint("find out what process " + peer.pid() + " is"));
        }
    }

    private static void requireOurVersion(GuardClient client) throws FreezeException {
        Reply.GuardStatus status = (Reply.GuardStatus) client.call(new Request.Status());
        if (status.protocol() != Wire.PROTOCOL) {
            throw new GuardUnreachableException(
                    Trouble.of(
                                    "connect",
                                    "the guard is lull "
                                            + status.version()
                                            + " with protocol "
                                            + status.protocol()
                                            + ", this one has protocol "
                                            + Wire.PROTOCOL)
                            .hint("stop it when it has no lease: lull guard --stop"));
        }
    }

    /** Returns when it listens, or has ended because there is one already, or {@code patience} is over. */
    private void start(Duration patience) throws FreezeException, KernelException {
        if (kernel.effectiveUser() != 0) {
            throw new NotPermittedException(
                    Trouble.of("start", "the guard does not run, and only root can start it")
                            .hint(
                                    "lull needs root; whom "
                                            + PolicyFile.DEFAULT.path()
                                            + " names needs a guard that runs, best as a service: see docs/service.md"));
        }
        List<String> command = Jvm.guardCommand(IDLE_SECONDS);
        List<Descriptor> ends = kernel.socketPair("guard's start-up");
        try (Descriptor ours = ends.getFirst();
                Descriptor theirs = ends.getLast();
                Descriptor none = kernel.openReadWrite(DEVICE_NULL)) {
            int pid =
                    kernel.spawn(
                            Path.of(command.getFirst()),
                            command,
                            Map.of(),
                            List.of(none, theirs, none));
            STARTED.add(pid);
            theirs.close();
            requireNoError(firstWords(ours, patience));
        }
    }

    /** What it says until it closes its stdout, or has said enough. */
    private String firstWords(Descriptor stdout, Duration patience) throws KernelException {
        ByteBuffer words = ByteBuffer.allocate(4096);
        long deadline = kernel.bootNanos() + patience.toNanos();
        while (words.hasRemaining()) {
            int count = kernel.receive(stdout, words, new ArrayList<>(0));
            if (count < 0 || text(words).startsWith("ready\n")) {
                break;
            }
            Duration left = Duration.ofNanos(deadline - kernel.bootNanos());
            if (left.isNegative()) {
                break;
            }
            if (count == 0) {
                kernel.poll(List.of(PollInterest.readable(stdout)), left);
            }
        }
        return text(words);
    }

    private static String text(ByteBuffer words) {
        return new String(words.array(), 0, words.position(), StandardCharsets.UTF_8);
    }

    /** It says {@code ready}, or {@code error: …} and perhaps {@code hint: …}. */
    private static void requireNoError(String words) throws GuardUnreachableException {
        String error = "";
        String hint = "";
        for (String line : words.lines().toList()) {
            if (line.startsWith("error: ")) {
                error = line.substring("error: ".length());
            } else if (line.startsWith("hint: ")) {
                hint = line.substring("hint: ".length());
            }
        }
        if (!error.isEmpty()) {
            Trouble trouble = Trouble.of("start", "the guard cannot start: " + error);
            throw new GuardUnreachableException(hint.isEmpty() ? trouble : trouble.hint(hint));
        }
    }

    private void reap() throws KernelException {
        for (Integer pid : List.copyOf(STARTED)) {
            if (kernel.reap(pid).isPresent()) {
                STARTED.remove(pid);
            }
        }
    }

    private static <T extends FreezeException> T closing(Descriptor socket, T e) {
        try {
            socket.close();
        } catch (KernelException suppressed) {
            e.addSuppressed(suppressed);
        }
        return e;
    }
}
