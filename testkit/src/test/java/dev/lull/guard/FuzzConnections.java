package dev.lull.guard;

import dev.lull.linux.Descriptor;
import dev.lull.linux.KernelException;
import dev.lull.linux.PollInterest;
import dev.lull.testkit.FakeFilesystem;
import dev.lull.testkit.FakeKernel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The whole guard on the fake kernel, and a client that the policy names, or one that it does not, and that says whatever the fuzzer comes up with, in pieces,
 * with descriptors where nobody asked for them, and hangs up. After each of them the guard is the same, a lease of another
 * client's can be extended, and ends on time. A target for {@code dev/fuzz}.
 */
public final class FuzzConnections {
    private static final Duration TIMEOUT = Duration.ofSeconds(5);
    private static final Duration GRACE = Duration.ofSeconds(1);

    private final GuardHost host;
    private final FakeFilesystem srv;
    private final FakeFilesystem home;
    private final List<FakeKernel> users;
    private final int guard;

    private FuzzConnections() throws IOException {
        host = new GuardHost(Files.createTempDirectory("fuzz"));
        srv = host.filesystem("ext4", "/srv");
        home = host.filesystem("ext4", "/home");
        host.policy("allow 1000 /home\n");
        users = List.of(host.processOf(1000), host.processOf(1002));
        host.until(() -> admits(users.getFirst()));
        guard = host.status().pid();
    }

    private static final class Once {
        static final FuzzConnections HOST = make();

        private static FuzzConnections make() {
            try {
                return new FuzzConnections();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /** The first byte is who it is, and how long the pieces are. */
    public static void fuzzerTestOneInput(byte[] bytes) {
        if (bytes.length < 2) {
            return;
        }
        try {
            Once.HOST.run(bytes);
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private boolean admits(FakeKernel user) {
        try (GuardHost.Client client = host.new Client(user)) {
            return client.call(new Request.Status()) instanceof Reply.GuardStatus;
        } catch (IOException e) {
            return false;
        }
    }

    private void run(byte[] bytes) throws IOException {
        try (GuardHost.Client holder = host.new Client()) {
            Reply armed = holder.arm(true, Optional.of(TIMEOUT), srv);
            String lease = ((Reply.Armed) armed).lease().id();
            holder.call(new Request.Freeze(lease));
            talk(bytes);
            if (!(holder.call(new Request.Extend(lease, Optional.empty()))
                    instanceof Reply.Extended)) {
                throw new IllegalStateException("not held any more");
            }
            long deadline = host.clock.nanos() + TIMEOUT.toNanos();
            host.pass(TIMEOUT.minusMillis(500));
            if (!srv.isFrozen()) {
                throw new IllegalStateException("thawed too early");
            }
            host.until(() -> !srv.isFrozen());
            if (host.clock.nanos() - deadline > GRACE.toNanos()) {
                throw new IllegalStateException("thawed too late");
            }
        }
        host.until(() -> host.status().leases().isEmpty());
        if (host.status().pid() != guard) {
            throw new IllegalStateException("another guard, or none");
        }
    }

    private void talk(byte[] bytes) throws KernelException {
        FakeKernel user = users.get(bytes[0] & 1);
        int piece = 1 + (bytes[0] >> 1 & 127) * 16;
        try (Descriptor socket = user.connect(host.run.socket());
                Descriptor directory = user.openDirectory(home.mountPoint())) {
            for (int at = 1; at < bytes.length; at += piece) {
                ByteBuffer part = ByteBuffer.wrap(bytes, at, Math.min(piece, bytes.length - at));
                boolean withOne = (bytes[at] & 1) == 0;
                user.send(socket, part, withOne ? List.of(directory) : List.of());
                host.pass(Duration.ofMillis(1));
            }
            if (user.poll(List.of(PollInterest.readable(socket)), Duration.ZERO)[0] != 0) {
                user.receive(socket, ByteBuffer.allocate(4096), new ArrayList<>());
            }
        } catch (KernelException hungUp) {
            // The guard may hang up in the middle of it.
            host.pass(Duration.ofMillis(1));
        }
    }
}
