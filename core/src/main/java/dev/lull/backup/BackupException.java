package dev.lull.backup;

import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * An archive could not be written, read or restored. The message is one lower-case line with the operation and its
 * subject; {@link #hint()} says what to do. The subtypes are the failures that a caller acts on differently.
 */
public class BackupException extends IOException {
    private static final long serialVersionUID = 1L;

    private final @Nullable String hint;

    /**
     * @param operation what was tried, in a verb or two: {@code write archive}
     * @param subject the path that it was tried on
     * @param reason why it failed, lower case, without a full stop
     */
    public BackupException(String operation, String subject, String reason) {
        this(operation, subject, reason, null, null);
    }

    /** As above, with what the user can do about it. */
    public BackupException(String operation, String subject, String reason, String hint) {
        this(operation, subject, reason, hint, null);
    }

    /** As above, caused by a call that failed. */
    public BackupException(String operation, String subject, IOException cause) {
        this(operation, subject, Reasons.of(cause), Reasons.hint(cause), cause);
    }

    BackupException(
            String operation,
            String subject,
            String reason,
            @Nullable String hint,
            @Nullable Throwable cause) {
        super(operation + " " + subject + ": " + reason, cause);
        this.hint = hint;
    }

    /** What the user can do about it. */
    public Optional<String> hint() {
        return Optional.ofNullable(hint);
    }

    /** The bytes of an archive are not those that were written: cut short, changed, or never an archive. */
    public static final class Damaged extends BackupException {
        private static final long serialVersionUID = 1L;

        Damaged(String operation, String subject, String reason) {
            super(
                    operation,
                    subject,
                    reason,
                    "restore from another backup; nothing in this one can be relied on");
        }
    }

    /** What was asked for makes no sense or would do harm; nothing was done. */
    public static final class Refused extends BackupException {
        private static final long serialVersionUID = 1L;

        public Refused(String operation, String subject, String reason, String hint) {
            super(operation, subject, reason, hint);
        }
    }
}
