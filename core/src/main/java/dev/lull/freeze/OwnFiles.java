package dev.lull.freeze;

import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.Mount;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What this process could write to. A process that writes to a filesystem which it has frozen itself sleeps in state D
 * until the deadline; a JVM whose performance data is mapped from there stops at its next safepoint, whole.
 */
final class OwnFiles {
    private static final Path PROC = Path.of("/proc/self");

    /** O_ACCMODE of fcntl(2): 0 is O_RDONLY. */
    private static final int ACCESS_MODE = 3;

    private static final List<String> STANDARD = List.of("standard input", "stdout", "stderr");

    private OwnFiles() {}

    /** @throws InvalidRequestException if this process has a member's file open for writing, or mapped so */
    static void requireOutside(Kernel kernel, FreezeSet set) throws FreezeException {
        try {
            Map<Long, FreezeSet.Member> byMount = byMount(kernel, set);
            List<String> open = descriptors(kernel, byMount);
            if (!open.isEmpty()) {
                throw refusal(open, "close it, or send the output elsewhere");
            }
            List<String> mapped = mappings(kernel, byMount);
            if (!mapped.isEmpty()) {
                throw refusal(mapped, "a JVM's own mapped file goes with -XX:-UsePerfData");
            }
        } catch (IOException e) {
            throw new FreezeException(
                    Trouble.of("freeze", "cannot read /proc/self: " + e.getMessage()).because(e));
        }
    }

    private static InvalidRequestException refusal(List<String> written, String hint) {
        return new InvalidRequestException(
                Trouble.of(
                                "freeze",
                                "this process itself writes to what is to be frozen: "
                                        + String.join(", ", written))
                        .hint(hint));
    }

    /** Every mount that shows a member, not only the one that it was named by. */
    private static Map<Long, FreezeSet.Member> byMount(Kernel kernel, FreezeSet set)
            throws KernelException {
        Map<Long, FreezeSet.Member> byMount = new HashMap<>();
        // Its own mount may be in another namespace, and so in no table of ours.
        for (FreezeSet.Member member : set.members()) {
            byMount.put((long) member.mount().id(), member);
        }
        for (Mount mount : kernel.mounts()) {
            for (FreezeSet.Member member : set.members()) {
                if (mount.device().equals(member.device())) {
                    byMount.put((long) mount.id(), member);
                }
            }
        }
        return byMount;
    }

    private static List<String> descriptors(Kernel kernel, Map<Long, FreezeSet.Member> byMount)
            throws IOException {
        List<String> written = new ArrayList<>();
        try (DirectoryStream<Path> numbers = Files.newDirectoryStream(PROC.resolve("fd"))) {
            for (Path entry : numbers) {
                int number = Integer.parseInt(entry.getFileName().toString());
                Optional<FreezeSet.Member> member = memberOf(kernel, byMount, borrow(number));
                if (member.isPresent() && writable(number)) {
                    written.add(name(number, entry) + " on " + member.get().path());
                }
            }
        }
        return written;
    }

    private static Descriptor borrow(int number) {
        return new Descriptor(number, "descriptor " + number, _ -> {});
    }

    private static Optional<FreezeSet.Member> memberOf(
            Kernel kernel, Map<Long, FreezeSet.Member> byMount, Descriptor file) {
        try {
            return Optional.ofNullable(byMount.get(kernel.status(file).mountId()));
        } catch (KernelException closedMeanwhile) {
            return Optional.empty();
        }
    }

    /** proc_pid_maps(5): the device is in hexadecimal. */
    private static Optional<FreezeSet.Member> memberOf(
            Map<Long, FreezeSet.Member> byMount, String device) {
        String[] parts = device.split(":", 2);
        DeviceNumber number =
                new DeviceNumber(Integer.parseInt(parts[0], 16), Integer.parseInt(parts[1], 16));
        return byMount.values().stream()
                .filter(member -> member.device().equals(number))
                .findFirst();
    }

    /** proc_pid_fdinfo(5): "flags" in octal. */
    private static boolean writable(int number) throws IOException {
        try {
            for (String line : Files.readAllLines(PROC.resolve("fdinfo/" + number))) {
                if (line.startsWith("flags:")) {
                    int flags = Integer.parseInt(line.substring(6).strip(), 8);
                    return (flags & ACCESS_MODE) != 0;
                }
            }
            return false;
        } catch (NoSuchFileException closedMeanwhile) {
            return false;
        }
    }

    private static String name(int number, Path entry) throws IOException {
        return number < STANDARD.size()
                ? STANDARD.get(number)
                : Files.readSymbolicLink(entry).toString();
    }

    /** proc_pid_maps(5): "start-end rw-s offset device inode path". Private mappings never write to the file. */
    private static List<String> mappings(Kernel kernel, Map<Long, FreezeSet.Member> byMount)
            throws IOException {
        List<String> written = new ArrayList<>();
        for (String line : Files.readAllLines(PROC.resolve("maps"))) {
            String[] fields = line.split(" +", 6);
            if (fields.length < 6
                    || !fields[1].startsWith("w", 1)
                    || !fields[1].endsWith("s")
                    || !fields[5].startsWith("/")
                    // Opening a device can do things; and no filesystem of devices can be frozen.
                    || fields[5].startsWith("/dev/")) {
                continue;
            }
            // By its address: the path can be of a deleted file, or mean another one by now.
            try (Descriptor file = kernel.openRead(PROC.resolve("map_files").resolve(fields[0]))) {
                Optional<FreezeSet.Member> member = memberOf(kernel, byMount, file);
                if (member.isPresent()) {
                    written.add("the mapping of " + fields[5] + " on " + member.get().path());
                }
            } catch (KernelException e) {
                // map_files is for root (fs/proc/base.c); else by the superblock's number, which
                // the line has (fs/proc/task_mmu.c).
                Optional<FreezeSet.Member> member =
                        e.errno().equals(Errno.EPERM) || e.errno().equals(Errno.EACCES)
                                ? memberOf(byMount, fields[3])
                                : Optional.empty();
                if (member.isPresent()) {
                    written.add("the mapping of " + fields[5] + " on " + member.get().path());
                }
            }
        }
        return written;
    }
}
