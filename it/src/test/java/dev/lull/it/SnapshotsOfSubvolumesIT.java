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
import dev.lull.snapshot.Fit;
import dev.lull.snapshot.MountedSnapshot;
import dev.lull.snapshot.Origin;
import dev.lull.snapshot.PreparedSnapshot;
import dev.lull.snapshot.Reserve;
import dev.lull.snapshot.Snapshot;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotId;
import dev.lull.snapshot.SnapshotRequest;
import dev.lull.snapshot.btrfs.BtrfsProvider;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the btrfs provider refuses, and what its snapshots lack. */
class SnapshotsOfSubvolumesIT {
    private final Kernel kernel = new LinuxKernel();
    private final BtrfsProvider provider =
            new BtrfsProvider(kernel, new Reserve(5, 8L << 20), InstantSource.system());
    private ScratchFilesystem btrfs;

    @BeforeEach
    void make() {
        btrfs = ScratchFilesystem.make(FilesystemType.BTRFS);
    }

    @AfterEach
    void remove() {
        btrfs.close();
    }

    private PreparedSnapshot prepare(Descriptor directory, boolean oneFilesystem)
            throws IOException {
        return provider.prepare(
                new SnapshotRequest(
                        SnapshotId.random(),
                        Origin.of(kernel, directory),
                        Duration.ofSeconds(20),
                        oneFilesystem),
                _ -> {});
    }

    private Snapshot take(Path origin, boolean oneFilesystem) throws IOException {
        try (Descriptor directory = kernel.openDirectory(origin);
                PreparedSnapshot prepared = prepare(directory, oneFilesystem)) {
            Snapshot snapshot = prepared.take();
            snapshot.makeDurable();
            return snapshot;
        }
    }

    private static Path emptyDirectory() {
        return TestNamespace.current().directory("snapshot");
    }

    @Test
    void nestedSubvolumesAreRefusedOrListed() throws Exception {
        Files.createDirectory(btrfs.resolve("home"));
        Program.run("btrfs", "subvolume", "create", btrfs.resolve("home/nested").toString());
        Program.run("btrfs", "subvolume", "create", btrfs.resolve("home/nested/deep").toString());
        Files.writeString(btrfs.resolve("home/nested/file"), "missing");
        try (Descriptor directory = kernel.openDirectory(btrfs.mountPoint())) {
            assertThatThrownBy(() -> prepare(directory, false))
                    .isInstanceOfSatisfying(
                            SnapshotException.Unsupported.class,
                            e -> assertThat(e.hint().orElse("")).contains("--one-file-system"))
                    .hasMessageContaining("home/nested");
        }
        assertThat(btrfs.resolve(".lull")).doesNotExist();

        Snapshot snapshot = take(btrfs.mountPoint(), true);
        assertThat(snapshot.record().leftOut())
                .containsExactly(Path.of("home/nested"), Path.of("home/nested/deep"));
        try (MountedSnapshot mounted = snapshot.mount(emptyDirectory())) {
            assertThat(mounted.path().resolve("home/nested")).isEmptyDirectory();
        }
        snapshot.delete();
    }

    @Test
    void ourOwnSnapshotsAreNotMissedByTheNext() throws Exception {
        Snapshot first = take(btrfs.mountPoint(), false);
        Snapshot second = take(btrfs.mountPoint(), false);
        assertThat(second.record().leftOut()).isEmpty();
        first.delete();
        second.delete();
        assertThat(btrfs.resolve(".lull")).doesNotExist();
    }

    @Test
    void aSubvolumeMountedByItselfIsAnOrigin() throws Exception {
        Program.run("btrfs", "subvolume", "create", btrfs.resolve("data").toString());
        Files.writeString(btrfs.resolve("data/file"), "content");
        Path mountPoint = emptyDirectory();
        Program.run("mount", "-o", "subvol=data", btrfs.device(), mountPoint.toString());
        try {
            Snapshot snapshot = take(mountPoint, false);
            assertThat(btrfs.resolve("data/.lull").resolve(snapshot.id().text())).isDirectory();
            try (MountedSnapshot mounted = snapshot.mount(emptyDirectory())) {
                assertThat(mounted.path().resolve("file")).hasContent("content");
            }
            snapshot.delete();
        } finally {
            Program.run("umount", mountPoint.toString());
        }
    }

    @Test
    void whatIsNoSubvolumeIsRefused() throws Exception {
        Files.createDirectory(btrfs.resolve("part"));
        Path bind = emptyDirectory();
        Program.run("mount", "--bind", btrfs.resolve("part").toString(), bind.toString());
        try (Descriptor directory = kernel.openDirectory(bind);
                Descriptor proc = kernel.openDirectory(Path.of("/proc"))) {
            assertThat(provider.fits(Origin.of(kernel, directory))).isInstanceOf(Fit.No.class);
            assertThatThrownBy(() -> prepare(directory, true))
                    .isInstanceOf(SnapshotException.Unsupported.class);
            assertThat(provider.fits(Origin.of(kernel, proc))).isInstanceOf(Fit.No.class);
        } finally {
            Program.run("umount", bind.toString());
        }
    }

    @Test
    void whatIsMountedOverTheOriginIsNotWrittenTo() throws Exception {
        try (Descriptor directory = kernel.openDirectory(btrfs.mountPoint())) {
            Program.run("mount", "-t", "tmpfs", "over", btrfs.mountPoint().toString());
            try {
                assertThatThrownBy(() -> prepare(directory, false))
                        .isInstanceOf(SnapshotException.Unsupported.class)
                        .hasMessageContaining("mounted over");
                assertThat(btrfs.resolve(".lull")).doesNotExist();
            } finally {
                Program.run("umount", btrfs.mountPoint().toString());
            }
        }
    }

    @Test
    void aSnapshotWhoseOriginIsNotMountedIsNotCalledDeleted() throws Exception {
        Snapshot snapshot = take(btrfs.mountPoint(), false);
        btrfs.unmount();
        assertThatThrownBy(snapshot::delete)
                .isInstanceOf(SnapshotException.class)
                .hasMessageContaining("not mounted");
        btrfs.mount("defaults");
        snapshot.delete();
        assertThat(btrfs.resolve(".lull")).doesNotExist();
    }

    @Test
    void tooLittleRoomIsRefused() throws Exception {
        BtrfsProvider demanding =
                new BtrfsProvider(kernel, new Reserve(0, 1L << 40), InstantSource.system());
        try (Descriptor directory = kernel.openDirectory(btrfs.mountPoint())) {
            assertThatThrownBy(() ->
                            demanding.prepare(
                                    new SnapshotRequest(
                                            SnapshotId.random(),
                                            Origin.of(kernel, directory),
                                            Duration.ofSeconds(20),
                                            false),
                                    _ -> {}))
                    .isInstanceOf(SnapshotException.NoRoom.class);
        }
        assertThat(btrfs.resolve(".lull")).doesNotExist();
    }
}
