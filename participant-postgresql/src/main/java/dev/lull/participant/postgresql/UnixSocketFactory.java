package dev.lull.participant.postgresql;

import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownServiceException;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.OptionalInt;
import javax.net.SocketFactory;

/** Connects the driver to a server's Unix socket. The driver makes one for each connection, by its name. */
public final class UnixSocketFactory extends SocketFactory {
    private final Kernel kernel = new LinuxKernel();
    private final Path path;
    private final OptionalInt user;

    /** @param argument from {@link #argument} */
    public UnixSocketFactory(String argument) {
        int colon = argument.indexOf(':');
        String number = argument.substring(0, colon);
        user =
                number.isEmpty()
                        ? OptionalInt.empty()
                        : OptionalInt.of(Integer.parseUnsignedInt(number));
        path = Path.of(argument.substring(colon + 1));
    }

    /**
     * The driver hands it on.
     *
     * @param path the socket
     * @param user who is to connect, for the server's peer authentication; empty for ourselves
     */
    static String argument(Path path, OptionalInt user) {
        return (user.isPresent() ? Integer.toUnsignedString(user.getAsInt()) : "") + ":" + path;
    }

    @Override
    public Socket createSocket() throws IOException {
        return new UnixSocket(
                user.isPresent() ? kernel.asUser(user.getAsInt(), this::open) : open());
    }

    private SocketChannel open() throws IOException {
        return SocketChannel.open(UnixDomainSocketAddress.of(path));
    }

    @Override
    public Socket createSocket(String host, int port) throws IOException {
        throw networkless();
    }

    @Override
    public Socket createSocket(String host, int port, InetAddress local, int localPort)
            throws IOException {
        throw networkless();
    }

    @Override
    public Socket createSocket(InetAddress host, int port) throws IOException {
        throw networkless();
    }

    @Override
    public Socket createSocket(InetAddress host, int port, InetAddress local, int localPort)
            throws IOException {
        throw networkless();
    }

    private static UnknownServiceException networkless() {
        return new UnknownServiceException("a Unix socket has no host");
    }
}
