package dev.lull.cli;

/** A command ends with a complaint of its own. */
final class CommandException extends Exception {
    private static final long serialVersionUID = 1L;

    private final ExitCode code;
    private final String hint;

    /**
     * @param message one line, lower case, without {@code lull:}
     * @param hint what to do, in one line; may be empty
     */
    CommandException(ExitCode code, String message, String hint) {
        super(message);
        this.code = code;
        this.hint = hint;
    }

    /** What was asked makes no sense. */
    static CommandException usage(String message, String hint) {
        return new CommandException(ExitCode.USAGE, message, hint);
    }

    ExitCode code() {
        return code;
    }

    String hint() {
        return hint;
    }
}
