package dev.lull.it.harness;

import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;

/**
 * A filesystem of the test's own, in a sparse file behind a loop device, mounted in the {@link TestNamespace}. It is in
 * the watchdog's registry before anything else exists, so it is thawed, unmounted and detached whatever becomes of the
 * test, and thawed if the test has not {@linkplain #renew renewed} it for two minutes.
 *
 * <p>The process of the test itself must not write to it while it is frozen.
 */
public final class ScratchFilesystem implements AutoCloseable {
    private final FilesystemType type;
    private final Path entry;
    private final Path directory;
    private final Path image;
    private final Path mountPoint;
    private final String device;

    private ScratchFilesystem(
            FilesystemType type,
            Path entry,
            Path directory,
            Path image,
            Path mountPoint,
            String device) {
        this.type = type;
        this.entry = entry;
        this.directory = directory;
        this.image = image;
        this.mountPoint = mountPoint;
        this.device = device;
    }

    /** A mounted filesystem of this type with the usual size and options. */
    public static ScratchFilesystem make(FilesystemType type) {
        return of(type).make();
    }

    /** Starts the description of one that is not usual. */
    public static Recipe of(FilesystemType type) {
        return new Recipe(type);
    }

    /** How a filesystem is to be made. */
    public static final class Recipe {
        private final FilesystemType type;
        private final List<String> mkfsOptions;
        private int mebibytes;
        private String mountOptions = "defaults";
        private ScratchFilesystem below;

        private Recipe(FilesystemType type) {
            this.type = type;
            this.mebibytes = type.mebibytes();
            this.mkfsOptions = new ArrayList<>(type.mkfsOptions());
        }

        public Recipe mebibytes(int size) {
            mebibytes = size;
            return this;
        }

        public Recipe mkfsOptions(String... options) {
            mkfsOptions.addAll(List.of(options));
            return this;
        }

        /** As after {@code mount -o}. */
        public Recipe mountOptions(String options) {
            mountOptions = options;
            return this;
        }

        /** Puts the image on another scratch filesystem, which must be closed after this one. */
        public Recipe on(ScratchFilesystem lower) {
            below = lower;
            return this;
        }

        public ScratchFilesystem make() {
            TestNamespace namespace = TestNamespace.current();
            Path directory = namespace.directory(type.kernelName());
            String name = directory.getFileName().toString();
            Path image =
                    below == null
                            ? directory.resolve("image")
                            : below.mountPoint().resolve(name + ".img");
            Path mountPoint = directory.resolve("mnt");
            Path entry = namespace.registry().resolve(name);
            try {
                Files.writeString(
                        entry, type.kernelName() + "\n" + image + "\n" + mountPoint + "\n");
                Files.createDirectory(mountPoint);
                try (var file = new RandomAccessFile(image.toFile(), "rw")) {
                    file.setLength(mebibytes * 1024L * 1024);
                }
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            var mkfs = new ArrayList<String>();
            mkfs.add("mkfs." + type.kernelName());
            mkfs.addAll(mkfsOptions);
            mkfs.add(image.toString());
            Program.run(mkfs.toArray(String[]::new));
            String device = Program.run("losetup", "--find", "--show", image.toString());
            var made = new ScratchFilesystem(type, entry, directory, image, mountPoint, device);
            made.mount(mountOptions);
            return made;
        }
    }

    public FilesystemType type() {
        return type;
    }

    public Path mountPoint() {
        return mountPoint;
    }

    /** A path on this filesystem. */
    public Path resolve(String name) {
        return mountPoint.resolve(name);
    }

    /** The file behind the loop device. */
    public Path image() {
        return image;
    }

    /** For example {@code /dev/loop3}. */
    public String device() {
        return device;
    }

    /** As mountinfo has it. For btrfs an anonymous device, not that of the loop device. */
    public String majorMinor() {
        return Program.run("findmnt", "--noheadings", "--output", "MAJ:MIN", mountPoint.toString())
                .strip();
    }

    /** Mounts it again after {@link #unmount}, with options as after {@code mount -o}. */
    public void mount(String options) {
        Program.run("mount", "-t", type.kernelName(), "-o", options, device, mountPoint.toString());
    }

    public void unmount() {
        Program.run("umount", mountPoint.toString());
    }

    /** Freezes it with util-linux, as somebody who knows nothing of lull. */
    public void freeze() {
        renew();
        Program.run("fsfreeze", "-f", mountPoint.toString());
    }

    /** Thaws it with util-linux, whoever froze it. @throws AssertionError if it was not frozen */
    public void thaw() {
        Program.run("fsfreeze", "-u", mountPoint.toString());
    }

    /** Thaws it if it is frozen. */
    public void thawIfFrozen() {
        Program.Result result = Program.attempt("fsfreeze", "-u", mountPoint.toString());
        // EINVAL is FITHAW's word for a filesystem that is not frozen.
        if (result.status() != 0 && !result.output().contains("Invalid argument")) {
            result.orFail();
        }
    }

    /** Thaws every scratch filesystem that there is, whoever made it, as the watchdog would later. */
    static void thawAll() {
        try (DirectoryStream<Path> entries =
                Files.newDirectoryStream(TestNamespace.current().registry(), "[!.]*")) {
            for (Path entry : entries) {
                String mountPoint = Files.readAllLines(entry).get(2);
                // Not waited for: one of two that are stacked cannot be thawed before the other.
                new ProcessBuilder("fsfreeze", "-u", mountPoint)
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                        .start();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Gives the test two more minutes before the watchdog thaws this filesystem. */
    public void renew() {
        try {
            Files.setLastModifiedTime(entry, FileTime.from(Instant.now()));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public boolean isMounted() {
        return TestNamespace.mountinfo().contains(" " + mountPoint + " ");
    }

    /**
     * Thaws, unmounts and detaches it and deletes the image.
     *
     * @throws AssertionError if somebody still uses it after some seconds; the watchdog reports it then
     */
    @Override
    public void close() {
        if (isMounted()) {
            thawIfFrozen();
            // Those who were blocked need a moment to end.
            await("nobody uses " + mountPoint)
                    .atMost(Duration.ofSeconds(15))
                    .pollInterval(Duration.ofMillis(20))
                    .untilAsserted(() -> Program.run("umount", mountPoint.toString()));
        }
        Program.run("losetup", "--detach", device);
        await("loop device " + device + " is detached")
                .atMost(Duration.ofSeconds(15))
                .pollInterval(Duration.ofMillis(20))
                .until(() -> Program.run("losetup", "--associated", image.toString()).isEmpty());
        try {
            Files.delete(image);
            Files.delete(mountPoint);
            Files.delete(directory);
            Files.delete(entry);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public String toString() {
        return type.kernelName() + " on " + mountPoint;
    }
}
