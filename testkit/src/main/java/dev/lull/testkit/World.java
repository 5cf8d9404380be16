package dev.lull.testkit;

import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Errno;
import dev.lull.linux.KernelException;
import dev.lull.linux.Mount;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The machine that all processes of a {@link FakeKernel} share. Everything in it is guarded by its
 * monitor, on which all who wait for anything are told of every change.
 */
final class World {
    final FakeClock clock;
    final String bootId = UUID.randomUUID().toString();
    final TreeMap<String, String> knobs = new TreeMap<>();
    final Set<String> knobDirectories = new HashSet<>();
    final List<FakeMount> mounts = new ArrayList<>();
    final Map<String, FakeFilesystem> bySource = new HashMap<>();
    final Map<DeviceNumber, FakeLoop> loops = new HashMap<>();
    final Map<Path, OpenFile.Listener> listeners = new HashMap<>();
    final Map<String, OpenFile.Datagrams> datagrams = new HashMap<>();
    final Map<Integer, FakeProcess> processes = new TreeMap<>();
    final List<FakeProcess> spawned = new ArrayList<>();
    final Set<OpenFile.OfNode> open = new HashSet<>();
    @Nullable Consumer<FakeProcess> program;

    private int lastId = 1000;
    private int lastMount = 20;
    private int lastAnonymous = 30;
    private int lastDisk;

    /** A mount; the {@code unique} id is never used again. */
    record FakeMount(
            int id,
            long unique,
            int parent,
            FakeFilesystem filesystem,
            Node root,
            String rootPath,
            Path mountPoint,
            boolean readOnly,
            String source) {
        Mount asMount() {
            return new Mount(
                    id,
                    parent,
                    filesystem.device(),
                    rootPath,
                    mountPoint,
                    List.of(readOnly ? "ro" : "rw", "relatime"),
                    filesystem.type(),
                    source,
                    List.of(filesystem.readOnly ? "ro" : "rw"));
        }
    }

    record FakeLoop(Path path, Node backingFile, String name, boolean readOnly) {}

    World(FakeClock clock) {
        this.clock = clock;
        clock.onAdvance(() -> {
            synchronized (World.this) {
                World.this.notifyAll();
            }
        });
        knobs.put("/proc/sys/kernel/random/boot_id", bootId + "\n");
        knobs.put("/sys/kernel/rcu_expedited", "0\n");
        knobs.put("/sys/kernel/rcu_normal", "0\n");
        makeFilesystem("ext4", Path.of("/"), null);
        makeDirectories(Path.of("/dev"));
    }

