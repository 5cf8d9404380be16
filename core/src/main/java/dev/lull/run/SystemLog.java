package dev.lull.run;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;

/**
 * The system's log. The supervisor has no other mouth: the program's stderr is the program's, can lie on what is frozen,
 * and must be closed when the program closes it.
 */
final class SystemLog {
    private static final String SOCKET = "/dev/log";

    /** Facility daemon, severity error (syslog(3)). */
    private static final String DAEMON_ERROR = "<27>";

    private final Kernel kernel;

    SystemLog(Kernel kernel) {
        this.kernel = kernel;
    }

    /** Says it where a log is kept. Never waits. */
    void error(String line) {
        String message =
                DAEMON_ERROR + "lull-run[" + kernel.processId() + "]: " + line.replace('\n', ' ');
        try (Descriptor socket = kernel.datagramSocket()) {
            kernel.sendDatagram(
                    socket, SOCKET, message.getBytes(java.nio.charset.StandardCharsets.UTF_8));
        } catch (KernelException nobodyListens) {
            // There is nowhere else to say it; the program has its errno.
            return;
        }
    }
}
