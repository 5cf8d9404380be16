package dev.lull.participant;

import dev.lull.linux.TrustedPath;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Where a password comes from: a file, or a credential that systemd gave the service (systemd.exec(5),
 * {@code LoadCredential=}). Read when it is needed, and shown nowhere.
 */
public final class Secret {
    /** The setting that names a file, of which the first line is the password. */
    public static final Setting PASSWORD_FILE = new Setting("password-file", Setting.Type.PATH);

    /** The setting that names a file in {@code $CREDENTIALS_DIRECTORY}. */
    public static final Setting CREDENTIAL = new Setting("credential", Setting.Type.TEXT);

    /** Both. */
    public static final List<Setting> SETTINGS = List.of(PASSWORD_FILE, CREDENTIAL);

    private static final int READABLE_BY_OTHERS = 0077;
    private static final int LARGEST = 4096;

    private static final String CREDENTIALS_DIRECTORY = "CREDENTIALS_DIRECTORY";

    private final Path file;

    private Secret(Path file) {
        this.file = file;
    }

    /**
     * The one that is set.
     *
     * @return empty if none is
     * @throws SettingException if two are
     */
    public static Optional<Secret> of(Settings settings) throws SettingException {
        Optional<Path> file = settings.path(PASSWORD_FILE.name());
        Optional<String> credential = settings.text(CREDENTIAL.name());
        if (credential.isEmpty()) {
            return file.map(Secret::new);
        }
        if (file.isPresent()) {
            throw new SettingException(
                    CREDENTIAL.name(), "and " + PASSWORD_FILE.name() + " are both set");
        }
        if (credential.get().contains("/") || credential.get().startsWith(".")) {
            throw new SettingException(CREDENTIAL.name(), "is to be a name, without a slash");
        }
        return Optional.of(new Secret(Path.of(credential.get())));
    }

    /**
     * Reads it.
     *
     * @param user our effective user id
     * @param environment ours
     * @return the first line, without its end
     * @throws IOException if it cannot be read, others can read or change it, or it is empty; the message tells which, and
     *     nothing of what is in it
     */
    public char[] read(int user, Map<String, String> environment) throws IOException {
        return read(located(environment), user);
    }

    private Path located(Map<String, String> environment) throws IOException {
        String directory = environment.get(CREDENTIALS_DIRECTORY);
        if (directory == null && !file.isAbsolute()) {
            throw new IOException(
                    "no credential "
                            + file
                            + ": systemd has given us none, $"
                            + CREDENTIALS_DIRECTORY
                            + " is not set");
        }
        return directory == null ? file : Path.of(directory).resolve(file);
    }

    private static char[] read(Path file, int user) throws IOException {
        Optional<String> distrust;
        try {
            distrust = TrustedPath.distrust(file, user);
        } catch (IOException e) {
            throw new IOException("cannot read " + file + ": " + e.getClass().getSimpleName(), e);
        }
        if (distrust.isPresent()) {
            throw new IOException(distrust.get());
        }
        if (Files.getAttribute(file, "unix:mode") instanceof Integer mode
                && (mode & READABLE_BY_OTHERS) != 0) {
            throw new IOException(
                    file
                            + " can be read by others (mode "
                            + Integer.toOctalString(mode & 07777)
                            + "): chmod 600");
        }
        if (Files.size(file) > LARGEST) {
            throw new IOException(file + " is larger than " + LARGEST + " bytes");
        }
        String text = Files.readString(file, StandardCharsets.UTF_8);
        String line = text.lines().findFirst().orElse("");
        if (line.isEmpty()) {
            throw new IOException(file + " is empty");
        }
        return line.toCharArray();
    }

    /** Where it comes from. */
    @Override
    public String toString() {
        return "the password in " + file;
    }
}
