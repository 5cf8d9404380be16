package dev.lull.freeze;

import dev.lull.linux.Errno;
import dev.lull.linux.Filesystem;
import java.nio.file.Path;

/** The kernel would not freeze it: {@code EOPNOTSUPP} for tmpfs, overlay, NFS, FUSE, proc, or the sync failed. Nothing is frozen. */
public final class CannotFreezeException extends FreezeException {
    private static final long serialVersionUID = 1L;

    CannotFreezeException(Trouble trouble) {
        super(trouble);
    }

    /**
     * A filesystem whose type is known not to freeze, without asking the kernel.
     *
     * @param path as the user named it
     * @param type as mountinfo has it
     * @param cause what led to it
     */
    public static CannotFreezeException ofType(Path path, String type, Throwable cause) {
        return new CannotFreezeException(
                Trouble.of("freeze", "cannot freeze " + path + ": " + Errno.EOPNOTSUPP)
                        .at(path.toString())
                        .errno(Errno.EOPNOTSUPP.name())
                        .hint(type + " cannot freeze; " + Filesystem.FREEZABLE)
                        .because(cause));
    }
}
