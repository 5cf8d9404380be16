package dev.lull.cli;

import dev.lull.freeze.FreezeSet;
import dev.lull.linux.Descriptor;
import dev.lull.linux.FileStatus;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.Mount;
import java.nio.file.Path;
import java.util.List;

/** Where a command was started from. What it writes to is looked at by the library, before each freeze. */
final class Surroundings {
    private Surroundings() {}

    /**
     * @throws CommandException if the working directory lies in the set: what is written there with a relative name, a
     *     core dump or a command's output, would block until the thaw
     */
    static void requireOutside(Kernel kernel, FreezeSet set)
            throws CommandException, KernelException {
        try (Descriptor directory = kernel.openDirectory(Path.of("."))) {
            FileStatus status = kernel.status(directory);
            List<Mount> mounts = kernel.mounts();
            for (Mount mount : mounts) {
                if (mount.id() == status.mountId() && set.contains(mount.device())) {
                    throw CommandException.usage(
                            "the working directory is on a filesystem that is to be frozen, "
                                    + mount.mountPoint(),
                            "cd /proc first, which cannot be frozen");
                }
            }
        }
    }
}
