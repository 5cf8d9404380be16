package dev.lull.run;

import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import java.nio.file.Path;

/**
 * Who makes a trapped call. Of what {@code /proc} has of a process only {@code status} is read, which never waits; its
 * {@code cmdline} and {@code maps} hang while one of its threads does.
 *
 * @param pid its process
 * @param name the process's name, at most 15 bytes, escaped as in proc_pid_status(5)
 */
record Caller(int pid, String name) {
    /** @throws KernelException ENOENT or ESRCH if the thread is gone */
    static Caller of(Kernel kernel, int thread) throws KernelException {
        int pid = Integer.parseInt(field(status(kernel, thread), "Tgid:"));
        return new Caller(pid, field(status(kernel, pid), "Name:"));
    }

    private static String status(Kernel kernel, int thread) throws KernelException {
        return kernel.readKnob(Path.of("/proc/" + thread + "/status"));
    }

    private static String field(String status, String name) {
        for (String line : status.split("\n", -1)) {
            if (line.startsWith(name)) {
                return line.substring(name.length()).strip();
            }
        }
        throw new IllegalArgumentException("no " + name + " in status");
    }

    /** How a lease calls it. */
    String words() {
        return name + " (pid " + pid + ")";
    }
}
