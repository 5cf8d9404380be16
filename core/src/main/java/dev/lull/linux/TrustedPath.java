package dev.lull.linux;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/** Whether only root (or the user that we are) can change what a path means. */
public final class TrustedPath {
    private static final int WRITABLE_BY_OTHERS = 0022;
    private static final int STICKY = 01000;

    private TrustedPath() {}

    /**
     * Looks at a file or directory and every directory above it: each must belong to root or to {@code user} and not be
     * writable by group or others. In a sticky directory such as {@code /tmp} others cannot replace what is root's.
     *
     * @param path an existing path; links are followed first
     * @param user our effective user id
     * @return why it is not to be trusted, lower case; empty if it is
     * @throws IOException if it does not exist or cannot be looked at
     */
    public static Optional<String> distrust(Path path, int user) throws IOException {
        Path real = path.toRealPath();
        for (Path part = real; part != null; part = part.getParent()) {
            Map<String, Object> attributes = Files.readAttributes(part, "unix:uid,mode");
            int owner = number(attributes, "uid");
            int mode = number(attributes, "mode");
            if (owner != 0 && owner != user) {
                return Optional.of(part + " belongs to user " + owner + ", not to root");
            }
            boolean stickyAbove = !part.equals(real) && (mode & STICKY) != 0;
            if ((mode & WRITABLE_BY_OTHERS) != 0 && !stickyAbove) {
                return Optional.of(
                        part
                                + " is writable by others than root (mode "
                                + Integer.toOctalString(mode & 07777)
                                + ")");
            }
        }
        return Optional.empty();
    }

    private static int number(Map<String, Object> attributes, String name) throws IOException {
        if (attributes.get(name) instanceof Integer number) {
            return number;
        }
        throw new IOException("the filesystem tells no " + name);
    }
}
