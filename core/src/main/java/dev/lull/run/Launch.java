package dev.lull.run;

import dev.lull.guard.Jvm;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.Execution;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.PollInterest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/**
 * Has this process's freezes trapped, a {@link RunSupervisor} answer them, and this process become the program: pid,
 * parent, terminal and exit status are then the program's own.
 */
public final class Launch {
    private static final Path SHELL = Path.of("/bin/sh");
    private static final Path DEVICE_NULL = Path.of("/dev/null");
    private static final byte[] DEFAULT_PATH = "/bin:/usr/bin".getBytes(StandardCharsets.US_ASCII);

    /**
     * Starts the supervisor as nobody's child, so that the program has none that it did not start. It stands on no
     * filesystem that could freeze with anything in it to be written, and a service manager that ends the program's
     * control group, or a terminal that hangs up, does not end it before the program.
     */
    private static final String DETACHED = "cd / && trap '' HUP INT QUIT TERM && \"$@\" &";

    /** A JVM starts in a fraction of a second; on a machine that is busy or swaps it takes longer. */
    private static final Duration PATIENCE = Duration.ofSeconds(40);

    private final Kernel kernel;
    private final Inheritance inheritance;

    public Launch(Kernel kernel, Inheritance inheritance) {
        this.kernel = kernel;
        this.inheritance = inheritance;
    }

    /**
     * Becomes the program. Returns only by failing; no call of the calling thread but freezes has then changed.
     *
     * @param words the program as execvp(3) takes it, and its arguments
     * @throws KernelException if the kernel does not trap, or {@code execve} if the program cannot be run
     * @throws IOException if the supervisor cannot be started
     */
    public void become(List<byte[]> words, RunLimits limits) throws IOException {
        List<Descriptor> ends = kernel.socketPair("supervisor");
        try (Descriptor ours = ends.getFirst();
                Descriptor theirs = ends.getLast()) {
            startSupervisor(theirs, limits);
            theirs.close();
            try (Descriptor listener = kernel.trapFreezes()) {
                kernel.send(ours, ByteBuffer.wrap(new byte[1]), List.of(listener));
            }
            awaitReady(ours);
        }
        execute(words);
    }

    private void startSupervisor(Descriptor socket, RunLimits limits) throws IOException {
        List<String> arguments = new ArrayList<>();
        arguments.add(Integer.toString(kernel.processId()));
        arguments.addAll(limits.words());
        List<String> command = new ArrayList<>(List.of("sh", "-c", DETACHED, "sh"));
        command.addAll(Jvm.runCommand(RunSupervisor.class.getName(), arguments));
        try (Descriptor nothing = kernel.openReadWrite(DEVICE_NULL)) {
            int shell =
                    kernel.spawn(
                            SHELL,
                            command,
                            Map.of("LC_ALL", "C.UTF-8"),
                            List.of(nothing, nothing, nothing, socket));
            try (Descriptor process = kernel.openProcess(shell)) {
                OptionalInt status = kernel.reap(shell);
                while (status.isEmpty()) {
                    kernel.poll(List.of(PollInterest.readable(process)), null);
                    status = kernel.reap(shell);
                }
                if (status.getAsInt() != 0) {
                    throw new IOException(
                            "cannot start the supervisor: sh ended with " + status.getAsInt());
                }
            }
        }
    }

    private void awaitReady(Descriptor socket) throws IOException {
        long deadline = kernel.bootNanos() + PATIENCE.toNanos();
        ByteBuffer word = ByteBuffer.allocate(1);
        while (true) {
            int count = kernel.receive(socket, word, new ArrayList<>(0));
            if (count > 0) {
                return;
            }
            long left = deadline - kernel.bootNanos();
            if (count < 0 || left <= 0) {
                throw new IOException(
                        count < 0
                                ? "the supervisor ended before it had begun"
                                : "the supervisor does not start");
            }
            kernel.poll(List.of(PollInterest.readable(socket)), Duration.ofNanos(left));
        }
    }

    /** As execvp(3) does. */
    private void execute(List<byte[]> words) throws KernelException {
        KernelException failure = null;
        for (byte[] candidate : candidates(words.getFirst(), inheritance.variable("PATH"))) {
            try {
                execute(inheritance.execution(candidate, words));
            } catch (KernelException e) {
                Errno errno = e.errno();
                boolean elsewhere =
                        errno.equals(Errno.ENOENT)
                                || errno.equals(Errno.ENOTDIR)
                                || errno.equals(Errno.EACCES);
                if (!elsewhere) {
                    throw e;
                }
                // One that is there and cannot be run says more than one that is not there.
                if (failure == null || errno.equals(Errno.EACCES)) {
                    failure = e;
                }
            }
        }
        throw failure == null
                ? new KernelException("execve", "an empty name", Errno.ENOENT)
                : failure;
    }

    private void execute(Execution execution) throws KernelException {
        try {
            kernel.become(execution);
        } catch (KernelException e) {
            if (!e.errno().equals(Errno.ENOEXEC)) {
                throw e;
            }
            // A script without a first line that names its interpreter.
            List<byte[]> script = new ArrayList<>();
            script.add(execution.arguments().getFirst());
            script.add(execution.program());
            script.addAll(execution.arguments().subList(1, execution.arguments().size()));
            kernel.become(
                    execution.of(SHELL.toString().getBytes(StandardCharsets.US_ASCII), script));
        }
    }

    /** Where a program can be: its path, or that name in each directory of the search path. */
    static List<byte[]> candidates(byte[] name, byte[] search) {
        for (byte b : name) {
            if (b == '/') {
                return List.of(name);
            }
        }
        if (name.length == 0) {
            return List.of();
        }
        List<byte[]> candidates = new ArrayList<>();
        ByteArrayOutputStream candidate = new ByteArrayOutputStream();
        byte[] path = search.length == 0 ? DEFAULT_PATH : search;
        for (int i = 0; i <= path.length; i++) {
            if (i < path.length && path[i] != ':') {
                candidate.write(path[i]);
                continue;
            }
            if (candidate.size() > 0) {
                candidate.write('/');
            }
            candidate.writeBytes(name);
            candidates.add(candidate.toByteArray());
            candidate.reset();
        }
        return candidates;
    }
}
