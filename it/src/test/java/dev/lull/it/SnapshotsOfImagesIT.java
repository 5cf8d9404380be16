package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import dev.lull.snapshot.CheckReport;
import dev.lull.snapshot.Fit;
import dev.lull.snapshot.MountedSnapshot;
import dev.lull.snapshot.Origin;
import dev.lull.snapshot.PreparedSnapshot;
import dev.lull.snapshot.Reserve;
import dev.lull.snapshot.Snapshot;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotId;
import dev.lull.snapshot.SnapshotRecord;
import dev.lull.snapshot.SnapshotRequest;
import dev.lull.snapshot.reflink.ReflinkProvider;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What the reflink provider refuses, and what its checks find. */
class SnapshotsOfImagesIT {
    private static final Duration TIMEOUT = Duration.ofSeconds(20);

    private final Kernel kernel = new LinuxKernel();
    private final ReflinkProvider provider = provider(new Reserve(5, 8L << 20));

    private ReflinkProvider provider(Reserve reserve) {
        return new ReflinkProvider(kernel, reserve, InstantSource.system());
    }

    private static ScratchFilesystem lower() {
        return ScratchFilesystem.of(FilesystemType.XFS).mebibytes(600).make();
    }

    private static Path emptyDirectory() {
        return TestNamespace.current().directory("snapshot");
    }

    private PreparedSnapshot prepare(ReflinkProvider by, Path origin, Duration timeout)
            throws IOException {
        try (Descriptor directory = kernel.openDirectory(origin)) {
            return by.prepare(
                    new SnapshotRequest(
                            SnapshotId.random(), Origin.of(kernel, directory), timeout, false),
                    _ -> {});
        }
    }

    private PreparedSnapshot prepare(Path origin) throws IOException {
        return prepare(provider, origin, TIMEOUT);
    }

    private Fit fits(Path origin) throws IOException {
        try (Descriptor directory = kernel.openDirectory(origin)) {
            return provider.fits(Origin.of(kernel, directory));
        }
    }

    private Snapshot take(Path origin) throws IOException {
        try (Descriptor directory = kernel.openDirectory(origin);
                PreparedSnapshot prepared = prepare(origin)) {
            kernel.freeze(directory);
            Snapshot snapshot;
            try {
                snapshot = prepared.take();
            } finally {
                kernel.thaw(directory);
            }
            snapshot.makeDurable();
            return snapshot;
        }
    }

    private static Path image(Snapshot snapshot) {
        return Path.of(snapshot.record().names().get("image"));
    }

    private void assertRefused(Path origin, String why) throws IOException {
        assertThat(fits(origin))
                .isInstanceOfSatisfying(Fit.No.class, no -> assertThat(no.reason()).contains(why));
        assertThatThrownBy(() -> prepare(origin))
                .isInstanceOfSatisfying(
                        SnapshotException.Unsupported.class, e -> assertThat(e.hint()).isPresent())
                .hasMessageContaining(why);
    }

    @ParameterizedTest
    @EnumSource(names = {"EXT2", "EXT3", "EXT4", "XFS"})
    void anImageTakenUnderLoadPassesItsChecker(FilesystemType type) throws Exception {
        try (var lower = lower();
                var upper = ScratchFilesystem.of(type).on(lower).make()) {
            for (int i = 0; i < 300; i++) {
                Files.writeString(upper.resolve("file-" + i), "x".repeat(i * 20));
            }
            // Open and deleted: an orphan that a checker on the pristine image would complain of.
            Path deleted = upper.resolve("deleted");
            try (FileChannel open =
                    FileChannel.open(
                            deleted,
                            StandardOpenOption.CREATE_NEW,
                            StandardOpenOption.READ,
                            StandardOpenOption.WRITE)) {
                open.write(ByteBuffer.allocate(1 << 20));
                Files.delete(deleted);
                Snapshot snapshot = take(upper.mountPoint());
                if (type == FilesystemType.EXT3 || type == FilesystemType.EXT4) {
                    assertThat(Program.run("dumpe2fs", "-h", image(snapshot).toString()))
                            .contains("has_journal")
                            .doesNotContain("needs_recovery");
                }
                CheckReport report = snapshot.check(emptyDirectory());
                assertThat(report.passed()).as("%s", report).isTrue();
                try (MountedSnapshot mounted = snapshot.mount(emptyDirectory())) {
                    assertThat(mounted.path().resolve("file-7")).hasContent("x".repeat(140));
                    assertThat(mounted.path().resolve("deleted")).doesNotExist();
                }
                snapshot.delete();
            }
        }
    }

    @Test
    void aDamagedImageDoesNotPass() throws Exception {
        try (var lower = lower();
                var upper = ScratchFilesystem.of(FilesystemType.EXT4).on(lower).make()) {
            Files.writeString(upper.resolve("victim"), "x");
            Snapshot snapshot = take(upper.mountPoint());
            Program.run("debugfs", "-w", "-R", "clri /victim", image(snapshot).toString());
            CheckReport report = snapshot.check(emptyDirectory());
            assertThat(report.passed()).as("%s", report).isFalse();
            assertThat(report.output()).contains("victim");
            snapshot.delete();
        }
    }

