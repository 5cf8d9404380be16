package dev.lull.freeze;

import dev.lull.guard.Frames;
import dev.lull.guard.Reply;
import dev.lull.guard.Request;
import dev.lull.guard.Wire;
import dev.lull.guard.WireException;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;

/** Listens where a guard would and answers as a test says, on as many connections as come. Freezes nothing. */
public final class ScriptedGuard implements AutoCloseable {
    /** What to answer: bytes to send, or nothing, which closes the connection. */
    public interface Script extends Function<Request, Optional<byte[]>> {}

    private final ServerSocketChannel listener;
    private final List<Request> requests = new CopyOnWriteArrayList<>();
    private final List<SocketChannel> connections = new CopyOnWriteArrayList<>();
    private final List<Exception> ends = new CopyOnWriteArrayList<>();
    private volatile Script script;

    public ScriptedGuard(Path directory, Script script) throws IOException {
        this.script = script;
        this.listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        listener.bind(UnixDomainSocketAddress.of(directory.resolve("guard.sock")));
        Thread.ofPlatform().daemon().start(this::accept);
    }

    public static Optional<byte[]> reply(Reply reply) {
        return Optional.of(Wire.encode(reply));
    }

    public void now(Script next) {
        script = next;
    }

    public List<Request> requests() {
        return List.copyOf(requests);
    }

    private void accept() {
        try {
            while (true) {
                SocketChannel connection = listener.accept();
                connections.add(connection);
                Thread.ofPlatform().daemon().start(() -> serve(connection));
            }
        } catch (IOException closed) {
            ends.add(closed);
        }
    }

    private void serve(SocketChannel connection) {
        Frames frames = new Frames(Wire.MAX_MESSAGE);
        ByteBuffer received = ByteBuffer.allocate(4096);
        try (connection) {
            while (connection.read(received.clear()) >= 0) {
                received.flip();
                for (byte[] message = frames.next(received);
                        message != null;
                        message = frames.next(received)) {
                    Request request = Wire.request(message);
                    requests.add(request);
                    Optional<byte[]> answer = script.apply(request);
                    if (answer.isEmpty()) {
                        return;
                    }
                    connection.write(ByteBuffer.wrap(answer.get()));
                }
            }
        } catch (IOException | WireException e) {
            ends.add(e);
        }
    }

    @Override
    public void close() throws IOException {
        listener.close();
        for (SocketChannel connection : connections) {
            connection.close();
        }
    }
}
