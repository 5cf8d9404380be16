package dev.lull.participant.mariadb;

import dev.lull.participant.Secret;
import dev.lull.participant.Setting;
import dev.lull.participant.SettingException;
import dev.lull.participant.Settings;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * How a server is reached, and as whom.
 *
 * @param place where it listens
 * @param user its own, not the system's
 * @param secret where the password comes from; empty if there is none
 */
record Login(Place place, String user, Optional<Secret> secret) {
    static final List<Setting> SETTINGS = settings();

    /** What Debian's packages of both products have. */
    private static final Path DEFAULT_SOCKET = Path.of("/run/mysqld/mysqld.sock");

    /** Who is let in over the socket without a password, if root asks. */
    private static final String DEFAULT_USER = "root";

    private static final int DEFAULT_PORT = 3306;
    private static final int MAX_PORT = 65535;

    private static final String SOCKET = "socket";
    private static final String HOST = "host";
    private static final String PORT = "port";
    private static final String USER = "user";

    /** Where a server listens. */
    sealed interface Place {}

    /** A Unix socket. */
    record Socket(Path path) implements Place {
        @Override
        public String toString() {
            return path.toString();
        }
    }

    /** @param host a name or an address, without brackets */
    record Tcp(String host, int port) implements Place {
        @Override
        public String toString() {
            return bracketed() + ":" + port;
        }

        /** Whether what is sent there stays on this machine, whatever a name server says. */
        boolean isLoopback() {
            return host.equals("localhost")
                    || host.equals("::1")
                    || host.matches("127(\\.\\d{1,3}){3}");
        }

        /** As in a URL. */
        String bracketed() {
            return host.contains(":") ? "[" + host + "]" : host;
        }
    }

    private static List<Setting> settings() {
        List<Setting> settings = new ArrayList<>();
        settings.add(new Setting(SOCKET, Setting.Type.PATH));
        settings.add(new Setting(HOST, Setting.Type.TEXT));
        settings.add(new Setting(PORT, Setting.Type.NUMBER));
        settings.add(new Setting(USER, Setting.Type.TEXT));
        settings.addAll(Secret.SETTINGS);
        return List.copyOf(settings);
    }

    /** @throws SettingException if they make no sense together */
    static Login of(Settings settings) throws SettingException {
        return new Login(
                place(settings), settings.text(USER).orElse(DEFAULT_USER), Secret.of(settings));
    }

    private static Place place(Settings settings) throws SettingException {
        Optional<Path> socket = settings.path(SOCKET);
        Optional<String> host = settings.text(HOST);
        Optional<Integer> port = settings.number(PORT);
        if (host.isEmpty()) {
            if (port.isPresent()) {
                throw new SettingException(PORT, "is set, and " + HOST + " is not");
            }
            return new Socket(socket.orElse(DEFAULT_SOCKET));
        }
        if (socket.isPresent()) {
            throw new SettingException(HOST, "and " + SOCKET + " are both set");
        }
        // It becomes part of a URL.
        if (!host.get().matches("[A-Za-z0-9._:-]+")) {
            throw new SettingException(HOST, "is to be a name or an address, and is " + host.get());
        }
        int number = port.orElse(DEFAULT_PORT);
        if (number < 1 || number > MAX_PORT) {
            throw new SettingException(
                    PORT, "is to be from 1 to " + MAX_PORT + ", and is " + number);
        }
        return new Tcp(host.get(), number);
    }
}
