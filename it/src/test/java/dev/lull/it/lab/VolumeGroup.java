package dev.lull.it.lab;

import static org.awaitility.Awaitility.await;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.TestNamespace;
import dev.lull.snapshot.SnapshotId;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** A volume group of the test's own, in a sparse file behind a loop device, with mounted filesystems on its volumes. */
final class VolumeGroup implements AutoCloseable {
    private final String name;
    private final Path image;
    private final String device;
    private final List<LogicalVolume> volumes = new ArrayList<>();

    private VolumeGroup(String name, Path image, String device) {
        this.name = name;
        this.image = image;
        this.device = device;
    }

    /** An empty one. Its name has what device-mapper writes in another way. */
    static VolumeGroup make(int mebibytes) {
        String name = "it-" + SnapshotId.random();
        Path image = TestNamespace.current().scratch().resolve(name);
        try (var file = new RandomAccessFile(image.toFile(), "rw")) {
            file.setLength(mebibytes * 1024L * 1024);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        String device = Program.run("losetup", "--find", "--show", image.toString());
        // Makes the physical volume, too.
        Program.run("vgcreate", "-qq", "-y", name, device);
        return new VolumeGroup(name, image, device);
    }

    /** One of its volumes, with a mounted filesystem. */
    record LogicalVolume(String name, Path mountPoint) {
        Path resolve(String file) {
            return mountPoint.resolve(file);
        }
    }

    String name() {
        return name;
    }

    /** A volume that is a part of the disk, with a new filesystem. */
    LogicalVolume linear(FilesystemType type, int mebibytes) {
        return mount(type, "-L", mebibytes + "M", name);
    }

    /** A thin pool, called {@code pool}. */
    void pool(int mebibytes) {
        Program.run(
                "lvcreate",
                "-qq",
                "-y",
                "--type",
                "thin-pool",
                "-n",
                "pool",
                "-L",
                mebibytes + "M",
                name);
    }

    /** A volume that has its blocks from the pool, with a new filesystem. */
    LogicalVolume thin(FilesystemType type, int mebibytes) {
        return mount(type, "-V", mebibytes + "M", "--thinpool", "pool", name);
    }

    private LogicalVolume mount(FilesystemType type, String... options) {
        String volume = "data-" + SnapshotId.random();
        List<String> command = new ArrayList<>(List.of("lvcreate", "-qq", "-y", "-n", volume));
        command.addAll(List.of(options));
        Program.run(command.toArray(String[]::new));
        String node = "/dev/" + name + "/" + volume;
        Path mountPoint = TestNamespace.current().directory("volume");
        Program.run("mkfs." + type.kernelName(), "-q", node);
        Program.run("mount", node, mountPoint.toString());
        var made = new LogicalVolume(volume, mountPoint);
        volumes.add(made);
        return made;
    }

    /** Unmounts and removes one. */
    void remove(LogicalVolume volume) {
        umount(volume);
        Program.run("lvremove", "-qq", "-y", name + "/" + volume.name());
        volumes.remove(volume);
    }

    private static void umount(LogicalVolume volume) {
        Program.attempt("fsfreeze", "-u", volume.mountPoint().toString());
        await("nobody uses " + volume.mountPoint())
                .atMost(Duration.ofSeconds(15))
                .pollInterval(Duration.ofMillis(50))
                .untilAsserted(() -> Program.run("umount", volume.mountPoint().toString()));
        try {
            Files.delete(volume.mountPoint());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** The names of its volumes, those included that LVM keeps for itself. */
    List<String> volumes() {
        return lines("lvs", "-a", "--noheadings", "-o", "lv_name", name);
    }

    /** What device-mapper has of it. */
    List<String> devices() {
        return lines("dmsetup", "ls").stream()
                .filter(line -> line.startsWith(name.replace("-", "--") + "-"))
                .map(line -> line.split("\\s", 2)[0])
                .sorted()
                .toList();
    }

    private static List<String> lines(String... command) {
        return Program.run(command).lines().map(String::strip).toList();
    }

    /** Removes it and all that is on it. */
    @Override
    public void close() {
        volumes.forEach(VolumeGroup::umount);
        Program.run("vgremove", "-qq", "-ff", "-y", name);
        Program.run("losetup", "--detach", device);
        try {
            Files.delete(image);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
