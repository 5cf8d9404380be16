package dev.lull.participant.postgresql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.OptionalInt;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class UnixSocketTest {
    private static final int MUCH = 4 << 20;

    @TempDir private Path directory;

    private ServerSocketChannel server;
    private Socket client;
    private SocketChannel peer;

    @BeforeEach
    void connect() throws IOException {
        Path path = directory.resolve("s");
        server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(path));
        client =
                new UnixSocketFactory(UnixSocketFactory.argument(path, OptionalInt.empty()))
                        .createSocket();
        peer = server.accept();
    }

    @AfterEach
    void close() throws IOException {
        client.close();
        peer.close();
        server.close();
    }

    @Test
    void bytesGoBothWays() throws Exception {
        assertThat(client.isConnected()).isTrue();
        client.getOutputStream().write(new byte[] {1, 2, (byte) 0xFF});
        ByteBuffer received = ByteBuffer.allocate(3);
        while (received.hasRemaining()) {
            peer.read(received);
        }
        assertThat(received.array()).containsExactly(1, 2, 0xFF);
        peer.write(received.flip());
        assertThat(client.getInputStream().readNBytes(2)).containsExactly(1, 2);
        assertThat(client.getInputStream().read()).isEqualTo(0xFF);
        peer.close();
        assertThat(client.getInputStream().read()).isEqualTo(-1);
    }

    /** More than the kernel keeps: the writer has to wait for its reader. */
    @Test
    void muchIsWrittenWhole() throws Exception {
        Thread writer =
                Thread.ofPlatform()
                        .start(() -> {
                            try {
                                client.getOutputStream().write(new byte[MUCH]);
                                client.close();
                            } catch (IOException e) {
                                throw new IllegalStateException(e);
                            }
                        });
        ByteBuffer chunk = ByteBuffer.allocate(1 << 16);
        int received = 0;
        for (int read = peer.read(chunk); read >= 0; read = peer.read(chunk.clear())) {
            received += read;
        }
        writer.join();
        assertThat(received).isEqualTo(MUCH);
    }

    @Test
    void isWaitedForOnlySoLong() throws Exception {
        client.setSoTimeout(50);
        assertThat(client.getSoTimeout()).isEqualTo(50);
        assertThatThrownBy(() -> client.getInputStream().read())
                .isInstanceOf(SocketTimeoutException.class)
                .hasMessage("no answer within 50 ms");
        peer.write(ByteBuffer.wrap(new byte[] {7}));
        assertThat(client.getInputStream().read()).isEqualTo(7);
    }

    @Test
    void anInterruptEndsTheWait() throws Exception {
        Thread.currentThread().interrupt();
        assertThatThrownBy(() -> client.getInputStream().read()).isInstanceOf(IOException.class);
        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    void whatIsClosedIsReadNoMore() throws Exception {
        client.close();
        assertThat(client.isClosed()).isTrue();
        assertThatThrownBy(() -> client.getInputStream().read()).isInstanceOf(IOException.class);
    }
}
