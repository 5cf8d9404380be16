package dev.lull.participant.mariadb;

import dev.lull.linux.Kernel;
import dev.lull.snapshot.process.BoundedProcess;
import dev.lull.snapshot.process.Programs;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * A root directory, mount namespace and network namespace in which a server finds copies of its directories where the
 * originals were, the system's programs, and nothing else: what a copy names by its path, an index of binary logs or a
 * link to a tablespace, is never the original. Both namespaces go with the last process in them.
 *
 * @param root an empty directory, where the root directory is made; nothing of it is seen from outside
 * @param run a directory that is seen in it as {@link #RUN}
 * @param copies where a copy lies, by the path at which it is to be seen
 * @param user as whom programs run in it
 * @param group the same
 */
record Sandbox(Path root, Path run, Map<Path, Path> copies, int user, int group) {
    /** In the sandbox, a directory for what a server makes while it runs. */
    static final Path RUN = Path.of("/run/lull");

    /**
     * Arguments: root, run, user, group, pairs of a copy and a path, {@code --}, a command. --pdeathsig, so that no server
     * lives on if we are killed. What is said on stderr comes on stdout, where lines can be awaited.
     */
    private static final String SCRIPT =
            """
            set -eu
            root=$1 run=$2 user=$3 group=$4
            shift 4
            mount -t tmpfs -o mode=0755 lull "$root"
            for name in bin etc lib lib32 lib64 libx32 sbin usr; do
                if [ -h "/$name" ]; then
                    ln -s "$(readlink "/$name")" "$root/$name"
                elif [ -d "/$name" ]; then
                    mkdir "$root/$name"
                    mount -o bind,ro "/$name" "$root/$name"
                fi
            done
            mkdir -p "$root/dev" "$root/proc" "$root/run/lull"
            mkdir -m 1777 "$root/tmp"
            mount -o bind /dev "$root/dev"
            mount -o bind "$run" "$root/run/lull"
            while [ "$1" != -- ]; do
                mkdir -p "$root$2"
                mount -o bind "$1" "$root$2"
                shift 2
            done
            shift
            exec chroot "$root" setpriv --reuid="$user" --regid="$group" --clear-groups --no-new-privs \\
                --pdeathsig=KILL -- "$@" 2>&1
            """;

    Sandbox {
        copies = Map.copyOf(copies);
    }

    /**
     * Starts a program in it, on the calling thread, which has to live as long as the program is to.
     *
     * @param command the program's path in the sandbox, and arguments
     * @param outputLimit how many bytes it may print
     * @throws IOException if it cannot be started
     */
    BoundedProcess start(Kernel kernel, List<String> command, int outputLimit) throws IOException {
        Path unshare =
                Programs.find("unshare")
                        .orElseThrow(() ->
                                new IOException(
                                        "unshare(1) is not installed, it is in the package util-linux"));
        Files.createDirectory(
                root,
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        List<String> whole = new ArrayList<>();
        whole.addAll(
                List.of(
                        unshare.toString(),
                        "--mount",
                        "--net",
                        "--propagation",
                        "private",
                        "--",
                        "/bin/sh",
                        "-c",
                        SCRIPT,
                        "lull-sandbox",
                        root.toString(),
                        run.toString(),
                        Integer.toString(user),
                        Integer.toString(group)));
        // What is above comes before what is in it.
        copies.entrySet().stream()
                .sorted(Map.Entry.comparingByKey(Comparator.comparingInt(Path::getNameCount)))
                .forEach(copy -> {
                    whole.add(copy.getValue().toString());
                    whole.add(copy.getKey().toString());
                });
        whole.add("--");
        whole.addAll(command);
        return BoundedProcess.start(
                kernel, whole, Map.of("PATH", Programs.PATH), false, outputLimit);
    }
}
