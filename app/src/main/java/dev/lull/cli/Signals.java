package dev.lull.cli;

import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import sun.misc.Signal;

/** Passes signals on to the command that is run, which shall not notice that it is not alone. */
final class Signals {
    /** Those that mean the end or a wish, and that the JVM does not keep to itself (QUIT, USR1). */
    private static final List<String> FORWARDED = List.of("TERM", "INT", "HUP", "USR2");

    private Signals() {}

    /**
     * From now on these signals go to the child. One that comes before there is a child waits for it.
     *
     * @param child its process id, once it is known
     */
    static void forward(Kernel kernel, CompletableFuture<Integer> child) {
        for (String name : FORWARDED) {
            Signal.handle(
                    new Signal(name),
                    signal -> {
                        boolean known =
                                name.equals("INT") && child.isDone() && inForeground(kernel);
                        if (!known) {
                            var _ = child.thenAccept(pid -> send(kernel, pid, signal.getNumber()));
                        }
                    });
        }
    }

    private static void send(Kernel kernel, int pid, int signal) {
        try {
            kernel.kill(pid, signal);
        } catch (KernelException e) {
            if (!e.errno().equals(Errno.ESRCH)) {
                Complaint.of(e).tell(System.err);
            }
        }
    }

    /**
     * Whether this is the terminal's foreground process group: then Ctrl-C has reached the child already, and two of them
     * mean something else to many programs. proc_pid_stat(5): the fields after the name are state, ppid, pgrp, session,
     * tty_nr, tpgid.
     */
    private static boolean inForeground(Kernel kernel) {
        try {
            String stat = kernel.readKnob(java.nio.file.Path.of("/proc/self/stat"));
            List<String> fields = List.of(stat.substring(stat.lastIndexOf(')') + 2).split(" ", 7));
            return fields.get(2).equals(fields.get(5));
        } catch (KernelException e) {
            return false;
        }
    }
}
