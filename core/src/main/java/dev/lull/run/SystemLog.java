package dev.lull.run;

import dev.lull.guard.RunDirectory;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The system's log. The supervisor has no other mouth: the program's stderr is the program's, can lie on what is frozen,
 * and must be closed when the program closes it. Where no log is kept, as in a container, the last line is in a file of
 * the guard's directory, which is a tmpfs. For any thread.
 */
final class SystemLog {
    private static final String SOCKET = "/dev/log";
    private static final String FILE = "run.trouble";

    /** Facility daemon, severity error (syslog(3)). */
    private static final String DAEMON_ERROR = "<27>";

    private final Kernel kernel;
    private final Path directory;

    /** @param directory the guard's */
    SystemLog(Kernel kernel, Path directory) {
        this.kernel = kernel;
        this.directory = directory;
    }

    /** Says it. Never waits. */
    void error(String line) {
        String message = "lull-run[" + kernel.processId() + "]: " + line.replace('\n', ' ');
        try (Descriptor socket = kernel.datagramSocket()) {
            byte[] datagram = (DAEMON_ERROR + message).getBytes(StandardCharsets.UTF_8);
            if (kernel.sendDatagram(socket, SOCKET, datagram)) {
                return;
            }
        } catch (KernelException nobodyListens) {
            // The file says it.
        }
        try {
            if (!new RunDirectory(kernel, directory).isOnTmpfs()) {
                // Where the guard's is not mounted, /run may be frozen, and a write would hang on
                // it.
                return;
            }
            Files.writeString(directory.resolve(FILE), message + "\n");
        } catch (IOException e) {
            // There is nowhere else to say it; the program has its errno.
            return;
        }
    }
}
