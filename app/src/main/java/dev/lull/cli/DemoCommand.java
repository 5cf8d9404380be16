package dev.lull.cli;

import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * {@code lull demo}. What is here runs on the machine as it is: it makes sure of root and of the programs needed, and
 * starts the rest, {@link Demo}, in a mount namespace of its own, so that no mount can be left behind.
 */
@Command(
        name = "demo",
        mixinStandardHelpOptions = true,
        description = {
            "Show a backup of a live filesystem, from the freeze to the restored files.",
            "Makes an ext4 on an XFS, in files under /var/tmp and in a mount namespace of its own, and leaves nothing "
                    + "behind. Installs xfsprogs if it is not there."
        },
        subcommands = {
            DemoCommand.Inside.class,
            DemoCommand.Writer.class,
            DemoCommand.Watchdog.class
        })
final class DemoCommand implements Callable<Integer> {
    @Option(names = "--no-install", description = "install nothing; fail if something is missing")
    private boolean noInstall;

    @Option(names = "--json", description = "print JSON; what goes on is told on stderr")
    private boolean json;

    @Spec private @Nullable CommandSpec spec;

    @Override
    public Integer call() throws Exception {
        Kernel kernel = new LinuxKernel();
        ThisHost.requireRoot(kernel);
        DemoPrograms.require(!noInstall);
        List<String> command = new ArrayList<>(DemoPrograms.command("unshare"));
        command.addAll(List.of("--mount", "--propagation", "private", "--"));
        command.addAll(OwnCommand.line(spec, "demo", "inside", mountNamespace()));
        if (json) {
            command.add("--json");
        }
        return runToItsEnd(command);
    }

    /** Its name, which no other has: {@code mnt:[4026531841]} (namespaces(7)). */
    private static String mountNamespace() throws IOException {
        return Files.readSymbolicLink(Path.of("/proc/self/ns/mnt")).toString();
    }

    /** Told to end, it tells the child, and waits until that has cleaned up. */
    private static int runToItsEnd(List<String> command) throws IOException, InterruptedException {
        Process inside =
                new ProcessBuilder(command).directory(Path.of("/").toFile()).inheritIO().start();
        Thread hook =
                new Thread(
                        () -> {
                            inside.destroy();
                            try {
                                inside.waitFor();
                            } catch (InterruptedException e) {
                                Thread.currentThread().interrupt();
                            }
                        },
                        "end demo");
        Runtime.getRuntime().addShutdownHook(hook);
        int status = inside.waitFor();
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException shuttingDown) {
            // The hook is what ended it.
        }
        return status;
    }

    /** The demo itself, in the namespace. */
    @Command(name = "inside", hidden = true)
    static final class Inside implements Callable<Integer> {
        @Parameters(description = "the mount namespace outside")
        private String outside = "";

        @Option(names = "--json")
        private boolean json;

        @Spec private @Nullable CommandSpec spec;

        @Override
        public Integer call() throws Exception {
            if (outside.equals(mountNamespace())) {
                throw CommandException.usage(
                        "this is not a mount namespace of its own", "run lull demo");
            }
            return Demo.run(OwnCommand.line(spec, "demo"), json).status();
        }
    }

    /** Writes without end and measures its stalls. */
    @Command(name = "writer", hidden = true)
    static final class Writer implements Callable<Integer> {
        @Parameters private @Nullable Path file;

        @Override
        public Integer call() throws Exception {
            DemoWriter.run(Objects.requireNonNull(file));
            return 0;
        }
    }

    /** Thaws if the demo does not end in time, or ends without a word. */
    @Command(name = "watchdog", hidden = true)
    static final class Watchdog implements Callable<Integer> {
        @Parameters private List<Path> directories = List.of();

        @Override
        public Integer call() throws Exception {
            DemoWatchdog.run(new LinuxKernel(), directories);
            return 0;
        }
    }
}