    @Test
    void whatDoesNotLieInAFileIsRefused() throws Exception {
        assertRefused(Path.of("/proc"), "proc");
    }

    @Test
    void anImageWhereNothingCanBeSharedIsRefused() throws Exception {
        try (var lower = ScratchFilesystem.of(FilesystemType.EXT4).mebibytes(200).make();
                var upper = ScratchFilesystem.of(FilesystemType.EXT4).on(lower).make()) {
            assertRefused(upper.mountPoint(), "cannot share blocks");
            assertThat(lower.resolve(".lull")).doesNotExist();
        }
        try (var lower =
                        ScratchFilesystem.of(FilesystemType.XFS)
                                .mebibytes(600)
                                .mkfsOptions("-m", "reflink=0")
                                .make();
                var upper = ScratchFilesystem.of(FilesystemType.EXT4).on(lower).make()) {
            assertThatThrownBy(() -> prepare(upper.mountPoint()))
                    .isInstanceOf(SnapshotException.Unsupported.class)
                    .hasMessageContaining("cannot share blocks");
            assertThat(lower.resolve(".lull")).doesNotExist();
        }
    }

    @Test
    void aFileThatIsNotTheLoopDevicesIsRefused() throws Exception {
        try (var lower = lower();
                var upper = ScratchFilesystem.of(FilesystemType.EXT4).on(lower).make()) {
            Path image = upper.image();
            Path aside = image.resolveSibling("aside");
            Files.createLink(aside, image);
            Files.delete(image);
            assertRefused(upper.mountPoint(), "deleted");
            // Another file under the very name that the kernel shows.
            Path shown = image.resolveSibling(image.getFileName() + " (deleted)");
            Files.copy(lower.resolve("aside"), shown);
            assertRefused(upper.mountPoint(), "is not the file");
            Files.delete(shown);
            Files.createLink(image, aside);
            Files.delete(aside);
        }
    }

    @Test
    void aPartOfAFileIsRefused() throws Exception {
        try (var lower = lower()) {
            Path image = lower.resolve("disk.img");
            Program.run("truncate", "-s", "70M", image.toString());
            String loop =
                    Program.run(
                            "losetup", "--find", "--show", "--offset", "1048576", image.toString());
            Path mountPoint = emptyDirectory();
            try {
                Program.run("mkfs.ext4", "-q", loop);
                Program.run("mount", loop, mountPoint.toString());
                try {
                    assertRefused(mountPoint, "a part of");
                } finally {
                    Program.run("umount", mountPoint.toString());
                }
            } finally {
                Program.run("losetup", "--detach", loop);
            }
        }
    }

    @Test
    void tooLittleRoomIsRefusedAndWatched() throws Exception {
        try (var lower = lower();
                var upper = ScratchFilesystem.of(FilesystemType.EXT4).on(lower).make()) {
            assertThatThrownBy(() ->
                            prepare(
                                    provider(new Reserve(0, 1L << 40)),
                                    upper.mountPoint(),
                                    TIMEOUT))
                    .isInstanceOf(SnapshotException.NoRoom.class);
            assertThat(lower.resolve(".lull")).doesNotExist();

            Snapshot snapshot = take(upper.mountPoint());
            assertThat(snapshot.room())
                    .hasValueSatisfying(room -> assertThat(room.scarce()).isFalse());
            long free = kernelFree(lower) - (4L << 20);
            Program.run(
                    "fallocate", "-l", Long.toString(free), lower.resolve("ballast").toString());
            assertThat(snapshot.room())
                    .hasValueSatisfying(room -> assertThat(room.scarce()).isTrue());
            snapshot.delete();
        }
    }

    private long kernelFree(ScratchFilesystem filesystem) throws IOException {
        try (Descriptor directory = kernel.openDirectory(filesystem.mountPoint())) {
            return kernel.space(directory).freeBytes();
        }
    }

    @Test
    void anImageInTooManyPiecesIsRefused() throws Exception {
        try (var lower = lower();
                var upper = ScratchFilesystem.of(FilesystemType.EXT4).on(lower).make()) {
            // Behind the end of what the loop device shows, but in the file.
            try (FileChannel image = FileChannel.open(upper.image(), StandardOpenOption.WRITE)) {
                long end = image.size();
                for (int i = 0; i < 6000; i++) {
                    image.write(ByteBuffer.allocate(4096), end + i * 8192L);
                }
                image.force(true);
            }
            assertThatThrownBy(() -> prepare(provider, upper.mountPoint(), Duration.ofMillis(500)))
                    .isInstanceOf(SnapshotException.TooSlow.class)
                    .hasMessageContaining("extents");
            assertThat(lower.resolve(".lull")).doesNotExist();
            try (PreparedSnapshot prepared = prepare(upper.mountPoint())) {
                assertThat(prepared.estimate()).isGreaterThan(Duration.ofMillis(500));
            }
        }
    }

