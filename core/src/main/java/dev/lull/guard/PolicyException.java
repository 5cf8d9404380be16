package dev.lull.guard;

/** A policy that cannot be understood. */
final class PolicyException extends Exception {
    private final int line;
    private final int column;

    /**
     * @param line from 1
     * @param column in bytes, from 1
     */
    PolicyException(int line, int column, String message) {
        super(message);
        this.line = line;
        this.column = column;
    }

    int line() {
        return line;
    }

    int column() {
        return column;
    }
}
