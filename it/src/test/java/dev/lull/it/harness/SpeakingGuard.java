package dev.lull.it.harness;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;

/** Something at the guard's place that is none: it answers everything with the same words, and hangs up. */
public final class SpeakingGuard implements AutoCloseable {
    private final ServerSocketChannel listener;
    private final Thread speaker;

    private SpeakingGuard(ServerSocketChannel listener, String words) {
        this.listener = listener;
        this.speaker = Thread.ofPlatform().daemon().start(() -> speak(words));
    }

    /** Takes the guard's place, which must be empty. */
    public static SpeakingGuard saying(String words) throws IOException {
        Files.deleteIfExists(GuardProbe.SOCKET);
        ServerSocketChannel listener = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        listener.bind(UnixDomainSocketAddress.of(GuardProbe.SOCKET));
        return new SpeakingGuard(listener, words);
    }

    private void speak(String words) {
        var question = ByteBuffer.allocate(65_536);
        while (listener.isOpen()) {
            try (SocketChannel peer = listener.accept()) {
                if (peer.read(question.clear()) > 0) {
                    peer.write(ByteBuffer.wrap(words.getBytes(StandardCharsets.UTF_8)));
                }
            } catch (ClosedChannelException e) {
                return;
            } catch (IOException e) {
                // A peer that hung up first: the next one counts.
                question.clear();
            }
        }
    }

    @Override
    public void close() throws IOException {
        listener.close();
        Files.deleteIfExists(GuardProbe.SOCKET);
        try {
            speaker.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
