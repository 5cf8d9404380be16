package dev.lull.backup;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * GNU tar, the program: by its absolute path, with an environment of nothing but {@code LC_ALL=C}, and no shell. What it
 * says on stderr is kept, within a limit.
 */
final class TarProgram implements AutoCloseable {
    private static final List<Path> PLACES = List.of(Path.of("/usr/bin/tar"), Path.of("/bin/tar"));
    private static final Path SELINUX = Path.of("/sys/fs/selinux");
    private static final int MOST_ERRORS = 64 << 10;

    private final Process process;
    private final Thread errorReader;
    private final StringBuilder errors = new StringBuilder();

    private TarProgram(
            List<String> command, ProcessBuilder.Redirect in, ProcessBuilder.Redirect out)
            throws IOException {
        ProcessBuilder builder = new ProcessBuilder(command).redirectInput(in).redirectOutput(out);
        builder.directory(Path.of("/").toFile());
        builder.environment().clear();
        builder.environment().put("LC_ALL", "C");
        process = builder.start();
        errorReader = Thread.ofPlatform().daemon().name("tar-errors").start(this::keepErrors);
    }

    /**
     * Starts to archive directories; the stream comes out of {@link #output()}.
     *
     * @param source what goes into it
     */
    static TarProgram create(ArchiveSource source) throws IOException {
        List<String> command = options("--create");
        // Without the process id that GNU tar would put into the name: it tells nobody anything and
        // costs compression.
        command.add("--format=pax");
        command.add("--pax-option=exthdr.name=%d/PaxHeaders/%f");
        command.add("--sparse");
        command.add("--one-file-system");
        command.add("--atime-preserve=system");
        command.add("--sort=inode");
        // 256 KiB a write: the pipe is 64 KiB, but a large record spares tar's own copying in tens
        // of KiB.
        command.add("--blocking-factor=512");
        command.add("--directory=" + source.root());
        command.add("--anchored");
        command.add("--no-wildcards");
        for (String path : source.exclusions()) {
            command.add("--exclude=" + path);
        }
        // Each begins with a dot, so that none is taken for an option.
        command.addAll(source.arguments());
        source.besides()
                .ifPresent(more -> {
                    // Last: of two entries of one name the later one is what is extracted.
                    command.add("--directory=" + more.root());
                    command.addAll(more.arguments());
                });
        return new TarProgram(
                command,
                ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()),
                ProcessBuilder.Redirect.PIPE);
    }

    /**
     * Starts to extract what is written to {@link #input()}.
     *
     * @param directory where to
     * @param members names of entries, which stand for all below them too; empty is everything
     */
    static TarProgram extract(Path directory, List<String> members) throws IOException {
        List<String> command = options("--extract");
        command.add("--same-owner");
        command.add("--preserve-permissions");
        command.add("--delay-directory-restore");
        command.add("--blocking-factor=512");
        command.add("--directory=" + directory);
        command.add("--");
        command.addAll(members);
        return new TarProgram(
                command,
                ProcessBuilder.Redirect.PIPE,
                ProcessBuilder.Redirect.to(Path.of("/dev/null").toFile()));
    }

    private static List<String> options(String operation) throws BackupException {
        List<String> command = new ArrayList<>();
        command.add(program().toString());
        command.add(operation);
        command.add("--file=-");
        // ACLs are stored twice: as text, for other programs, with names of users as this host has
        // them; and, being
        // extended attributes, as they are, with numbers. The latter are set last when GNU tar
        // extracts (tried, 1.34).
        command.add("--acls");
        command.add("--xattrs");
        command.add("--xattrs-include=*");
        if (Files.exists(SELINUX)) {
            command.add("--selinux");
        }
        command.add("--numeric-owner");
        return command;
    }

    /** @throws BackupException if there is no tar, or it is not GNU's */
    static Path program() throws BackupException {
        Optional<Path> found = PLACES.stream().filter(Files::isExecutable).findFirst();
        if (found.isEmpty()) {
            throw new BackupException(
                    "find", "tar", "neither of " + PLACES + " is there", "apt-get install tar");
        }
        return found.get();
    }

    InputStream output() {
        return process.getInputStream();
    }

    java.io.OutputStream input() {
        return process.getOutputStream();
    }

    /** Waits for its end. @return its exit status */
    int waitFor() throws InterruptedException {
        int status = process.waitFor();
        errorReader.join();
        return status;
    }

    /** What it said on stderr, line by line, safe to print; all of it only after {@link #waitFor()}. */
    List<String> messages() {
        return errors.toString().lines().filter(line -> !line.isBlank()).toList();
    }

    /** Kills it if it still runs: its output ends. */
    void kill() {
        process.destroyForcibly();
    }

    /** Kills it if it still runs, and waits until it is gone. */
    @Override
    public void close() {
        kill();
        boolean interrupted = Thread.interrupted();
        try {
            while (!process.waitFor(10, TimeUnit.SECONDS)) {
                // A tar in state D cannot be killed: the kernel has it. Going on would leave it
                // behind unseen.
            }
            errorReader.join(1_000);
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void keepErrors() {
        byte[] buffer = new byte[8192];
        try (InputStream in = process.getErrorStream()) {
            for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                if (errors.length() < MOST_ERRORS) {
                    errors.append(printable(new String(buffer, 0, read, StandardCharsets.UTF_8)));
                }
            }
        } catch (IOException e) {
            errors.append("what tar said could not be read: ").append(e.getMessage());
        }
    }

    private static String printable(String text) {
        StringBuilder clean = new StringBuilder(text.length());
        text.codePoints()
                .forEach(c ->
                        clean.appendCodePoint(c == '\n' || !Character.isISOControl(c) ? c : '?'));
        return clean.toString();
    }
}