    /**
     * Waits until {@code condition} holds. Whoever calls it is in a system call, which no interrupt ends;
     * the thread is told of it afterwards, since waiting on as an interrupted thread would spin.
     */
    void await(BooleanSupplier condition) {
        boolean interrupted = false;
        while (!condition.getAsBoolean()) {
            try {
                wait();
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    int nextId() {
        return ++lastId;
    }

    DeviceNumber anonymousDevice() {
        return new DeviceNumber(0, ++lastAnonymous);
    }

    FakeProcess start(Path path, List<String> arguments, Map<String, String> environment) {
        FakeProcess process = new FakeProcess(this, nextId(), path, arguments, environment);
        processes.put(process.pid(), process);
        return process;
    }

    /** A filesystem on a disk of its own, or in a file of another one, mounted. */
    FakeFilesystem makeFilesystem(String type, Path mountPoint, @Nullable FakeFilesystem lower) {
        if (!mounts.isEmpty()) {
            makeDirectories(mountPoint);
        }
        FakeFilesystem filesystem;
        if (lower != null) {
            Node file = Node.file(lower.root, 0600);
            String name = "image-" + file.inode;
            file.content = new byte[4096];
            lower.root.children.put(name, file);
            FakeLoop loop = attach(file, lower.mountPoint().resolve(name).toString(), false);
            filesystem = mountable(type, loop.path().toString(), mountPoint);
        } else if (type.equals("tmpfs") || type.equals("overlay") || type.equals("proc")) {
            filesystem = new FakeFilesystem(this, type, type, anonymousDevice(), mountPoint, null);
        } else {
            String name = "sd" + (char) ('a' + lastDisk);
            DeviceNumber disk = new DeviceNumber(8, 16 * lastDisk++);
            describeDisk(disk, name);
            if (!mounts.isEmpty()) {
                makeNode(Path.of("/dev", name), disk);
            }
            filesystem = mountable(type, "/dev/" + name, mountPoint, disk, null);
        }
        addMount(filesystem, filesystem.root, "/", mountPoint, false, filesystem.source());
        return filesystem;
    }

    private void describeDisk(DeviceNumber device, String name) {
        String sysfs = "/sys/dev/block/" + device;
        knobs.put(
                sysfs + "/uevent",
                "MAJOR="
                        + device.major()
                        + "\nMINOR="
                        + device.minor()
                        + "\nDEVNAME="
                        + name
                        + "\n");
        knobDirectories.add(sysfs + "/slaves");
    }

    private void makeNode(Path path, DeviceNumber device) {
        Path directory = path.getParent();
        Node parent = makeDirectories(directory == null ? Path.of("/") : directory);
        parent.children.putIfAbsent(path.getFileName().toString(), Node.block(parent, device));
    }

    /** The superblock that mounting this source gives; a device has one only. */
    FakeFilesystem mountable(String type, String source, Path mountPoint) {
        for (Map.Entry<DeviceNumber, FakeLoop> loop : loops.entrySet()) {
            if (loop.getValue().path().toString().equals(source)) {
                return mountable(
                        type, source, mountPoint, loop.getKey(), loop.getValue().backingFile());
            }
        }
        return mountable(type, source, mountPoint, anonymousDevice(), null);
    }

    private FakeFilesystem mountable(
            String type,
            String source,
            Path mountPoint,
            DeviceNumber block,
            @Nullable Node backingFile) {
        FakeFilesystem known = bySource.get(source);
        if (known != null) {
            return known;
        }
        DeviceNumber device = type.equals("btrfs") ? anonymousDevice() : block;
        FakeFilesystem made =
                new FakeFilesystem(this, type, source, device, mountPoint, backingFile);
        bySource.put(source, made);
        return made;
    }

    FakeMount addMount(
            FakeFilesystem filesystem,
            Node root,
            String rootPath,
            Path mountPoint,
            boolean readOnly,
            String source) {
        int id = ++lastMount;
        int parent = mounts.isEmpty() ? 1 : mountOf(mountPoint).id();
        FakeMount mount =
                new FakeMount(
                        id,
                        0x8000_0000L + id,
                        parent,
                        filesystem,
                        root,
                        rootPath,
                        mountPoint,
                        readOnly,
                        source);
        mounts.add(mount);
        filesystem.mountings++;
        describeSuperblocks();
        return mount;
    }

    /** As {@code /sys/fs} shows them, mounted or not. */
    void describeSuperblocks() {
        knobDirectories.removeIf(directory -> directory.startsWith("/sys/fs/"));
        for (FakeFilesystem filesystem : bySource.values()) {
            String source = filesystem.source();
            if (source.startsWith("/dev/") && isMounted(source)) {
                String name = source.substring("/dev/".length());
                String type = filesystem.type();
                knobDirectories.add(
                        type.equals("btrfs")
                                ? "/sys/fs/btrfs/"
                                        + filesystem.uuid().orElseThrow()
                                        + "/devices/"
                                        + name
                                : "/sys/fs/"
                                        + (type.startsWith("ext") ? "ext4" : type)
                                        + "/"
                                        + name);
            }
        }
    }

    /** The mount on whose filesystem a path lies: the longest one, and of those the last. */
    FakeMount mountOf(Path path) {
        FakeMount best = mounts.getFirst();
        for (FakeMount mount : mounts) {
            if (path.startsWith(mount.mountPoint())
                    && mount.mountPoint().getNameCount() >= best.mountPoint().getNameCount()) {
                best = mount;
            }
        }
        return best;
    }

    Node find(Path path, String operation) throws KernelException {
        FakeMount mount = mountOf(path);
        Node node = mount.root();
        for (Path name : relative(mount, path)) {
            if (!node.isDirectory()) {
                throw new KernelException(operation, path.toString(), Errno.ENOTDIR);
            }
            Node child = node.children.get(name.toString());
            if (child == null) {
                throw new KernelException(operation, path.toString(), Errno.ENOENT);
            }
            node = child;
        }
        return node;
    }

    private static List<Path> relative(FakeMount mount, Path path) {
        List<Path> names = new ArrayList<>();
        for (Path name : mount.mountPoint().relativize(path)) {
            if (!name.toString().isEmpty()) {
                names.add(name);
            }
        }
        return names;
    }

    /** Makes a directory with all above it. */
    Node makeDirectories(Path path) {
        FakeMount mount = mountOf(path);
        Node node = mount.root();
        for (Path name : relative(mount, path)) {
            Node parent = node;
            node = node.children.computeIfAbsent(name.toString(), _ -> Node.directory(parent));
        }
        return node;
    }

    FakeLoop attach(Node file, String name, boolean readOnly) {
        int minor = 0;
        while (loops.containsKey(new DeviceNumber(7, minor))) {
            minor++;
        }
        DeviceNumber device = new DeviceNumber(7, minor);
        Path path = Path.of("/dev/loop" + minor);
        FakeLoop loop = new FakeLoop(path, file, name, readOnly);
        loops.put(device, loop);
        bySource.remove(path.toString());
        makeNode(path, device);
        describeDisk(device, "loop" + minor);
        knobs.put("/sys/dev/block/" + device + "/loop/backing_file", name + "\n");
        return loop;
    }

    void detach(DeviceNumber device) {
        FakeLoop loop = loops.remove(device);
        if (loop != null) {
            knobs.remove("/sys/dev/block/" + device + "/loop/backing_file");
            bySource.remove(loop.path().toString());
        }
    }

    /** LO_FLAGS_AUTOCLEAR: a loop device goes when its last user has. */
    void clearUnusedLoops() {
        for (DeviceNumber device : List.copyOf(loops.keySet())) {
            FakeLoop loop = loops.get(device);
            if (loop != null && users(device) == 0 && !isMounted(loop.path().toString())) {
                detach(device);
            }
        }
    }

    /** How often the device is open. */
    int users(DeviceNumber device) {
        int users = 0;
        for (OpenFile.OfNode file : open) {
            if (file.node.isBlock() && file.node.special.equals(device)) {
                users++;
            }
        }
        return users;
    }

    /** A superblock that was frozen when it was unmounted lives on, and keeps its device. */
    boolean isMounted(String source) {
        FakeFilesystem known = bySource.get(source);
        if (known != null && known.frozen) {
            return true;
        }
        for (FakeMount mount : mounts) {
            if (mount.filesystem().source().equals(source)) {
                return true;
            }
        }
        return false;
    }
}
