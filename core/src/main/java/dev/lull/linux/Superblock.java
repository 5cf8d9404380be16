package dev.lull.linux;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * A superblock on a block device, by what sysfs shows of it. There it stands whether it is mounted or not: one that is
 * frozen outlives its last mount, since the freeze itself holds it (fs/super.c, freeze_super), and mounting its device again
 * leads to it.
 *
 * @param type as mountinfo has it
 * @param device its number; of btrfs anonymous
 * @param uuid where it has one
 */
public record Superblock(String type, DeviceNumber device, Optional<String> uuid) {
    private static final Path SYSFS = Path.of("/sys/fs");

    /** Whether the kernel has it. */
    public enum Presence {
        PRESENT,
        GONE,
        /** Nothing is known of filesystems of its type. */
        UNKNOWN
    }

    /** Whether the kernel has it now. */
    public Presence presence(Kernel kernel) throws KernelException {
        Optional<Path> entry = entry(kernel);
        if (entry.isEmpty()) {
            return Presence.UNKNOWN;
        }
        if (names(kernel, entry.get()).isPresent()) {
            return Presence.PRESENT;
        }
        // The driver that is ext2's alone shows none of its own.
        return type.equals("ext2") ? Presence.UNKNOWN : Presence.GONE;
    }

    /**
     * Whether that is it. The number alone is reused; where one of the two UUIDs is not known, the number has to do.
     */
    public boolean is(Filesystem filesystem) {
        return filesystem.device().equals(device)
                && (uuid.isEmpty()
                        || filesystem.uuid().isEmpty()
                        || filesystem.uuid().equals(uuid));
    }

    /** A block device that mounts it; empty if that cannot be told. Whoever mounts it has to check what he got. */
    public Optional<Path> blockDevice(Kernel kernel) throws KernelException {
        if (!type.equals("btrfs")) {
            return BlockNode.path(kernel, device);
        }
        Optional<Path> entry = entry(kernel);
        return entry.isEmpty()
                ? Optional.empty()
                : names(kernel, entry.get().resolve("devices")).stream()
                        .flatMap(List::stream)
                        .map(name -> Path.of("/dev", name.replace('!', '/')))
                        .findFirst();
    }

    /**
     * The option with which a read-only mount replays no journal, should it lead to a new superblock after all; empty where
     * no read-only mount is to be tried. nilfs2 is such: it changes a superblock that is mounted nowhere to what the mount
     * asks for (fs/nilfs2/super.c, nilfs_get_tree), frozen or not.
     */
    public Optional<String> withoutReplay() {
        return switch (type) {
            // The ext4 driver refuses noload for what has no journal by its type.
            case "ext2" -> Optional.of("");
            case "ext3", "ext4" -> Optional.of("noload");
            case "xfs", "f2fs" -> Optional.of("norecovery");
            case "btrfs" -> Optional.of("rescue=nologreplay");
            default -> Optional.empty();
        };
    }

    /** Its directory in sysfs (Documentation/ABI/testing/sysfs-fs-ext4 and its like): named after the device, or the UUID. */
    private Optional<Path> entry(Kernel kernel) throws KernelException {
        return switch (type) {
            case "ext2", "ext3", "ext4" -> byDevice(kernel, "ext4");
            case "xfs", "f2fs", "nilfs2" -> byDevice(kernel, type);
            case "btrfs" -> uuid.map(id -> SYSFS.resolve("btrfs").resolve(id));
            default -> Optional.empty();
        };
    }

    private Optional<Path> byDevice(Kernel kernel, String driver) throws KernelException {
        // A slash in a device's name is an exclamation mark in sysfs.
        return BlockNode.path(kernel, device)
                .map(node -> Path.of("/dev").relativize(node).toString().replace('/', '!'))
                .map(name -> SYSFS.resolve(driver).resolve(name));
    }

    /** What is in a directory of sysfs; empty if there is none such. */
    private static Optional<List<String>> names(Kernel kernel, Path directory)
            throws KernelException {
        try {
            return Optional.of(kernel.listKnobs(directory));
        } catch (KernelException e) {
            if (e.errno().equals(Errno.ENOENT)) {
                return Optional.empty();
            }
            throw e;
        }
    }
}
