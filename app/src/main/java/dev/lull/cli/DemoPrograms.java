package dev.lull.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The programs of the machine that the demo needs, and the Debian packages that bring them. */
final class DemoPrograms {
    private static final List<Path> PLACES =
            List.of(Path.of("/usr/sbin"), Path.of("/usr/bin"), Path.of("/sbin"), Path.of("/bin"));

    private static final Map<String, String> PACKAGES =
            Map.of(
                    "mkfs.xfs", "xfsprogs",
                    "mkfs.ext4", "e2fsprogs",
                    "unshare", "util-linux",
                    "tar", "tar",
                    "diff", "diffutils");

    private DemoPrograms() {}

    private static Optional<Path> find(String program) {
        return PLACES.stream()
                .map(place -> place.resolve(program))
                .filter(Files::isExecutable)
                .findFirst();
    }

    /** A program by its absolute path. @throws CommandException if it is not there */
    static List<String> command(String program, String... arguments) throws CommandException {
        Path path =
                find(program)
                        .orElseThrow(() ->
                                new CommandException(
                                        ExitCode.FAILED,
                                        "there is no " + program + " on this machine",
                                        "install the package that has it"));
        List<String> command = new ArrayList<>(List.of(path.toString()));
        command.addAll(List.of(arguments));
        return command;
    }

    /**
     * Installs what is missing, and says so.
     *
     * @throws CommandException if something is missing and cannot or may not be installed
     */
    static void require(boolean install)
            throws CommandException, IOException, InterruptedException {
        List<String> packages =
                PACKAGES.entrySet().stream()
                        .filter(entry -> find(entry.getKey()).isEmpty())
                        .map(Map.Entry::getValue)
                        .sorted()
                        .toList();
        if (packages.isEmpty()) {
            return;
        }
        String names = String.join(" ", packages);
        if (!install || find("apt-get").isEmpty()) {
            throw new CommandException(
                    ExitCode.FAILED, "the demo needs " + names, "apt-get install " + names);
        }
        System.out.println("installing " + names + " (apt-get install " + names + ")");
        if (!aptInstall(packages)) {
            apt(List.of("update"));
            if (!aptInstall(packages)) {
                throw new CommandException(
                        ExitCode.FAILED,
                        "apt-get could not install " + names,
                        "apt-get install " + names);
            }
        }
    }

    private static boolean aptInstall(List<String> packages)
            throws CommandException, IOException, InterruptedException {
        List<String> words =
                new ArrayList<>(List.of("install", "--yes", "--no-install-recommends"));
        words.addAll(packages);
        return apt(words);
    }

    private static boolean apt(List<String> words)
            throws CommandException, IOException, InterruptedException {
        List<String> command = command("apt-get", "-q", "-o", "DPkg::Lock::Timeout=120");
        command.addAll(words);
        ProcessBuilder builder = new ProcessBuilder(command);
        builder.environment().put("DEBIAN_FRONTEND", "noninteractive");
        builder.redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD);
        Process process = builder.start();
        process.getOutputStream().close();
        return process.waitFor() == 0;
    }

    /** Runs one of them, which says something only when it fails. */
    static void run(String program, String... arguments)
            throws CommandException, IOException, InterruptedException {
        ProcessBuilder builder =
                new ProcessBuilder(command(program, arguments)).redirectErrorStream(true);
        builder.environment().clear();
        builder.environment().put("LC_ALL", "C");
        builder.environment().put("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        Process process = builder.start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readNBytes(4096), StandardCharsets.UTF_8);
        process.getInputStream().skip(Long.MAX_VALUE);
        int status = process.waitFor();
        if (status != 0) {
            throw new CommandException(
                    ExitCode.FAILED,
                    program + " ended with status " + status + ": " + said.strip(),
                    "");
        }
    }
}
