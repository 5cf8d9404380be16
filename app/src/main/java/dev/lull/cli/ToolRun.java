package dev.lull.cli;

import dev.lull.freeze.NotHeldException;
import dev.lull.plan.PlanException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;

/** Runs a backup tool of the user's in a mounted snapshot, with the statuses of timeout(1). */
final class ToolRun {
    private final List<String> words;

    private ToolRun(List<String> words) {
        this.words = words;
    }

    /**
     * Looks for the program, before anything is begun.
     *
     * @throws CannotRun if there is none, or it cannot be run
     */
    static ToolRun of(List<String> words) throws CommandException, CannotRun {
        if (words.isEmpty()) {
            throw CommandException.usage(
                    "no tool to run", "lull backup PATH... -- TOOL [ARGUMENT...]");
        }
        Path program = HoldCommand.find(words.getFirst());
        if (program == null) {
            throw new CannotRun(
                    HoldCommand.NO_SUCH_COMMAND,
                    "cannot run " + words.getFirst() + ": no such command");
        }
        if (!Files.isExecutable(program) || Files.isDirectory(program)) {
            throw new CannotRun(
                    HoldCommand.CANNOT_RUN,
                    "cannot run " + program + ": it is not an executable file");
        }
        // It runs in the snapshot, where a relative name would mean another file, or none.
        List<String> command = new ArrayList<>(words);
        command.set(0, program.toAbsolutePath().toString());
        return new ToolRun(List.copyOf(command));
    }

    /** Runs it to its end; an interrupt ends it. @return its status; 128 + signal if it was killed */
    int run(Path root, Path manifest) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(words).inheritIO().directory(root.toFile());
        builder.environment().put("LULL_SNAPSHOT", root.toString());
        builder.environment().put("LULL_MANIFEST", manifest.toString());
        Process process;
        try {
            process = builder.start();
        } catch (IOException e) {
            throw new CannotRun(
                    HoldCommand.CANNOT_RUN,
                    "cannot run " + words.getFirst() + ": " + e.getMessage());
        }
        try {
            return process.waitFor();
        } catch (InterruptedException e) {
            process.destroy();
            process.waitFor();
            throw e;
        }
    }

    /** Runs a backup by a tool, tells what failed, and finds the status for it. */
    static int status(Callable<Integer> backup) {
        try {
            return backup.call();
        } catch (Exception e) {
            Complaint.of(e).tell(System.err);
            return switch (e) {
                case CannotRun cannot -> cannot.status();
                case PlanException.NotHeld _, NotHeldException _ -> HoldCommand.NOT_HELD;
                default -> HoldCommand.LULL_FAILED;
            };
        }
    }

    /** The tool could not be run. */
    static final class CannotRun extends IOException {
        private static final long serialVersionUID = 1L;

        private final int status;

        CannotRun(int status, String message) {
            super(message);
            this.status = status;
        }

        int status() {
            return status;
        }
    }
}
