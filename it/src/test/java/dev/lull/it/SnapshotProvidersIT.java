package dev.lull.it;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import dev.lull.snapshot.Reserve;
import dev.lull.snapshot.SnapshotProvider;
import dev.lull.snapshot.btrfs.BtrfsProvider;
import dev.lull.snapshot.command.CommandProvider;
import dev.lull.snapshot.command.StepLimits;
import dev.lull.snapshot.reflink.ReflinkProvider;
import dev.lull.testkit.SnapshotProviderConformance;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;

/** Every provider on real filesystems keeps what the conformance suite asks for. */
class SnapshotProvidersIT {
    /** Small scratch filesystems have no 64 MiB to spare. */
    private static final Reserve SMALL = new Reserve(5, 8L << 20);

    @Nested
    class ReflinkOfExt4OnXfs extends Images {
        ReflinkOfExt4OnXfs() {
            super(FilesystemType.EXT4, FilesystemType.XFS);
        }
    }

    @Nested
    class ReflinkOfExt4OnBtrfs extends Images {
        ReflinkOfExt4OnBtrfs() {
            super(FilesystemType.EXT4, FilesystemType.BTRFS);
        }
    }

    @Nested
    class ReflinkOfXfsOnXfs extends Images {
        ReflinkOfXfsOnXfs() {
            super(FilesystemType.XFS, FilesystemType.XFS);
        }
    }

    @Nested
    class ReflinkOfXfsOnBtrfs extends Images {
        ReflinkOfXfsOnBtrfs() {
            super(FilesystemType.XFS, FilesystemType.BTRFS);
        }
    }

    @Nested
    class ReflinkOfBtrfsOnXfs extends Images {
        ReflinkOfBtrfsOnXfs() {
            super(FilesystemType.BTRFS, FilesystemType.XFS);
        }
    }

    @Nested
    class CommandOnXfs extends Images {
        CommandOnXfs() {
            super(FilesystemType.EXT4, FilesystemType.XFS);
        }

        /** The very script that the documentation shows. */
        @Override
        protected SnapshotProvider provider() throws IOException {
            Path script = TestNamespace.current().scratch().resolve("snapshot-script");
            if (Files.notExists(script)) {
                Files.copy(
                        TestNamespace.sourceTree().resolve("docs/examples/snapshot-script"),
                        script);
                Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwxr-xr-x"));
            }
            return new CommandProvider(
                    kernel(), Optional.of(script), StepLimits.DEFAULT, InstantSource.system());
        }
    }

    @Nested
    class Subvolume extends Conformance {
        private ScratchFilesystem btrfs;

        @BeforeEach
        void make() {
            btrfs = ScratchFilesystem.make(FilesystemType.BTRFS);
        }

        @AfterEach
        void remove() {
            btrfs.close();
        }

        @Override
        protected SnapshotProvider provider() {
            return new BtrfsProvider(kernel(), SMALL, InstantSource.system());
        }

        @Override
        protected Path origin() {
            return btrfs.mountPoint();
        }

        @Override
        protected Path storage() {
            return btrfs.mountPoint();
        }

        @Override
        protected Path place() {
            return btrfs.mountPoint();
        }
    }

    /** A filesystem in an image on another one. */
    abstract static class Images extends Conformance {
        private final FilesystemType type;
        private final FilesystemType lowerType;
        private ScratchFilesystem lower;
        private ScratchFilesystem upper;

        Images(FilesystemType type, FilesystemType lowerType) {
            this.type = type;
            this.lowerType = lowerType;
        }

        @BeforeEach
        void make() {
            lower = ScratchFilesystem.of(lowerType).mebibytes(600).make();
            upper = ScratchFilesystem.of(type).on(lower).make();
        }

        @AfterEach
        void remove() {
            upper.close();
            lower.close();
        }

        @Override
        protected SnapshotProvider provider() throws IOException {
            return new ReflinkProvider(kernel(), SMALL, InstantSource.system());
        }

        @Override
        protected Path origin() {
            return upper.mountPoint();
        }

        @Override
        protected Path storage() {
            return lower.mountPoint();
        }

        @Override
        protected Path place() {
            return lower.mountPoint();
        }
    }

    abstract static class Conformance extends SnapshotProviderConformance {
        private final Kernel kernel = new LinuxKernel();

        @Override
        protected Kernel kernel() {
            return kernel;
        }

        @Override
        protected Path emptyDirectory() {
            return TestNamespace.current().directory("snapshot");
        }

        @Override
        protected Set<String> attached() {
            // Other processes of this machine have loop devices too: ours have their files in our
            // scratch directory.
            List<String> devices =
                    Program.run("losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE")
                            .lines()
                            .filter(line ->
                                    line.contains(TestNamespace.current().scratch().toString()))
                            .toList();
            return devices.stream().collect(Collectors.toCollection(TreeSet::new));
        }
    }
}
