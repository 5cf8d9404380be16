package dev.lull.guard;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.ThreadStatus;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** One of the guard's two companion processes, sentry or canary, as the guard sees it. */
final class Companion {
    /** Stack of the companions' threads, bytes: they do next to nothing, and every one is locked in memory. */
    static final long STACK = 128 * 1024;

    private static final int SIGKILL = 9;

    private final Kernel kernel;
    private final String name;
    private final Descriptor socket;
    private final int pid;
    private boolean ready;
    private boolean lost;

    private Companion(Kernel kernel, String name, Descriptor socket, int pid) {
        this.kernel = kernel;
        this.name = name;
        this.socket = socket;
        this.pid = pid;
    }

    /** In the companion: the socket that it was started with. */
    static Descriptor inheritedSocket(Kernel kernel) throws KernelException {
        return kernel.duplicate(new Descriptor(0, "guard", _ -> {}));
    }

    /** In a companion: says in a file on the run directory's tmpfs what went wrong. */
    static void leaveNote(Path runDirectory, String name, Exception why) {
        StringWriter trace = new StringWriter();
        why.printStackTrace(new PrintWriter(trace));
        try {
            Files.writeString(
                    runDirectory.resolve(name + ".trouble"),
                    trace.toString(),
                    StandardOpenOption.CREATE,
                    StandardOpenOption.TRUNCATE_EXISTING,
                    StandardOpenOption.WRITE);
        } catch (IOException e) {
            // There is nowhere else to say it: all else may be frozen.
            why.addSuppressed(e);
        }
    }

    /** Starts a companion; it tells when it is {@link #ready}. */
    static Companion start(Kernel kernel, String name, List<String> command)
            throws KernelException {
        List<Descriptor> pair = kernel.socketPair(name);
        try (Descriptor theirs = pair.get(1);
                Descriptor nowhere = kernel.openReadWrite(Path.of("/dev/null"))) {
            int pid =
                    kernel.spawn(
                            Path.of(command.getFirst()),
                            command,
                            Map.of(),
                            List.of(theirs, nowhere, nowhere));
            return new Companion(kernel, name, pair.get(0), pid);
        } catch (KernelException e) {
            pair.get(0).close();
            throw e;
        }
    }

    Descriptor socket() {
        return socket;
    }

    int pid() {
        return pid;
    }

    String name() {
        return name;
    }

    boolean ready() {
        return ready && !lost;
    }

    void becameReady() {
        ready = true;
    }

    /** Sends, and counts a companion that does not listen as lost. */
    void tell(Signal signal) {
        if (lost) {
            return;
        }
        try {
            lost = !signal.send(kernel, socket);
        } catch (KernelException e) {
            lost = true;
        }
    }

    /** What it says; one that is gone counts as lost from then on. */
    Signal.Received receive() {
        if (lost) {
            return new Signal.Received.Gone();
        }
        Signal.Received received = Signal.receive(kernel, socket);
        lost = received instanceof Signal.Received.Gone;
        return received;
    }

    /** Whether it has neither closed its socket nor stopped reading it. */
    boolean reachable() {
        return !lost;
    }

    /** Whether it can no longer be relied on: dead, dying, stopped or deaf. */
    boolean looksLost() {
        if (lost) {
            return true;
        }
        Optional<ThreadStatus> leader;
        try {
            leader = kernel.thread(pid, pid);
        } catch (KernelException e) {
            // What cannot be looked at now is not given up for that.
            return false;
        }
        return leader.isEmpty() || leader.get().ending() || leader.get().stopped();
    }

    /** Ends it, for good. Its threads that sleep on a frozen filesystem end with the thaw. */
    void dismiss() throws KernelException {
        lost = true;
        try {
            kernel.kill(pid, SIGKILL);
        } catch (KernelException e) {
            if (e.errno().number() != dev.lull.linux.Errno.ESRCH.number()) {
                throw e;
            }
        } finally {
            socket.close();
        }
    }
}
