package dev.lull.backup;

import dev.lull.linux.Errno;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The JDK's file exceptions in the words of errno(3): their messages often are the bare path. */
final class Reasons {
    private Reasons() {}

    static String of(IOException cause) {
        return switch (cause) {
            case NoSuchFileException _, FileNotFoundException _ -> Errno.ENOENT.toString();
            case AccessDeniedException _ -> Errno.EACCES.toString();
            case FileAlreadyExistsException _ -> Errno.EEXIST.toString();
            case NotDirectoryException _ -> Errno.ENOTDIR.toString();
            case DirectoryNotEmptyException _ -> "the directory is not empty";
            case ClosedByInterruptException _ -> "interrupted";
            case FileSystemException e when e.getReason() != null -> named(e.getReason());
            default ->
                    cause.getMessage() == null
                            ? cause.getClass().getSimpleName()
                            : named(cause.getMessage());
        };
    }

    static @Nullable String hint(IOException cause) {
        return of(cause).startsWith("ENOSPC")
                ? "make room there, or choose another destination"
                : null;
    }

    /** strerror(3)'s text, which is all that the JDK keeps of errno, with errno's name before it. */
    private static String named(String text) {
        String lower = text.toLowerCase(Locale.ROOT);
        for (Errno errno :
                new Errno[] {
                    Errno.ENOSPC,
                    Errno.EDQUOT,
                    Errno.EIO,
                    Errno.EROFS,
                    Errno.EFBIG,
                    Errno.ENAMETOOLONG,
                    Errno.ESTALE,
                    Errno.EPERM,
                    Errno.ELOOP,
                    Errno.ENOTDIR,
                    Errno.EISDIR,
                    Errno.EINVAL
                }) {
            if (lower.equals(errno.text())) {
                return errno.toString();
            }
        }
        return text;
    }
}
