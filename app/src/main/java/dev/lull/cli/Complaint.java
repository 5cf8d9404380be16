package dev.lull.cli;

import dev.lull.backup.BackupException;
import dev.lull.freeze.FreezeException;
import dev.lull.linux.Errno;
import dev.lull.linux.KernelException;
import dev.lull.participant.ParticipantException;
import dev.lull.plan.PlanException;
import dev.lull.snapshot.SnapshotException;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a failed command says on stderr: one line {@code lull: …}, a line for each further failure that came while it was
 * undone, and a line {@code hint: …}.
 *
 * @param code the exit status
 * @param message one line, lower case
 * @param hint what to do
 * @param more what failed besides
 */
record Complaint(ExitCode code, String message, Optional<String> hint, List<String> more) {
    private static final Optional<String> LOOK_AROUND =
            Optional.of("lull doctor shows what is wrong with the machine");

    static Complaint of(Throwable e) {
        List<String> more = new ArrayList<>();
        for (Throwable suppressed : e.getSuppressed()) {
            // An interrupt is how a plan is told to end, and nothing that went wrong.
            if (!(suppressed instanceof InterruptedException)) {
                more.add(of(suppressed).message());
            }
        }
        return new Complaint(code(e), message(e), hint(e), List.copyOf(more));
    }

    /** Says it, safe for a terminal. */
    ExitCode tell(PrintStream err) {
        err.println("lull: " + Plain.text(message));
        more.forEach(line -> err.println("lull: also: " + Plain.text(line)));
        hint.ifPresent(line -> err.println("hint: " + Plain.text(line)));
        err.flush();
        return code;
    }

    private static ExitCode code(Throwable e) {
        return switch (e) {
            case CommandException command -> command.code();
            case FreezeException freeze -> ExitCode.of(freeze);
            case BackupException.Refused _,
                    PlanException.Refused _,
                    SnapshotException.TargetInSet _ ->
                    ExitCode.USAGE;
            case SnapshotException.FrozenByOther _ -> ExitCode.FROZEN_BY_OTHER;
            case PlanException.NotHeld _, ParticipantException.NotAtRest _ -> ExitCode.NOT_HELD;
            case PlanException.CleanUpIncomplete _ -> ExitCode.UNCLEAN;
            case KernelException kernel when notPermitted(kernel.errno()) -> ExitCode.NOT_PERMITTED;
            default -> ExitCode.FAILED;
        };
    }

    private static boolean notPermitted(Errno errno) {
        return errno.equals(Errno.EPERM) || errno.equals(Errno.EACCES);
    }

    private static String message(Throwable e) {
        String message = e.getMessage();
        return switch (e) {
            case CommandException _,
                    FreezeException _,
                    SnapshotException _,
                    ParticipantException _,
                    BackupException _,
                    PlanException _,
                    ToolRun.CannotRun _ ->
                    String.valueOf(message);
            case KernelException kernel ->
                    kernel.operation() + " " + kernel.subject() + ": " + kernel.errno();
            // The JDK's own say nothing but a path in their message.
            case IOException _ -> e.getClass().getSimpleName() + ": " + message;
            default -> "a bug: " + e;
        };
    }

    private static Optional<String> hint(Throwable e) {
        Optional<String> own =
                switch (e) {
                    case CommandException command -> Optional.of(command.hint());
                    case FreezeException freeze -> freeze.hint();
                    case SnapshotException snapshot -> snapshot.hint();
                    case ParticipantException participant -> participant.hint();
                    case BackupException backup -> backup.hint();
                    // Nothing is wrong with the machine; what is may have told its cause.
                    case PlanException.Cancelled cancelled ->
                            cancelled.getCause() == null
                                    ? Optional.of("")
                                    : hint(cancelled.getCause());
                    case PlanException plan -> plan.hint();
                    case RuntimeException _, Error _ ->
                            Optional.of("please report it, with what LULL_DEBUG=1 prints");
                    default -> Optional.empty();
                };
        return own.isPresent() ? own.filter(hint -> !hint.isEmpty()) : LOOK_AROUND;
    }
}
