package dev.lull.freeze;

import dev.lull.guard.Reply;
import dev.lull.guard.Request;
import java.util.Optional;

/** What the guard's failures are called here. */
final class Refusal {
    private Refusal() {}

    static FreezeException of(Request request, Reply.Failure failure) {
        Trouble trouble =
                new Trouble(
                        operation(request),
                        failure.message(),
                        failure.path(),
                        failure.errno(),
                        failure.hint(),
                        null);
        return switch (failure.kind()) {
            case INVALID -> new InvalidRequestException(trouble);
            case NO_SUCH_LEASE, NOT_HELD ->
                    new NotHeldException(trouble, failure.lease().map(Outcome::of));
            case CANNOT_FREEZE -> new CannotFreezeException(trouble);
            case FROZEN_BY_OTHER -> new FrozenByOtherException(trouble);
            case NOT_PERMITTED -> new NotPermittedException(trouble);
            case STUCK, OTHER_VERSION -> new GuardUnreachableException(trouble);
            case FAILED -> new FreezeException(trouble);
        };
    }

    static String operation(Request request) {
        return switch (request) {
            case Request.Arm _ -> "arm";
            case Request.Freeze _ -> "freeze";
            case Request.Extend _ -> "extend";
            case Request.Release _ -> "release";
            case Request.Thaw _ -> "thaw";
            case Request.Status _ -> "status";
            case Request.History _ -> "history";
            case Request.Wait _ -> "wait";
            case Request.Abandon _ -> "abandon";
            case Request.Register _ -> "register";
            case Request.Await _ -> "await an order";
            case Request.Answer _ -> "answer";
            case Request.Rest _ -> "bring to rest";
            case Request.Resume _ -> "let go on";
            case Request.Stop _ -> "stop";
        };
    }

    /** How it ended, if the failure tells. */
    static Optional<Outcome> outcome(FreezeException e) {
        return e instanceof NotHeldException notHeld ? notHeld.outcome() : Optional.empty();
    }
}
