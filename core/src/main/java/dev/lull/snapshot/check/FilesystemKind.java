package dev.lull.snapshot.check;

import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotRecord;
import java.util.List;
import java.util.Optional;

/**
 * The filesystems whose images can be mounted and checked, with what each needs.
 *
 * <p>A frozen XFS has a dirty log by design, and files that are open but deleted leave orphans on ext: a checker on the
 * pristine image fails on correct snapshots (tried), so it gets a clone that was mounted and unmounted once.
 */
public enum FilesystemKind {
    /** Stays "not clean" when it was mounted so; with {@code -p} e2fsck says 1 when it has set that right (tried). */
    EXT2("ext2", "", "", List.of("e2fsck", "-fp"), 1, "e2fsprogs"),
    EXT3("ext3", "", "", List.of("e2fsck", "-fn"), 0, "e2fsprogs"),
    EXT4("ext4", "", "", List.of("e2fsck", "-fn"), 0, "e2fsprogs"),
    /**
     * The kernel refuses a second filesystem of one UUID without {@code nouuid}, and a dirty log on a read-only device
     * without {@code norecovery}; that is right only because the freeze was proven (xfs(5)).
     */
    XFS("xfs", "nouuid,norecovery", "nouuid", List.of("xfs_repair", "-n", "-f"), 0, "xfsprogs"),
    /** The top of all subvolumes, whichever the default is. */
    BTRFS(
            "btrfs",
            "subvolid=5",
            "subvolid=5",
            List.of("btrfs", "check", "--readonly"),
            0,
            "btrfs-progs");

    private final String type;
    private final String readOnlyOptions;
    private final String writableOptions;
    private final List<String> checker;
    private final int highestGoodStatus;
    private final String toolPackage;

    FilesystemKind(
            String type,
            String readOnlyOptions,
            String writableOptions,
            List<String> checker,
            int highestGoodStatus,
            String toolPackage) {
        this.type = type;
        this.readOnlyOptions = readOnlyOptions;
        this.writableOptions = writableOptions;
        this.checker = checker;
        this.highestGoodStatus = highestGoodStatus;
        this.toolPackage = toolPackage;
    }

    /** The kind that mountinfo calls so. */
    public static Optional<FilesystemKind> of(String type) {
        for (FilesystemKind kind : values()) {
            if (kind.type.equals(type)) {
                return Optional.of(kind);
            }
        }
        return Optional.empty();
    }

    /**
     * The kind of a snapshot's origin.
     *
     * @throws SnapshotException if there is none such
     */
    public static FilesystemKind of(SnapshotRecord snapshot) throws SnapshotException {
        return of(snapshot.type())
                .orElseThrow(() ->
                        new SnapshotException(
                                "open snapshot",
                                snapshot.id().text(),
                                "no such type: " + snapshot.type()));
    }

    /** What mount(2) and mountinfo call it. */
    public String type() {
        return type;
    }

    /** The filesystem's options for mounting a snapshot read-only. */
    public String readOnlyOptions() {
        return readOnlyOptions;
    }

    /** The filesystem's options for mounting a writable clone beside its origin. */
    public String writableOptions() {
        return writableOptions;
    }

    /** The checker's program and options; the image follows. It changes nothing that matters. */
    List<String> checker() {
        return checker;
    }

    boolean isGood(int status) {
        return status >= 0 && status <= highestGoodStatus;
    }

    String toolPackage() {
        return toolPackage;
    }
}
