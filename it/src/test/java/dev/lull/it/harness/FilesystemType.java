package dev.lull.it.harness;

import java.util.List;

/** The filesystems that tests freeze, each with what its mkfs needs. */
public enum FilesystemType {
    EXT2("ext2", 64, "-q -F -m 0"),
    /** Mounted with {@code -t ext3}: the ext4 driver serves it. */
    EXT3("ext3", 64, "-q -F -m 0"),
    EXT4("ext4", 64, "-q -F -m 0"),
    /** mkfs.xfs refuses less than 300 MB. */
    XFS("xfs", 320, "-q -f"),
    BTRFS("btrfs", 256, "-q -f");

    private final String kernelName;
    private final int mebibytes;
    private final String mkfsOptions;

    FilesystemType(String kernelName, int mebibytes, String mkfsOptions) {
        this.kernelName = kernelName;
        this.mebibytes = mebibytes;
        this.mkfsOptions = mkfsOptions;
    }

    /** What mount -t and mountinfo say. */
    public String kernelName() {
        return kernelName;
    }

    /** A size that does; images are sparse. */
    int mebibytes() {
        return mebibytes;
    }

    List<String> mkfsOptions() {
        return List.of(mkfsOptions.split(" ", -1));
    }

    public boolean isExt() {
        return kernelName.startsWith("ext");
    }
}
