package dev.lull.cli;

import java.util.Optional;

/** Where the command line starts. Only dispatches. */
public final class Main {
    private Main() {}

    /**
     * Runs one command and ends the process with its status, see {@link ExitCode}.
     *
     * @param args the command's name and its arguments
     */
    public static void main(String[] args) {
        Optional<ExitCode> quick = QuickPath.run(args, System.out, System.err);
        int status = quick.isPresent() ? quick.get().status() : LullCommand.run(args);
        if (System.out.checkError() && status == 0) {
            System.err.println("lull: cannot write to stdout");
            status = ExitCode.FAILED.status();
        }
        System.exit(status);
    }
}
