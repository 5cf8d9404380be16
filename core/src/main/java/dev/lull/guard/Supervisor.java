package dev.lull.guard;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The service manager that a guard runs under, if it runs under one: what systemd passes to a service (sd_listen_fds(3),
 * sd_watchdog_enabled(3)) and what it is told in return (sd_notify(3)).
 *
 * <p>Belongs to the guard's loop, and never blocks it. A message that finds the manager's queue full is lost if it says
 * only that the guard lives, and sent again later if it says more.
 */
public final class Supervisor implements AutoCloseable {
    private static final String NOTIFY_SOCKET = "NOTIFY_SOCKET";
    private static final String WATCHDOG_USEC = "WATCHDOG_USEC";
    private static final String WATCHDOG_PID = "WATCHDOG_PID";
    private static final String LISTEN_FDS = "LISTEN_FDS";
    private static final String LISTEN_PID = "LISTEN_PID";
    private static final List<String> VARIABLES =
            List.of(NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID, LISTEN_FDS, LISTEN_PID);

    /** SD_LISTEN_FDS_START. */
    private static final int FIRST_DESCRIPTOR = 3;

    /** More than any manager passes. */
    private static final int MOST_DESCRIPTORS = 1024;

    private static final Duration RETRY = Duration.ofSeconds(1);
    private static final Duration LAST_WORD_PAUSE = Duration.ofMillis(20);
    private static final int LAST_WORD_ATTEMPTS = 10;

    private final Kernel kernel;
    private final boolean present;
    private final String address;
    private final @Nullable Descriptor socket;
    private final Optional<Descriptor> listener;
    private final long pingEvery;
    private long pingAt = Long.MAX_VALUE;
    private long stateAt;
    private boolean readyOwed;
    private int leasesTold = -1;
    private Optional<String> trouble;

    private Supervisor(
            Kernel kernel,
            boolean present,
            String address,
            @Nullable Descriptor socket,
            Optional<Descriptor> listener,
            long pingEvery,
            Optional<String> trouble) {
        this.kernel = kernel;
        this.present = present;
        this.address = address;
        this.socket = socket;
        this.listener = listener;
        this.pingEvery = pingEvery;
        this.trouble = trouble;
    }

    /**
     * What of a process's environment is its manager's; empty if it has none. It stays right for a program that the
     * process becomes, whose pid and descriptors are the same.
     *
     * @param pid the process's
     */
    public static Map<String, String> variables(Map<String, String> environment, int pid) {
        Map<String, String> found = new TreeMap<>();
        for (String name : VARIABLES) {
            String value = environment.get(name);
            if (value != null) {
                found.put(name, value);
            }
        }
        return found.containsKey(NOTIFY_SOCKET) || passedTo(environment, pid) ? found : Map.of();
    }

    /**
     * How many descriptors, from 0 up, are a process's own: its stdio and what its manager passed to it.
     *
     * @param pid the process's
     */
    public static int descriptors(Map<String, String> environment, int pid) {
        return FIRST_DESCRIPTOR
                + (passedTo(environment, pid) ? number(environment, LISTEN_FDS) : 0);
    }

    /**
     * Reads what the manager passed to this process.
     *
     * @throws IOException if it passed descriptors that are not one listening Unix stream socket
     */
    static Supervisor of(Kernel kernel, Map<String, String> environment) throws IOException {
        String address = environment.getOrDefault(NOTIFY_SOCKET, "");
        boolean notifies = address.startsWith("/") || address.startsWith("@");
        Optional<String> trouble =
                address.isEmpty() || notifies
                        ? Optional.empty()
                        : Optional.of(NOTIFY_SOCKET + " is no Unix socket: " + address);
        Optional<Descriptor> listener = listener(kernel, environment);
        return new Supervisor(
                kernel,
                notifies || listener.isPresent(),
                address,
                notifies ? kernel.datagramSocket() : null,
                listener,
                notifies ? pingEvery(environment, kernel.processId()) : 0,
                trouble);
    }

