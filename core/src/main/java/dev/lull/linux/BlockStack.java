package dev.lull.linux;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The block devices that a filesystem rests on, down to the disks; through loop devices also the
 * filesystems that their backing files lie on, and what those rest on. Read from sysfs
 * (Documentation/ABI/stable/sysfs-block).
 *
 * @param layers from the top down, each device once; empty for a filesystem without a block device,
 *     such as tmpfs
 */
public record BlockStack(List<Layer> layers) {
    /** More than Linux itself lets devices be stacked. */
    private static final int DEEPEST = 64;

    public BlockStack {
        layers = List.copyOf(layers);
    }

    /** One block device of the stack. */
    public sealed interface Layer {
        DeviceNumber device();

        /** As people call it: {@code sda1}, {@code vg-home}, {@code md0}, {@code loop3}. */
        String name();
    }

    /** A device that rests on no other one that the kernel knows of. */
    public record Disk(DeviceNumber device, String name) implements Layer {}

    /** A part of the next layer's device: a partition, or a loop device over a block device. */
    public record Partition(DeviceNumber device, String name) implements Layer {}

    /**
     * A device-mapper device: LVM, dm-crypt, multipath, …
     *
     * @param uuid who made it, before the first hyphen, and what it calls it ({@code LVM-…}); may be empty
     */
    public record Mapped(DeviceNumber device, String name, String uuid) implements Layer {}

    /**
     * A device of md.
     *
     * @param level for example {@code raid1}
     */
    public record Raid(DeviceNumber device, String name, String level) implements Layer {}

    /**
     * A loop device.
     *
     * @param backingFile path of its file as the kernel tells it, with {@code (deleted)} after it if it
     *     has none any more
     * @param filesystem identity of the mounted filesystem that the file lies on; empty if it cannot be
     *     told, because the file lies in another mount namespace or was deleted
     */
    public record Loop(
            DeviceNumber device, String name, String backingFile, Optional<DeviceNumber> filesystem)
            implements Layer {}

    /**
     * The stack under the filesystem that a file or directory lies on.
     *
     * @throws KernelException ENOENT where sysfs is not mounted or does not know the device; ELOOP if the
     *     stack is deeper than Linux can build one
     */
    public static BlockStack under(Kernel kernel, Descriptor filesystem) throws KernelException {
        return under(kernel, filesystem, kernel.mounts());
    }

    /**
     * As {@link #under(Kernel, Descriptor)}, for a descriptor opened in another mount namespace.
     *
     * @param table that namespace's mounts
     */
    public static BlockStack under(Kernel kernel, Descriptor filesystem, List<Mount> table)
            throws KernelException {
        Walk walk = new Walk(kernel);
        walk.filesystem(filesystem, table, 0);
        return new BlockStack(walk.layers);
    }

    /** Identities of all filesystems that this one rests on, directly or indirectly. */
    public Set<DeviceNumber> lowerFilesystems() {
        Set<DeviceNumber> lower = new LinkedHashSet<>();
        for (Layer layer : layers) {
            if (layer instanceof Loop loop) {
                loop.filesystem().ifPresent(lower::add);
            }
        }
        return lower;
    }

    /** Whether {@link #lowerFilesystems} is all of them: no loop device's file is out of reach. */
    public boolean isComplete() {
        for (Layer layer : layers) {
            if (layer instanceof Loop loop && loop.filesystem().isEmpty()) {
                return false;
            }
        }
        return true;
    }

    private static final class Walk {
        private final Kernel kernel;
        private final List<Layer> layers = new ArrayList<>();
        private final Set<DeviceNumber> seen = new LinkedHashSet<>();

        Walk(Kernel kernel) {
            this.kernel = kernel;
        }

        /** Returns its identity. */
        DeviceNumber filesystem(Descriptor file, List<Mount> table, int depth)
                throws KernelException {
            Filesystem filesystem = Filesystem.of(kernel, file, table);
            if (filesystem.type().equals("btrfs")) {
                for (Path node : kernel.btrfsDevices(file)) {
                    device(numberOf(node), depth);
                }
            } else if (filesystem.device().major() != 0) {
                device(filesystem.device(), depth);
            }
            return filesystem.device();
        }

        private DeviceNumber numberOf(Path node) throws KernelException {
            try (Descriptor device = kernel.openRead(node)) {
                return kernel.status(device).specialDevice();
            }
        }

