package dev.lull.testkit;

import dev.lull.linux.DeviceNumber;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** An inode of a fake filesystem. Guarded by the world's lock. */
final class Node {
    private static final int DIRECTORY = 0040000;
    private static final int REGULAR = 0100000;
    private static final int BLOCK = 0060000;

    final FakeFilesystem filesystem;
    final int mode;
    final long inode;

    /** What stat says: on btrfs, one number for each subvolume. */
    final DeviceNumber device;

    final DeviceNumber special;
    final Map<String, Node> children = new TreeMap<>();
    byte[] content = {};
    boolean writtenInPlace;
    long sharedBytes;
    long extents = -1;
    @Nullable OpenFile lockedBy;

    private Node(FakeFilesystem filesystem, int mode, DeviceNumber device, DeviceNumber special) {
        this.filesystem = filesystem;
        this.mode = mode;
        this.inode = filesystem.nextInode();
        this.device = device;
        this.special = special;
    }

    private Node(FakeFilesystem filesystem, DeviceNumber device, long inode) {
        this.filesystem = filesystem;
        this.mode = DIRECTORY | 0755;
        this.inode = inode;
        this.device = device;
        this.special = new DeviceNumber(0, 0);
    }

    /** The top of a filesystem or of a btrfs subvolume. */
    static Node top(FakeFilesystem filesystem, DeviceNumber device, long inode) {
        return new Node(filesystem, device, inode);
    }

    static Node directory(Node parent) {
        return new Node(parent.filesystem, DIRECTORY | 0755, parent.device, new DeviceNumber(0, 0));
    }

    static Node file(Node parent, int mode) {
        return new Node(parent.filesystem, REGULAR | mode, parent.device, new DeviceNumber(0, 0));
    }

    static Node block(Node parent, DeviceNumber special) {
        return new Node(parent.filesystem, BLOCK | 0660, parent.device, special);
    }

    boolean isDirectory() {
        return (mode & 0170000) == DIRECTORY;
    }

    boolean isBlock() {
        return (mode & 0170000) == BLOCK;
    }

    boolean isSubvolume() {
        return isDirectory() && filesystem.type().equals("btrfs") && inode == 256;
    }
}
