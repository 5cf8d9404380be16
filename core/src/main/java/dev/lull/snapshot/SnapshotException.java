package dev.lull.snapshot;

import dev.lull.linux.Errno;
import dev.lull.linux.KernelException;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A snapshot could not be prepared, taken, mounted, checked or deleted. The message is one lower-case line with the
 * operation, its subject and errno where there is one; {@link #hint()} says what to do.
 *
 * <p>The subtypes are the failures that a caller acts on differently.
 */
public class SnapshotException extends IOException {
    private static final long serialVersionUID = 1L;

    private final String operation;
    private final String subject;
    private final @Nullable Errno errno;
    private final @Nullable String hint;

    private SnapshotException(
            String operation,
            String subject,
            String reason,
            @Nullable Errno errno,
            @Nullable String hint,
            @Nullable Throwable cause) {
        super(operation + " " + subject + ": " + reason, cause);
        this.operation = operation;
        this.subject = subject;
        this.errno = errno;
        this.hint = hint;
    }

    /**
     * @param operation what was tried, in a verb or two: {@code mount snapshot}
     * @param subject the path, device or snapshot that it was tried on
     * @param reason why it failed, lower case, without a full stop
     */
    public SnapshotException(String operation, String subject, String reason) {
        this(operation, subject, reason, null, null, null);
    }

    /** As above, with what the user can do about it. */
    public SnapshotException(String operation, String subject, String reason, String hint) {
        this(operation, subject, reason, null, hint, null);
    }

    /** As above, caused by a call that failed; errno is taken from it where the kernel gave one. */
    public SnapshotException(String operation, String subject, IOException cause) {
        this(operation, subject, describe(cause), errnoOf(cause), null, cause);
    }

    /** As above, with what the user can do about it. */
    public SnapshotException(String operation, String subject, IOException cause, String hint) {
        this(operation, subject, describe(cause), errnoOf(cause), hint, cause);
    }

    /** What was tried. */
    public String operation() {
        return operation;
    }

    /** The path, device or snapshot that it was tried on. */
    public String subject() {
        return subject;
    }

    /** What the kernel answered, where it was the kernel that refused. */
    public Optional<Errno> errno() {
        return Optional.ofNullable(errno);
    }

    /** What the user can do about it. */
    public Optional<String> hint() {
        return Optional.ofNullable(hint);
    }

    private static @Nullable Errno errnoOf(IOException cause) {
        return cause instanceof KernelException kernel ? kernel.errno() : null;
    }

    private static String describe(IOException cause) {
        String message = cause.getMessage();
        return message == null ? cause.getClass().getSimpleName() : message;
    }

    /** The provider cannot make a snapshot of this filesystem, now or ever. Another provider may. */
    public static final class Unsupported extends SnapshotException {
        private static final long serialVersionUID = 1L;

        public Unsupported(String subject, String reason, String hint) {
            super("snapshot", subject, reason, null, hint, null);
        }

        public Unsupported(String subject, String reason, String hint, IOException cause) {
            super(
                    "snapshot",
                    subject,
                    reason + ": " + describe(cause),
                    errnoOf(cause),
                    hint,
                    cause);
        }
    }

    /** Too little free space: later writes to the origin could fail. */
    public static final class NoRoom extends SnapshotException {
        private static final long serialVersionUID = 1L;

        public NoRoom(String subject, String reason, String hint) {
            super("snapshot", subject, reason, null, hint, null);
        }
    }

    /** Taking the snapshot is estimated to last longer than the lease does. */
    public static final class TooSlow extends SnapshotException {
        private static final long serialVersionUID = 1L;

        public TooSlow(String subject, String reason, String hint) {
            super("snapshot", subject, reason, null, hint, null);
        }
    }

    /** The snapshot would be written to a filesystem of the freeze set, and so would wait for the thaw (tried). */
    public static final class TargetInSet extends SnapshotException {
        private static final long serialVersionUID = 1L;

        public TargetInSet(String subject, String reason, String hint) {
            super("snapshot", subject, reason, null, hint, null);
        }
    }

    /** Somebody else has frozen the filesystem, and no snapshot can be made of it until that has ended. */
    public static final class FrozenByOther extends SnapshotException {
        private static final long serialVersionUID = 1L;

        public FrozenByOther(String subject, String reason, String hint) {
            super("snapshot", subject, reason, null, hint, null);
        }
    }

    /** A program that is needed is not installed. */
    public static final class ToolMissing extends SnapshotException {
        private static final long serialVersionUID = 1L;

        private final String tool;
        private final String toolPackage;

        /**
         * @param tool the program's name, for example {@code xfs_repair}
         * @param toolPackage the Debian package that has it
         */
        public ToolMissing(String subject, String tool, String toolPackage) {
            super(
                    "check",
                    subject,
                    tool + " is not installed",
                    null,
                    "apt-get install "
                            + toolPackage
                            + " (or your distribution's package of that name)",
                    null);
            this.tool = tool;
            this.toolPackage = toolPackage;
        }

        /** The program's name. */
        public String tool() {
            return tool;
        }

        /** The Debian package that has it. */
        public String toolPackage() {
            return toolPackage;
        }
    }
}