    private static Optional<Descriptor> listener(Kernel kernel, Map<String, String> environment)
            throws IOException {
        int count = descriptors(environment, kernel.processId()) - FIRST_DESCRIPTOR;
        if (count == 0) {
            return Optional.empty();
        }
        if (count > 1) {
            throw new IOException(
                    LISTEN_FDS + " is " + count + ": the guard listens on one socket alone");
        }
        return Optional.of(kernel.inheritedListener(FIRST_DESCRIPTOR));
    }

    /** @return nanoseconds; 0 if there is no watchdog */
    private static long pingEvery(Map<String, String> environment, int pid) {
        String watched = environment.get(WATCHDOG_PID);
        if (watched != null && !watched.equals(Integer.toString(pid))) {
            return 0;
        }
        try {
            long micros = Long.parseLong(environment.getOrDefault(WATCHDOG_USEC, "0"));
            return micros <= 0 ? 0 : Math.multiplyExact(micros, 1000L) / 2;
        } catch (NumberFormatException | ArithmeticException e) {
            return 0;
        }
    }

    /** Descriptors are for the process that is named: whoever it started inherits the variables, but not those. */
    private static boolean passedTo(Map<String, String> environment, int pid) {
        return Integer.toString(pid).equals(environment.get(LISTEN_PID));
    }

    private static int number(Map<String, String> environment, String variable) {
        String text = environment.getOrDefault(variable, "");
        int number = text.matches("[0-9]{1,6}") ? Integer.parseInt(text) : 0;
        return Math.min(number, MOST_DESCRIPTORS);
    }

    /** Whether there is one. */
    boolean present() {
        return present;
    }

    /** The socket to serve instead of one of the guard's own; its path is the manager's. */
    Optional<Descriptor> listener() {
        return listener;
    }

    /** What went wrong last in telling it something. */
    Optional<String> trouble() {
        return trouble;
    }

    /** Tells that clients can connect; from now on the loop's {@link #turned turns} count. */
    void ready(long now) {
        readyOwed = true;
        stateAt = now;
        pingAt = pingEvery == 0 ? Long.MAX_VALUE : now;
        turned(now, 0);
    }

    /** Called at every turn of the guard's loop: tells that it turns, and how many leases it holds, when that is due. */
    void turned(long now, int leases) {
        if (socket == null) {
            return;
        }
        if (now >= pingAt) {
            send("WATCHDOG=1");
            pingAt = now + pingEvery;
        }
        if ((readyOwed || leases != leasesTold) && now >= stateAt) {
            String status = "STATUS=" + leases + (leases == 1 ? " lease" : " leases");
            if (send(readyOwed ? "READY=1\n" + status : status)) {
                readyOwed = false;
                leasesTold = leases;
            } else {
                stateAt = now + RETRY.toNanos();
            }
        }
    }

    /** @return nanoseconds until there is something to tell even if nothing happens */
    long untilDue(long now) {
        long stateDue = now < stateAt ? stateAt : Long.MAX_VALUE;
        long due = Math.min(pingAt, stateDue);
        return due == Long.MAX_VALUE ? Long.MAX_VALUE : Math.max(due - now, 0);
    }

    /** Tells why the guard cannot start. */
    void failed(IOException why) {
        sendLast("STATUS=" + String.valueOf(why.getMessage()).replace('\n', ' '));
    }

    /** Tells that the loop has ended; waits a little for room to say so, since nobody waits for the loop any more. */
    void stopping() {
        sendLast("STOPPING=1");
    }

    private void sendLast(String message) {
        try {
            for (int i = 0; i < LAST_WORD_ATTEMPTS && socket != null && !send(message); i++) {
                kernel.poll(List.of(), LAST_WORD_PAUSE);
            }
        } catch (KernelException e) {
            trouble = Optional.of("cannot tell the service manager: " + e.getMessage());
        }
    }

    private boolean send(String message) {
        Descriptor from = socket;
        if (from == null) {
            return false;
        }
        try {
            return kernel.sendDatagram(from, address, message.getBytes(StandardCharsets.UTF_8));
        } catch (KernelException e) {
            trouble = Optional.of("cannot tell the service manager: " + e.getMessage());
            return false;
        }
    }

    @Override
    public void close() throws KernelException {
        if (socket != null) {
            socket.close();
        }
    }
}
