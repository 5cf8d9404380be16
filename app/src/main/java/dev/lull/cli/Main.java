package dev.lull.cli;

/** Where the command line starts. */
public final class Main {
    private Main() {}

    /**
     * Runs one command.
     *
     * @param args the command's name and its arguments
     */
    public static void main(String[] args) {
        System.err.println("lull: no such command");
        System.exit(2);
    }
}
