package dev.lull.cli;

import dev.lull.freeze.FreezeException;
import dev.lull.freeze.FreezeSet;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.MountNamespace;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Whose paths are meant. */
final class NamespaceOption {
    @Option(
            names = "--namespace-of",
            paramLabel = "PID",
            description =
                    "a PATH is what process PID sees there: in its mount namespace, below its root directory")
    private @Nullable Integer pid;

    boolean given() {
        return pid != null;
    }

    /** @throws CommandException if it was given where no path is to be looked up */
    void requireAbsent(String why) throws CommandException {
        if (given()) {
            throw CommandException.usage(
                    "--namespace-of " + pid + " says whose PATH: " + why,
                    "leave it out, or name a PATH");
        }
    }

    /**
     * The namespace; the caller closes it.
     *
     * @throws CommandException if there is no such process, or it may not be looked at
     */
    MountNamespace open(Kernel kernel) throws CommandException {
        Integer process = pid;
        if (process == null) {
            return MountNamespace.own(kernel);
        }
        if (process <= 0) {
            throw CommandException.usage(
                    "--namespace-of " + process + " is no process",
                    "a container's first process will do");
        }
        try {
            return MountNamespace.of(kernel, process);
        } catch (KernelException e) {
            throw cannotLookAt(process, e.errno());
        }
    }

    private static CommandException cannotLookAt(int process, Errno errno) {
        String message = "cannot look at the mounts of process " + process + ": " + errno;
        return errno.equals(Errno.EACCES) || errno.equals(Errno.EPERM)
                ? new CommandException(ExitCode.NOT_PERMITTED, message, "lull needs root")
                : CommandException.usage(
                        message, "is it still there? a container's first process will do");
    }

    /** Opens what is to be frozen, see {@link FreezeSet#open}. */
    FreezeSet openSet(Kernel kernel, List<Path> paths, boolean anyPath)
            throws CommandException, FreezeException, KernelException {
        try (MountNamespace namespace = open(kernel)) {
            return FreezeSet.open(kernel, namespace, paths, anyPath);
        }
    }
}
