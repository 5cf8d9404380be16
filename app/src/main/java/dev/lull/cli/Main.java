package dev.lull.cli;

import java.util.List;
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
        Optional<Integer> quick =
                args.length > 0 && args[0].equals("run")
                        ? RunCommand.quick(List.of(args))
                        : QuickPath.run(args, System.out, System.err).map(ExitCode::status);
        int status = quick.orElseGet(() -> LullCommand.run(args));
        if (System.out.checkError() && status == 0) {
            System.err.println("lull: cannot write to stdout");
            status = ExitCode.FAILED.status();
        }
        System.exit(status);
    }
}
