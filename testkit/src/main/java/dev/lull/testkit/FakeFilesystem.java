package dev.lull.testkit;

import dev.lull.linux.DeviceNumber;
import dev.lull.linux.FilesystemSpace;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A superblock of a {@link FakeKernel}, as a test sees and disturbs it. Safe for use by several threads.
 */
public final class FakeFilesystem {
    final World world;
    final Node root;
    final Deque<Duration> syncDurations = new ArrayDeque<>();
    final @Nullable Node backingFile;
    boolean freezable;
    boolean frozen;
    boolean freezing;
    boolean readOnly;
    int freezes;
    int thaws;
    int syncs;
    int checkpoints;
    int mountings;
    Duration freezeDuration = Duration.ZERO;

    /** Who is inside FITHAW, in the order of coming. */
    final Deque<Object> thawers = new ArrayDeque<>();

    boolean freezesHang;
    boolean thawsHang;
    long totalBytes = 100L << 30;
    long freeBytes = 50L << 30;

    private final String type;
    private final String source;
    private final DeviceNumber device;
    private final Optional<String> uuid;
    private final Path mountPoint;
    private long lastInode;

    FakeFilesystem(
            World world,
            String type,
            String source,
            DeviceNumber device,
            Path mountPoint,
            @Nullable Node backingFile) {
        this.world = world;
        this.type = type;
        this.source = source;
        this.device = device;
        this.mountPoint = mountPoint;
        this.backingFile = backingFile;
        this.freezable = isFreezable(type);
        this.uuid = freezable ? Optional.of(UUID.randomUUID().toString()) : Optional.empty();
        boolean btrfs = type.equals("btrfs");
        this.lastInode = 1000;
        this.root = Node.top(this, btrfs ? world.anonymousDevice() : device, btrfs ? 256 : 2);
    }

    private static boolean isFreezable(String type) {
        return switch (type) {
            case "ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs" -> true;
            default -> false;
        };
    }

    long nextInode() {
        return ++lastInode;
    }

    /** Identity: mountinfo's number. */
    public DeviceNumber device() {
        return device;
    }

    public String type() {
        return type;
    }

    public String source() {
        return source;
    }

    public Optional<String> uuid() {
        return uuid;
    }

    /** Where it was mounted first. */
    public Path mountPoint() {
        return mountPoint;
    }

    public boolean isFrozen() {
        synchronized (world) {
            return frozen;
        }
    }

    /** How often it has become frozen, by whomever. */
    public int freezes() {
        synchronized (world) {
            return freezes;
        }
    }

    /** How often it has been thawed, by whomever. */
    public int thaws() {
        synchronized (world) {
            return thaws;
        }
    }

    /** How often syncfs ran on it. */
    public int syncs() {
        synchronized (world) {
            return syncs;
        }
    }

    /** How often its journal was checkpointed. */
    public int checkpoints() {
        synchronized (world) {
            return checkpoints;
        }
    }

    /** How often it was mounted, wherever, bind mounts included. */
    public int mountings() {
        synchronized (world) {
            return mountings;
        }
    }

    /** Somebody outside freezes it, at once. @throws IllegalStateException if it is frozen */
    public void freezeByOthers() {
        synchronized (world) {
            if (frozen || freezing) {
                throw new IllegalStateException(mountPoint + " is frozen");
            }
            frozen = true;
            freezes++;
            world.notifyAll();
        }
    }

    /** Somebody outside thaws it, at once. @throws IllegalStateException if it is not frozen */
    public void thawByOthers() {
        if (!thawByOthersIfFrozen()) {
            throw new IllegalStateException(mountPoint + " is not frozen");
        }
    }

    /** The same where others may thaw it just now, too. @return false if it was not frozen */
    public boolean thawByOthersIfFrozen() {
        synchronized (world) {
            boolean was = frozen;
            if (was) {
                thawNow();
            }
            return was;
        }
    }

    void thawNow() {
        frozen = false;
        thaws++;
        world.describeSuperblocks();
        world.notifyAll();
    }

    /** From now on, FIFREEZE takes that long, uninterruptibly, on the fake clock. */
    public void freezeTakes(Duration duration) {
        synchronized (world) {
            freezeDuration = duration;
        }
    }

    /** From now on, FIFREEZE does not return, whoever calls it, until {@link #letGo}. */
    public void hangFreezes() {
        synchronized (world) {
            freezesHang = true;
        }
    }

    /** From now on, FITHAW does not return, whoever calls it, until {@link #letGo}. */
    public void hangThaws() {
        synchronized (world) {
            thawsHang = true;
        }
    }

    /** Lets every call that hangs go on, and hangs no more. */
    public void letGo() {
        synchronized (world) {
            freezesHang = false;
            thawsHang = false;
            world.notifyAll();
        }
    }

    /** The next rounds of syncfs move the clock on by so much each. */
    public void syncTakes(Duration... each) {
        synchronized (world) {
            syncDurations.addAll(List.of(each));
        }
    }

    /** What fstatfs tells of room. */
    public void room(long total, long free) {
        synchronized (world) {
            totalBytes = total;
            freeBytes = free;
        }
    }

    /** Makes the superblock read-only, or writable again. */
    public void readOnly(boolean is) {
        synchronized (world) {
            readOnly = is;
        }
    }

    /** Whether FIFREEZE works on it at all. */
    public void freezable(boolean is) {
        synchronized (world) {
            freezable = is;
        }
    }

    /** Whether a filesystem that this one's device lies on is frozen: what is written here goes nowhere. */
    boolean restsOnFrozen() {
        for (Node file = backingFile; file != null; file = file.filesystem.backingFile) {
            if (file.filesystem.frozen) {
                return true;
            }
        }
        return false;
    }

    long magic() {
        return switch (type) {
            case "ext2", "ext3", "ext4" -> FilesystemSpace.EXT;
            case "xfs" -> FilesystemSpace.XFS;
            case "btrfs" -> FilesystemSpace.BTRFS;
            case "tmpfs" -> FilesystemSpace.TMPFS;
            default -> 0x6c756c6c;
        };
    }

    @Override
    public String toString() {
        return type + " on " + mountPoint;
    }
}
