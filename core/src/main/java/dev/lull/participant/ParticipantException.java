package dev.lull.participant;

import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * An application could not be brought to rest, or not let go on. The message is one lower-case line: who, what was tried,
 * and why it failed; {@link #hint()} says what to do.
 */
public class ParticipantException extends IOException {
    private static final long serialVersionUID = 1L;

    private final @Nullable String hint;

    /**
     * @param participant its {@link Participant#name}
     * @param operation what was tried, a verb or two
     * @param reason why it failed, lower case, without a full stop
     * @param hint what the user can do about it
     */
    public ParticipantException(String participant, String operation, String reason, String hint) {
        super(operation + " " + participant + ": " + reason);
        this.hint = hint;
    }

    /** As above, caused by something that failed. */
    public ParticipantException(
            String participant, String operation, Exception cause, String hint) {
        super(operation + " " + participant + ": " + cause.getMessage(), cause);
        this.hint = hint;
    }

    /** What the user can do about it. */
    public Optional<String> hint() {
        return Optional.ofNullable(hint);
    }

    /** It was not at rest all the time until the thaw: what was taken meanwhile is not what it should be. */
    public static final class NotAtRest extends ParticipantException {
        private static final long serialVersionUID = 1L;

        /** As {@link ParticipantException#ParticipantException(String, String, String, String)}. */
        public NotAtRest(String participant, String reason, String hint) {
            super(participant, "keep at rest", reason, hint);
        }
    }
}
