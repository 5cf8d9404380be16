package dev.lull.freeze;

import dev.lull.guard.Frames;
import dev.lull.guard.Reply;
import dev.lull.guard.Request;
import dev.lull.guard.Wire;
import dev.lull.guard.WireException;
import dev.lull.linux.Errno;
import java.io.IOException;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A connection to a guard that runs, over the JDK's own sockets: for calls that carry no descriptors, from programs that
 * are to start fast. It starts no guard. For one thread.
 */
public final class PlainClient implements AutoCloseable {
    private final SocketChannel channel;

    private PlainClient(SocketChannel channel) {
        this.channel = channel;
    }

    /**
     * Connects if a guard listens.
     *
     * @throws NotPermittedException if this user may not
     * @throws GuardUnreachableException if the socket's directory is not root's alone
     */
    public static Optional<PlainClient> ifRunning() throws FreezeException {
        Path socket = GuardClient.DIRECTORY.resolve("guard.sock");
        try {
            if (!GuardDoor.trusted(GuardClient.DIRECTORY, 0) || !Files.exists(socket)) {
                return Optional.empty();
            }
            SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
            try {
                channel.connect(UnixDomainSocketAddress.of(socket));
                channel.configureBlocking(false);
                return Optional.of(new PlainClient(channel));
            } catch (IOException e) {
                channel.close();
                throw e;
            }
        } catch (ConnectException e) {
            return Optional.empty();
        } catch (IOException e) {
            // The JDK tells no errno here, only the C library's words for it.
            if (String.valueOf(e.getMessage()).contains("ermission denied")) {
                throw new NotPermittedException(
                        Trouble.of(
                                        "connect to",
                                        "cannot connect to " + socket + ": " + Errno.EACCES)
                                .errno(Errno.EACCES.name())
                                .because(e)
                                .hint(GuardDoor.NEEDS_LEAVE));
            }
            throw new GuardUnreachableException(
                    Trouble.of("connect to", "cannot connect to " + socket + ": " + e.getMessage())
                            .because(e));
        }
    }

    /** Whether this process is root's, without which there is nothing to be seen or done when no guard runs. */
    public static boolean isRoot() {
        try {
            return Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0);
        } catch (IOException e) {
            return false;
        }
    }

    /**
     * Whether a guard that is gone left leases behind. Then the filesystems may be frozen, and any guard that is started
     * thaws them. False also where this user may not look.
     */
    public static boolean leftBehind() {
        try (DirectoryStream<Path> records =
                Files.newDirectoryStream(GuardClient.DIRECTORY.resolve("leases"))) {
            return records.iterator().hasNext();
        } catch (IOException e) {
            return false;
        }
    }

    /**
     * Makes a call and waits for the answer.
     *
     * @param limit how long to wait
     * @throws GuardUnreachableException if the guard is gone, does not answer in time, or answers nonsense. A guard that
     *     was killed can leave its socket open, which {@link GuardClient} notices and this does not.
     * @throws FreezeException of the subtype for what the guard refused
     */
    public Reply call(Request request, Duration limit) throws FreezeException {
        Reply reply;
        try (Selector selector = Selector.open()) {
            reply = exchange(request, selector, System.nanoTime() + limit.toNanos());
        } catch (IOException e) {
            throw new GuardGoneException(
                    Trouble.of(Refusal.operation(request), "the guard is gone").because(e));
        } catch (WireException e) {
            throw new GuardUnreachableException(
                    Trouble.of(
                                    Refusal.operation(request),
                                    "the guard's answer is not understood: " + e.getMessage())
                            .because(e)
                            .hint("is it of another version? see lull doctor"));
        }
        if (reply instanceof Reply.Failure failure) {
            throw Refusal.of(request, failure);
        }
        return reply;
    }

    private Reply exchange(Request request, Selector selector, long deadline)
            throws IOException, WireException, FreezeException {
        SelectionKey key = channel.register(selector, SelectionKey.OP_READ);
        Optional<IOException> hungUp = send(request, key, selector, deadline);
        key.interestOps(SelectionKey.OP_READ);
        Frames frames = new Frames(Wire.MAX_REPLY);
        ByteBuffer received = ByteBuffer.allocate(16 * 1024);
        while (true) {
            await(selector, deadline);
            received.clear();
            if (channel.read(received) < 0) {
                Trouble trouble = Trouble.of(Refusal.operation(request), "the guard is gone");
                throw new GuardGoneException(hungUp.map(trouble::because).orElse(trouble));
            }
            received.flip();
            byte @Nullable [] message = frames.next(received);
            if (message != null) {
                return Wire.reply(message, request);
            }
        }
    }

    /** @return what went wrong: a guard that turns us away says why and hangs up, and that is there to be read then */
    private Optional<IOException> send(
            Request request, SelectionKey key, Selector selector, long deadline)
            throws FreezeException, IOException {
        ByteBuffer call = ByteBuffer.wrap(Wire.encode(request));
        while (call.hasRemaining()) {
            int sent;
            try {
                sent = channel.write(call);
            } catch (IOException e) {
                return Optional.of(e);
            }
            if (sent == 0) {
                key.interestOps(SelectionKey.OP_WRITE);
                await(selector, deadline);
            }
        }
        return Optional.empty();
    }

    private static void await(Selector selector, long deadline)
            throws IOException, FreezeException {
        long left = Duration.ofNanos(deadline - System.nanoTime()).toMillis();
        if (left <= 0 || selector.select(_ -> {}, left) == 0) {
            throw new GuardUnreachableException(
                    Trouble.of("talk to", "the guard does not answer")
                            .hint("the sentry thaws at the deadline without it; see lull doctor"));
        }
    }

    @Override
    public void close() throws FreezeException {
        try {
            channel.close();
        } catch (IOException e) {
            throw new FreezeException(
                    Trouble.of("close", "cannot close the connection: " + e.getMessage())
                            .because(e));
        }
    }
}
