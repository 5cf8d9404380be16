package dev.lull.cli;

import dev.lull.freeze.CannotFreezeException;
import dev.lull.freeze.FreezeException;
import dev.lull.freeze.FrozenByOtherException;
import dev.lull.freeze.GuardUnreachableException;
import dev.lull.freeze.InvalidRequestException;
import dev.lull.freeze.NotHeldException;
import dev.lull.freeze.NotPermittedException;

/** What a command's exit status says. Stable: scripts depend on it. */
enum ExitCode {
    /** Done. */
    DONE(0),
    /** Failed, for a reason that has no number of its own. */
    FAILED(1),
    /** What was asked makes no sense: options, durations, paths. Nothing was done. */
    USAGE(2),
    /** The lease was not held to the end: what was made under it must be thrown away. */
    NOT_HELD(3),
    /** The kernel cannot freeze it. */
    CANNOT_FREEZE(4),
    /** It is frozen already, by somebody else or by another lease. */
    FROZEN_BY_OTHER(5),
    /** Not permitted; most of lull needs root. */
    NOT_PERMITTED(6),
    /** The result is good, but not everything could be cleaned up. */
    UNCLEAN(7),
    /** The guard cannot be reached or started, does not answer, or is of another version. */
    GUARD(8);

    private final int status;

    ExitCode(int status) {
        this.status = status;
    }

    /** The process's exit status. */
    int status() {
        return status;
    }

    static ExitCode of(FreezeException e) {
        return switch (e) {
            case InvalidRequestException _ -> USAGE;
            case NotHeldException _ -> NOT_HELD;
            case CannotFreezeException _ -> CANNOT_FREEZE;
            case FrozenByOtherException _ -> FROZEN_BY_OTHER;
            case NotPermittedException _ -> NOT_PERMITTED;
            case GuardUnreachableException _ -> GUARD;
            default -> FAILED;
        };
    }
}
