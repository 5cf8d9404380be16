package dev.lull.participant.postgresql;

import dev.lull.participant.Setting;
import dev.lull.participant.SettingException;
import dev.lull.participant.Settings;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Where a server listens, and as whom it is talked to.
 *
 * @param host a name or address for TCP, or the directory of a Unix socket, which begins with a slash
 * @param port TCP's, or the number in the socket's name
 * @param user the role in the database
 * @param database any in which that role may connect
 */
record Address(String host, int port, String user, String database) {
    private static final Setting HOST = new Setting("host", Setting.Type.TEXT);
    private static final Setting PORT = new Setting("port", Setting.Type.NUMBER);
    private static final Setting USER = new Setting("user", Setting.Type.TEXT);
    private static final Setting DATABASE = new Setting("database", Setting.Type.TEXT);

    static final List<Setting> SETTINGS = List.of(HOST, PORT, USER, DATABASE);

    private static final String DEBIANS_DIRECTORY = "/var/run/postgresql";
    private static final int DEFAULT_PORT = 5432;
    private static final int MAX_PORT = 65535;
    private static final String POSTGRES = "postgres";

    static Address of(Settings settings) throws SettingException {
        String host = settings.text(HOST.name()).orElse(DEBIANS_DIRECTORY);
        // It becomes a part of the driver's URL.
        if (!host.startsWith("/") && !host.matches("[A-Za-z0-9._:-]+")) {
            throw new SettingException(
                    HOST.name(),
                    "is to be a name, an address, or the directory of a socket, and is " + host);
        }
        int port = settings.number(PORT.name()).orElse(DEFAULT_PORT);
        if (port < 1 || port > MAX_PORT) {
            throw new SettingException(PORT.name(), "is to be 1 to " + MAX_PORT);
        }
        return new Address(
                host,
                port,
                settings.text(USER.name()).orElse(POSTGRES),
                settings.text(DATABASE.name()).orElse(POSTGRES));
    }

    /** The Unix socket; empty for TCP. */
    Optional<Path> socket() {
        return host.startsWith("/")
                ? Optional.of(Path.of(host, ".s.PGSQL." + port).normalize())
                : Optional.empty();
    }

    /** For messages. */
    @Override
    public String toString() {
        return socket().map(Path::toString).orElse(host + " port " + port) + " as " + user;
    }
}