    @Test
    void anotherOnesDirectoryIsNotUsed() throws Exception {
        try (var lower = lower();
                var upper = ScratchFilesystem.of(FilesystemType.EXT4).on(lower).make()) {
            Path place = lower.resolve(".lull");
            Path elsewhere =
                    Files.createDirectory(
                            lower.resolve("elsewhere"),
                            PosixFilePermissions.asFileAttribute(
                                    PosixFilePermissions.fromString("rwx------")));

            Files.createSymbolicLink(place, elsewhere);
            assertThatThrownBy(() -> prepare(upper.mountPoint()))
                    .isInstanceOf(SnapshotException.class);
            assertThat(elsewhere).isEmptyDirectory();
            Files.delete(place);

            Files.createDirectory(place);
            Files.setPosixFilePermissions(place, PosixFilePermissions.fromString("rwxrwxrwx"));
            assertThatThrownBy(() -> prepare(upper.mountPoint()))
                    .isInstanceOf(SnapshotException.class);
            Files.setPosixFilePermissions(place, PosixFilePermissions.fromString("rwx------"));
            Files.setAttribute(place, "unix:uid", 1234);
            assertThatThrownBy(() -> prepare(upper.mountPoint()))
                    .isInstanceOf(SnapshotException.class);
            assertThat(place).isEmptyDirectory();
            Files.delete(place);
        }
    }

    @Test
    void aRecordDoesNotMakeAnotherFileGo() throws Exception {
        try (var lower = lower();
                var upper = ScratchFilesystem.of(FilesystemType.EXT4).on(lower).make()) {
            Snapshot snapshot = take(upper.mountPoint());
            SnapshotRecord good = snapshot.record();
            Path image = image(snapshot);
            for (String hostile :
                    new String[] {
                        "/etc/passwd",
                        upper.image().toString(),
                        image.getFileName().toString(),
                        image.getParent().resolve("other.img").toString(),
                        image.getParent()
                                .resolve("../.lull")
                                .resolve(image.getFileName())
                                .toString(),
                        "/" + image.getFileName(),
                    }) {
                Map<String, String> names = new HashMap<>(good.names());
                names.put("image", hostile);
                assertThatThrownBy(() -> provider.open(good.withNames(names)))
                        .as(hostile)
                        .isInstanceOf(SnapshotException.class);
            }
            assertThatThrownBy(() -> provider.open(good.withNames(Map.of())))
                    .isInstanceOf(SnapshotException.class);
            snapshot.delete();
        }
    }

    @Test
    void aSnapshotWhoseFilesystemIsNotMountedIsNotCalledDeleted() throws Exception {
        try (var lower = lower()) {
            Snapshot snapshot;
            try (var upper = ScratchFilesystem.of(FilesystemType.EXT4).on(lower).make()) {
                snapshot = take(upper.mountPoint());
            }
            lower.unmount();
            assertThatThrownBy(snapshot::delete).isInstanceOf(SnapshotException.class);
            lower.mount("defaults");
            assertThat(image(snapshot)).exists();
            snapshot.delete();
            assertThat(image(snapshot)).doesNotExist();
        }
    }

    @Test
    void theOriginCanBeABindMountOfAPart() throws Exception {
        try (var lower = lower();
                var upper = ScratchFilesystem.of(FilesystemType.EXT4).on(lower).make()) {
            Path part = Files.createDirectories(upper.resolve("a/part"));
            Files.writeString(part.resolve("file"), "in the part");
            Path bind = emptyDirectory();
            Program.run("mount", "--bind", part.toString(), bind.toString());
            try {
                Snapshot snapshot = take(bind);
                try (MountedSnapshot mounted = snapshot.mount(emptyDirectory())) {
                    assertThat(mounted.path().resolve("file")).hasContent("in the part");
                }
                snapshot.delete();
            } finally {
                Program.run("umount", bind.toString());
            }
        }
    }

    @Test
    void filesWrittenInPlaceAreClonedAlike() throws Exception {
        try (var lower = ScratchFilesystem.of(FilesystemType.BTRFS).mebibytes(400).make()) {
            // New files take the attribute from their directory.
            Program.run("chattr", "+C", lower.mountPoint().toString());
            try (var upper = ScratchFilesystem.of(FilesystemType.EXT4).on(lower).make()) {
                Program.run("chattr", "-C", lower.mountPoint().toString());
                Files.writeString(upper.resolve("file"), "in place");
                Snapshot snapshot = take(upper.mountPoint());
                assertThat(snapshot.check(emptyDirectory()).passed()).isTrue();
                try (MountedSnapshot mounted = snapshot.mount(emptyDirectory())) {
                    assertThat(mounted.path().resolve("file")).hasContent("in place");
                }
                snapshot.delete();
            }
            try (var upper = ScratchFilesystem.of(FilesystemType.EXT4).on(lower).make()) {
                Program.run("chattr", "+C", lower.mountPoint().toString());
                assertThatThrownBy(() -> prepare(upper.mountPoint()))
                        .isInstanceOf(SnapshotException.Unsupported.class)
                        .hasMessageContaining("in place");
                assertThat(lower.resolve(".lull")).doesNotExist();
            }
        }
    }
}
