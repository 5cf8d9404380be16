package dev.lull.it.harness;

import static org.awaitility.Awaitility.await;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The guard of this namespace, its sentry and its canary, seen from outside. */
public final class GuardProbe {
    public static final Path SOCKET = Path.of("/run/lull/guard.sock");

    private static final String STATUS = "{\"method\":\"dev.lull.Guard.Status\",\"parameters\":{}}";
    private static final String STOP =
            "{\"method\":\"dev.lull.Guard.Stop\",\"parameters\":{\"now\":false}}";
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private GuardProbe() {}

    /** The three processes of a guard that is ready. */
    public record Pids(long guard, long sentry, long canary) {}

    /** What a guard answers to {@code Status}, as text; empty if there is none. */
    public static Optional<String> status() {
        return status(SOCKET);
    }

    /** The same of the guard at a socket elsewhere. */
    public static Optional<String> status(Path socket) {
        return answer(socket, STATUS);
    }

    /**
     * Asks the guard, if there is one, to end.
     *
     * @throws org.awaitility.core.ConditionTimeoutException if a process of it is left, perhaps because of a lease
     */
    public static void stop() {
        if (TestNamespace.find().isEmpty()) {
            return;
        }
        answer(SOCKET, STOP);
        await("the guard has ended")
                .atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(50))
                .until(() -> processes().isEmpty());
    }

    private static Optional<String> answer(Path socket, String call) {
        if (!Files.exists(socket)) {
            return Optional.empty();
        }
        var answer =
                CompletableFuture.supplyAsync(
                        () -> ask(socket, call), task -> Thread.ofPlatform().daemon().start(task));
        try {
            return answer.get(5, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            // Stopped, or stuck: as good as none for whoever asks.
            return Optional.empty();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        } catch (java.util.concurrent.ExecutionException e) {
            throw new AssertionError(e);
        }
    }

    private static Optional<String> ask(Path socket, String call) {
        try (var channel = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
            channel.write(ByteBuffer.wrap((call + "\0").getBytes(StandardCharsets.UTF_8)));
            var answer = new ByteArrayOutputStream();
            var buffer = ByteBuffer.allocate(4096);
            while (channel.read(buffer.clear()) > 0) {
                answer.write(buffer.array(), 0, buffer.position());
                if (buffer.get(buffer.position() - 1) == 0) {
                    return Optional.of(answer.toString(StandardCharsets.UTF_8));
                }
            }
            return Optional.empty();
        } catch (IOException e) {
            // The socket of a guard that is dead, or just ending.
            return Optional.empty();
        }
    }

    /**
     * Sees to it that there is a guard, and that it lives in this mount namespace rather than in one that is about to
     * go: commands that freeze nothing start none.
     */
    public static void start() {
        if (status().isPresent()) {
            return;
        }
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            LullProcess.run("hold", filesystem.mountPoint().toString(), "--", "true").expect(0);
        }
    }

    /** Waits until there is a guard with a sentry and a canary. */
    public static Pids pids() {
        return pids(SOCKET);
    }

    /** The same of the guard at a socket elsewhere. */
    public static Pids pids(Path socket) {
        return await("a guard with its sentry and canary")
                .atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(20))
                .until(() -> status(socket).flatMap(GuardProbe::pidsIn), Optional::isPresent)
                .orElseThrow();
    }

    private static Optional<Pids> pidsIn(String status) {
        Optional<Long> guard = number(status, "pid");
        Optional<Long> sentry = number(status, "sentry");
        Optional<Long> canary = number(status, "canary");
        return guard.isPresent() && sentry.isPresent() && canary.isPresent()
                ? Optional.of(new Pids(guard.get(), sentry.get(), canary.get()))
                : Optional.empty();
    }

    // The guard's own members come before those of its leases.
    private static Optional<Long> number(String json, String member) {
        Matcher matcher = Pattern.compile('"' + member + "\":\\s*(\\d+)").matcher(json);
        return matcher.find() ? Optional.of(Long.parseLong(matcher.group(1))) : Optional.empty();
    }

    /** Whether the guard, if there is one, has a lease that has not ended. */
    public static boolean hasLeases() {
        return hasLeases(SOCKET);
    }

    /** The same of the guard at a socket elsewhere. */
    public static boolean hasLeases(Path socket) {
        return status(socket)
                .filter(text -> !text.matches("(?s).*\"leases\":\\s*\\[\\s*].*"))
                .isPresent();
    }

    /**
     * Every process of a guard in this mount namespace, dead guards' companions too: whoever runs a main class of its
     * package.
     */
    public static List<Long> processes() {
        return Processes.inMountNamespaceOf("self").stream()
                .filter(pid -> commandLine(pid).contains("dev.lull.guard."))
                .toList();
    }

    // On a thread that can be lost: reading it waits for a process that hangs in a page fault on a
    // frozen filesystem.
    private static String commandLine(long pid) {
        var read = new CompletableFuture<String>();
        Thread.ofPlatform()
                .daemon()
                .start(() -> {
                    try {
                        read.complete(Files.readString(Path.of("/proc/" + pid + "/cmdline")));
                    } catch (IOException e) {
                        read.complete("");
                    }
                });
        return read.completeOnTimeout("", 1, TimeUnit.SECONDS).join();
    }

    /**
     * Waits until a call of the guard's is stuck in the kernel.
     *
     * @return the guard
     */
    public static long awaitStuck() {
        long guard = pids().guard();
        await("a call of the guard's is stuck")
                .atMost(Duration.ofSeconds(20))
                .until(() -> Processes.isStuck(guard));
        return guard;
    }

    /** Kills with SIGKILL, all at the same time. */
    public static void kill9(Long... pids) {
        Processes.signal("KILL", pids);
    }

    /** Ends every process of a guard and forgets what it left in its directory; nothing may be frozen any more. */
    public static void sweep() {
        await("no guard is left")
                .atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(50))
                .until(() -> {
                    List<Long> left = processes();
                    left.forEach(pid -> Program.attempt("kill", "-s", "KILL", pid.toString()));
                    return left.isEmpty();
                });
        Program.run("find", "/run/lull", "-mindepth", "1", "-delete");
    }
}