        private void device(DeviceNumber device, int depth) throws KernelException {
            if (depth > DEEPEST) {
                throw new KernelException("look under", "block device " + device, Errno.ELOOP);
            }
            if (!seen.add(device)) {
                return;
            }
            Path sysfs = BlockNode.sysfs(device);
            String name = nameOf(device);
            if (knob(sysfs.resolve("partition")).isPresent()) {
                layers.add(new Partition(device, name));
                // The entry is a symbolic link; above its target is the whole disk.
                device(
                        DeviceNumber.parse(kernel.readKnob(sysfs.resolve("../dev")).strip()),
                        depth + 1);
                return;
            }
            Optional<String> backingFile = knob(sysfs.resolve("loop/backing_file"));
            if (backingFile.isPresent()) {
                loop(device, name, backingFile.get(), depth);
                return;
            }
            Optional<String> mapped = knob(sysfs.resolve("dm/name"));
            Optional<String> level = knob(sysfs.resolve("md/level"));
            if (mapped.isPresent()) {
                layers.add(
                        new Mapped(
                                device, mapped.get(), knob(sysfs.resolve("dm/uuid")).orElse("")));
            } else if (level.isPresent()) {
                layers.add(new Raid(device, name, level.get()));
            } else {
                layers.add(new Disk(device, name));
            }
            Path slaves = sysfs.resolve("slaves");
            for (String slave : kernel.listKnobs(slaves)) {
                Path number = slaves.resolve(slave).resolve("dev");
                device(DeviceNumber.parse(kernel.readKnob(number).strip()), depth + 1);
            }
        }

        /**
         * The path is one of whoever attached the device, and may mean nothing or another file here: the
         * file is the right one only if its device and inode are those that the loop device has.
         */
        private void loop(DeviceNumber device, String name, String path, int depth)
                throws KernelException {
            int place = layers.size();
            layers.add(new Loop(device, name, path, Optional.empty()));
            Optional<LoopStatus> loop = loopStatus(device);
            if (loop.isEmpty()) {
                return;
            }
            Optional<DeviceNumber> filesystem;
            try (Descriptor file = backingFile(path, loop.get())) {
                if (file == null) {
                    filesystem = byNumber(loop.get().backingDevice(), depth);
                } else if (kernel.status(file).isBlockDevice()) {
                    layers.set(place, new Partition(device, name));
                    device(kernel.status(file).specialDevice(), depth + 1);
                    return;
                } else {
                    filesystem = Optional.of(filesystem(file, kernel.mounts(), depth + 1));
                }
            }
            layers.set(place, new Loop(device, name, path, filesystem));
        }

        /** Opens it; null if it cannot be reached or is another file. */
        private @Nullable Descriptor backingFile(String path, LoopStatus loop)
                throws KernelException {
            Descriptor file;
            try {
                file = kernel.openRead(Path.of(path));
            } catch (KernelException e) {
                if (isUnreachable(e)) {
                    return null;
                }
                throw e;
            }
            boolean same = false;
            try {
                FileStatus status = kernel.status(file);
                same =
                        status.device().equals(loop.backingDevice())
                                && status.inode() == loop.backingInode();
            } finally {
                if (!same) {
                    file.close();
                }
            }
            return same ? file : null;
        }

        private Optional<LoopStatus> loopStatus(DeviceNumber device) throws KernelException {
            Optional<Path> node = BlockNode.path(kernel, device);
            if (node.isEmpty()) {
                return Optional.empty();
            }
            try (Descriptor loop = kernel.openRead(node.get())) {
                FileStatus status = kernel.status(loop);
                if (status.isBlockDevice() && status.specialDevice().equals(device)) {
                    return Optional.of(kernel.loopStatus(loop));
                }
            } catch (KernelException e) {
                // ENXIO: detached meanwhile.
                if (!isUnreachable(e) && !e.errno().equals(Errno.ENXIO)) {
                    throw e;
                }
            }
            return Optional.empty();
        }

        /** Serves a file that is out of reach by name, on any filesystem whose files have its number. */
        private Optional<DeviceNumber> byNumber(DeviceNumber number, int depth)
                throws KernelException {
            for (Mount mount : kernel.mounts()) {
                if (mount.device().equals(number)) {
                    if (number.major() != 0) {
                        device(number, depth + 1);
                    }
                    return Optional.of(number);
                }
            }
            return Optional.empty();
        }

        private static boolean isUnreachable(KernelException e) {
            return e.errno().equals(Errno.ENOENT)
                    || e.errno().equals(Errno.ENOTDIR)
                    || e.errno().equals(Errno.EACCES)
                    || e.errno().equals(Errno.EPERM)
                    || e.errno().equals(Errno.ELOOP)
                    || e.errno().equals(Errno.ESTALE);
        }

        private String nameOf(DeviceNumber device) throws KernelException {
            Optional<Path> node = BlockNode.path(kernel, device);
            return node.isPresent()
                    ? Path.of("/dev").relativize(node.get()).toString()
                    : device.toString();
        }

        /** Its text without the newline at the end; empty if there is no such file. */
        private Optional<String> knob(Path file) throws KernelException {
            try {
                String text = kernel.readKnob(file);
                return Optional.of(
                        text.endsWith("\n") ? text.substring(0, text.length() - 1) : text);
            } catch (KernelException e) {
                if (e.errno().equals(Errno.ENOENT)) {
                    return Optional.empty();
                }
                throw e;
            }
        }
    }
}
