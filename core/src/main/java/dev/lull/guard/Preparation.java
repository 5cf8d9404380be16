package dev.lull.guard;

import dev.lull.linux.BlockStack;
import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Errno;
import dev.lull.linux.FileStatus;
import dev.lull.linux.Filesystem;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.MountTable;
import dev.lull.linux.MountTree;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * From the descriptors of a request to the members of a lease: which filesystems they are, what lies below them, and in
 * which order they freeze. May block, so it has a thread of its own.
 */
final class Preparation {
    private final Kernel kernel;
    private final Mailbox mailbox;
    private final AtomicInteger slots;

    Preparation(Kernel kernel, Mailbox mailbox, AtomicInteger slots) {
        this.kernel = kernel;
        this.mailbox = mailbox;
        this.slots = slots;
    }

    void start(LiveLease lease, List<Descriptor> directories) {
        Thread thread =
                new Thread(
                        null, () -> run(lease, directories), "prepare-" + lease.id(), 512 * 1024);
        thread.setDaemon(true);
        thread.start();
    }

    private record Found(
            String path,
            Descriptor directory,
            MountTable table,
            Filesystem filesystem,
            BlockStack stack) {
        Permit.Subject subject() {
            return new Permit.Subject(path, filesystem.device());
        }
    }

    private void run(LiveLease lease, List<Descriptor> directories) {
        try {
            List<Found> found =
                    identify(lease.request().paths(), directories, lease.holder().pid());
            Optional<Duration> max =
                    lease.permit()
                            .forAll(
                                    found.stream().map(Found::subject).toList(),
                                    // Not the client's table, which he can have made.
                                    new MountTree(kernel.mounts()),
                                    lease.request());
            mailbox.post(new Note.Prepared(lease, members(lease, found), max));
        } catch (Permit.Refused e) {
            Descriptor.closeAll(directories);
            mailbox.post(new Note.Unprepared(lease, e.failure()));
        } catch (KernelException e) {
            Descriptor.closeAll(directories);
            mailbox.post(new Note.Unprepared(lease, Refusals.cannot("prepare", e)));
        } catch (RuntimeException e) {
            Descriptor.closeAll(directories);
            mailbox.post(
                    new Note.Unprepared(
                            lease,
                            Reply.Failure.of(
                                    Reply.Failure.Kind.FAILED,
                                    "cannot prepare: " + e,
                                    "this is a bug")));
        }
    }

    /**
     * The mount table that a client's directory was opened through: its own, or this guard's, or any other process's, where
     * it has looked into another mount namespace. The client's own if no table shows the mount, since it is unmounted.
     *
     * @param client its pid; 0 if unknown
     */
    static MountTable tableOf(Kernel kernel, Descriptor directory, int client)
            throws KernelException {
        MountTable own = tableOf(kernel, client);
        long mount = kernel.status(directory).mountId();
        if (own.mount(mount).isPresent()) {
            return own;
        }
        return MountTable.search(
                        kernel,
                        table ->
                                table.mount(mount).isPresent()
                                        ? Optional.of(table)
                                        : Optional.empty())
                .orElse(own);
    }

    /**
     * Which filesystem a client's directory is on.
     *
     * @param client its pid; 0 if unknown
     */
    static DeviceNumber deviceOf(Kernel kernel, Descriptor directory, int client)
            throws KernelException {
        return Filesystem.of(kernel, directory, tableOf(kernel, directory, client).mounts())
                .device();
    }

    private static MountTable tableOf(Kernel kernel, int client) throws KernelException {
        try {
            return MountTable.of(kernel, client == 0 ? kernel.processId() : client);
        } catch (KernelException e) {
            if (!e.errno().equals(Errno.ENOENT) && !e.errno().equals(Errno.ESRCH)) {
                throw e;
            }
            return MountTable.of(kernel, kernel.processId());
        }
    }

    private List<Found> identify(List<String> paths, List<Descriptor> directories, int client)
            throws KernelException, Permit.Refused {
        List<Found> found = new ArrayList<>();
        Set<DeviceNumber> seen = new HashSet<>();
        for (int i = 0; i < directories.size(); i++) {
            Descriptor directory = directories.get(i);
            FileStatus status = kernel.status(directory);
            if (!status.isDirectory() && !status.isRegularFile()) {
                throw new KernelException("open directory", paths.get(i), Errno.ENOTDIR);
            }
            MountTable table = tableOf(kernel, directory, client);
            Filesystem filesystem = Filesystem.of(kernel, directory, table.mounts());
            if (filesystem.mountPoints().isEmpty() && filesystem.type().equals("btrfs")) {
                // What is left to tell it by is the subvolume's number, under which nobody would
                // find it again.
                throw new Permit.Refused(Refusals.unmounted(paths.get(i)));
            }
            if (seen.add(filesystem.device())) {
                found.add(
                        new Found(
                                paths.get(i),
                                directory,
                                table,
                                filesystem,
                                BlockStack.under(kernel, directory, table.mounts())));
            } else {
                directory.close();
            }
        }
        return found;
    }

    private List<Member> members(LiveLease lease, List<Found> found) throws KernelException {
        Map<DeviceNumber, Integer> levels = levels(found);
        List<Member> members = new ArrayList<>();
        for (Found one : found) {
            members.add(
                    new Member(
                            kernel,
                            mailbox,
                            lease,
                            slots.incrementAndGet(),
                            one.path(),
                            one.table().process(),
                            one.filesystem(),
                            one.directory(),
                            backingFiles(one.stack()),
                            kernel.eventDescriptor(),
                            levels.getOrDefault(one.filesystem().device(), 0)));
        }
        members.sort(Comparator.comparingInt(Member::level));
        return members;
    }

    /** The files behind loop devices, to be written back; without those whose path leads elsewhere by now, or from here. */
    private List<Descriptor> backingFiles(BlockStack stack) throws KernelException {
        List<Descriptor> files = new ArrayList<>();
        for (BlockStack.Layer layer : stack.layers()) {
            if (layer instanceof BlockStack.Loop loop && loop.filesystem().isPresent()) {
                try {
                    Descriptor file = kernel.openRead(Path.of(loop.backingFile()));
                    if (isBehind(loop, file)) {
                        files.add(file);
                    } else {
                        file.close();
                    }
                } catch (KernelException e) {
                    if (!e.errno().equals(Errno.ENOENT)) {
                        throw e;
                    }
                }
            }
        }
        return files;
    }

    /** The path is what somebody once gave; the device knows the file itself. */
    private boolean isBehind(BlockStack.Loop loop, Descriptor file) {
        try (Descriptor device = kernel.openRead(Path.of("/dev", loop.name()))) {
            return kernel.loopStatus(device).isBackedBy(kernel.status(file));
        } catch (KernelException e) {
            // A file that may be another's is left alone: the freeze has more to write then.
            return false;
        }
    }

    /** How many filesystems of the set lie above each, at the most: those are frozen before it. */
    private static Map<DeviceNumber, Integer> levels(List<Found> found) {
        Map<DeviceNumber, Integer> levels = new HashMap<>();
        // A chain can be no longer than the set; each round settles one more floor.
        for (int round = 0; round < found.size(); round++) {
            for (Found upper : found) {
                int above = levels.getOrDefault(upper.filesystem().device(), 0) + 1;
                for (DeviceNumber lower : upper.stack().lowerFilesystems()) {
                    if (found.stream().anyMatch(f -> f.filesystem().device().equals(lower))) {
                        levels.merge(lower, above, Math::max);
                    }
                }
            }
        }
        return levels;
    }
}
