package dev.lull.participant;

import dev.lull.linux.Kernel;
import dev.lull.snapshot.process.BoundedProcess;
import dev.lull.snapshot.process.Programs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * A server that is started on a scratch copy, where the real one may be running beside it. It must not reach that, whatever
 * its configuration says and whatever it finds in its logs to be done again:
 *
 * <ul>
 *   <li>it is a user of the system that owns nothing but the scratch copy, and can become no other;
 *   <li>its network namespace has no network;
 *   <li>its processes and its shared memory are in namespaces of their own, and go when the first of them does: with this
 *       object, or if we are killed (PR_SET_PDEATHSIG of prctl(2)).
 * </ul>
 *
 * <p>For the thread that started it: it ends with that.
 */
public final class ScratchServer implements AutoCloseable {
    /**
     * Nobody's: above those of containers, which end at 1,879,048,191, and below 2,147,352,576 (UIDS-GIDS.md of systemd, which
     * lists who uses which). Each of our processes has its own.
     */
    private static final int FIRST_USER = 2_000_000_000;

    private static final int OUTPUT_LIMIT = 1 << 20;
    private static final Duration DEATH = Duration.ofSeconds(10);

    private static final int GROUP_ENTERS = 0010;
    private static final int OTHERS_ENTER = 0001;
    private static final int PERMISSIONS = 07777;

    private final BoundedProcess process;

    private ScratchServer(BoundedProcess process) {
        this.process = process;
    }

    /** The user, and the group, that the servers of this process are. */
    public static int user(Kernel kernel) {
        return FIRST_USER + kernel.processId();
    }

    /**
     * Starts one.
     *
     * @param command absolute path and arguments; it has to stay in the foreground
     * @param environment all of its environment
     * @throws IOException if it cannot be started
     */
    public static ScratchServer start(
            Kernel kernel, List<String> command, Map<String, String> environment)
            throws IOException {
        List<String> whole = new ArrayList<>();
        whole.addAll(List.of(program("setpriv"), "--pdeathsig", "KILL", "--"));
        whole.addAll(List.of(program("unshare"), "--net", "--ipc", "--pid", "--fork"));
        whole.addAll(List.of("--kill-child=KILL", "--"));
        whole.addAll(asUser(kernel, command));
        return new ScratchServer(
                BoundedProcess.start(kernel, whole, environment, false, OUTPUT_LIMIT));
    }

    /** A command that runs another as the server's user. It dies with whoever started it. */
    public static List<String> asUser(Kernel kernel, List<String> command) throws IOException {
        String user = Integer.toString(user(kernel));
        List<String> whole = new ArrayList<>();
        whole.addAll(List.of(program("setpriv"), "--reuid", user, "--regid", user));
        // A change of the user takes the signal away: it is set last.
        whole.addAll(List.of("--clear-groups", "--no-new-privs", "--pdeathsig", "KILL", "--"));
        whole.addAll(command);
        return whole;
    }

    private static String program(String name) throws IOException {
        return Programs.find(name)
                .orElseThrow(() ->
                        new IOException(
                                name + "(1) is not installed, it is in the package util-linux"))
                .toString();
    }

    /**
     * Gives it a file or directory of the scratch copy with all below, and lets it come there.
     *
     * @param tree absolute
     * @param scratch the directory that is all the run's own, without links in its path
     * @throws IOException if that cannot be done; also if {@code tree} is not in {@code scratch}, or there is no way there
     *     for it
     */
    public static void give(Kernel kernel, Path tree, Path scratch) throws IOException {
        if (!tree.toRealPath().equals(tree) || !tree.startsWith(scratch)) {
            // What was restored can have any links in it.
            throw new IOException(tree + " leads out of " + scratch);
        }
        int user = user(kernel);
        try (Stream<Path> all = Files.walk(tree)) {
            for (Path one : (Iterable<Path>) all::iterator) {
                Files.setAttribute(one, "unix:uid", user, LinkOption.NOFOLLOW_LINKS);
                Files.setAttribute(one, "unix:gid", user, LinkOption.NOFOLLOW_LINKS);
            }
        }
        for (Path above = tree.getParent(); above != null; above = above.getParent()) {
            if (above.startsWith(scratch)) {
                Files.setAttribute(above, "unix:gid", user);
                Files.setAttribute(above, "unix:mode", mode(above) | GROUP_ENTERS);
            } else if ((mode(above) & OTHERS_ENTER) == 0) {
                throw new IOException(
                        "a server with no rights cannot come to "
                                + scratch
                                + ": others may not enter "
                                + above);
            }
        }
    }

    private static int mode(Path file) throws IOException {
        if (Files.getAttribute(file, "unix:mode") instanceof Integer mode) {
            return mode & PERMISSIONS;
        }
        throw new IOException("the filesystem of " + file + " tells no mode");
    }

    /** Whether it still runs. */
    public boolean isAlive() {
        return process.isAlive();
    }

    /** The end of what it has printed on stderr so far, at most 4 KiB. */
    public String errors() {
        return process.errors();
    }

    /**
     * Kills it, and returns when all of it has gone.
     *
     * @throws IOException if it could not be killed
     */
    @Override
    public void close() throws IOException {
        try (process) {
            // unshare(1) ends when its child has, and that when all in its process namespace have
            // (pid_namespaces(7)).
            process.children().forEach(ProcessHandle::destroyForcibly);
            if (process.isAlive()) {
                process.awaitEnd(DEATH);
            }
        }
    }
}
