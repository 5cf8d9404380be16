package dev.lull.plan;

import dev.lull.freeze.Outcome;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** A plan was refused or did not come to a good end. The message is one lower-case line; {@link #hint()} says what to do. */
public class PlanException extends Exception {
    private static final long serialVersionUID = 1L;

    private final @Nullable String hint;

    PlanException(String message, @Nullable String hint, @Nullable Throwable cause) {
        super(message, cause);
        this.hint = hint;
    }

    /** What the user can do about it. */
    public Optional<String> hint() {
        return Optional.ofNullable(hint);
    }

    /** What was asked for makes no sense, or would do harm. Nothing was frozen. */
    public static final class Refused extends PlanException {
        private static final long serialVersionUID = 1L;

        public Refused(String message, String hint) {
            super(message, hint, null);
        }
    }

    /** The lease was not held until the snapshots were complete: they are thrown away, or marked inconsistent. */
    public static final class NotHeld extends PlanException {
        private static final long serialVersionUID = 1L;

        private final transient Outcome outcome;

        NotHeld(Outcome outcome, String consequence) {
            super(
                    "the freeze was not held until the snapshots were complete ("
                            + outcome.end().word()
                            + ": "
                            + outcome.reason()
                            + "); "
                            + consequence,
                    switch (outcome.end()) {
                        case EXPIRED -> "allow a longer --timeout";
                        case LOST, REVOKED ->
                                "find out who thawed it: lull history, and other backup tools";
                        default -> "see lull history";
                    },
                    null);
            this.outcome = outcome;
        }

        /** How the lease ended. */
        public Outcome outcome() {
            return outcome;
        }
    }

    /** All is good, but something that was made on the way could not be removed; the suppressed exceptions say what. */
    public static final class CleanUpIncomplete extends PlanException {
        private static final long serialVersionUID = 1L;

        CleanUpIncomplete(Throwable first) {
            super(
                    "done, but not everything could be cleaned up: " + first.getMessage(),
                    "see lull snapshot list and findmnt(8) for what is left",
                    first);
        }
    }

    /** Somebody asked for the plan to be given up; what had begun was undone. */
    public static final class Cancelled extends PlanException {
        private static final long serialVersionUID = 1L;

        Cancelled(String reason, @Nullable Throwable cause) {
            super(reason, null, cause);
        }
    }
}
