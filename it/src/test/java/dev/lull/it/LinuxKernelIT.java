package dev.lull.it;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import dev.lull.testkit.KernelConformance;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Nested;

/** The real kernel does what the fake does, on each filesystem that we freeze. */
class LinuxKernelIT {
    @Nested
    class Ext2 extends OnFilesystem {
        Ext2() {
            super(FilesystemType.EXT2);
        }
    }

    @Nested
    class Ext3 extends OnFilesystem {
        Ext3() {
            super(FilesystemType.EXT3);
        }
    }

    @Nested
    class Ext4 extends OnFilesystem {
        Ext4() {
            super(FilesystemType.EXT4);
        }
    }

    @Nested
    class Xfs extends OnFilesystem {
        Xfs() {
            super(FilesystemType.XFS);
        }
    }

    @Nested
    class Btrfs extends OnFilesystem {
        Btrfs() {
            super(FilesystemType.BTRFS);
        }
    }

    abstract static class OnFilesystem extends KernelConformance {
        private final Kernel kernel = new LinuxKernel();
        private final ScratchFilesystem filesystem;
        private final Path tmpfs;

        OnFilesystem(FilesystemType type) {
            filesystem = ScratchFilesystem.make(type);
            tmpfs = TestNamespace.current().directory("tmpfs");
            Program.run("mount", "-t", "tmpfs", "none", tmpfs.toString());
        }

        @Override
        protected void remove() {
            Program.run("umount", tmpfs.toString());
            filesystem.close();
        }

        @Override
        protected Kernel kernel() {
            return kernel;
        }

        @Override
        protected Path mountPoint() {
            return filesystem.mountPoint();
        }

        @Override
        protected String type() {
            return filesystem.type().kernelName();
        }

        @Override
        protected Path tmpfs() {
            return tmpfs;
        }

        @Override
        protected Path directoryOnTmpfs(String name) {
            try {
                return Files.createDirectory(tmpfs.resolve(name));
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        protected void freezeByOthers() {
            filesystem.freeze();
        }

        @Override
        protected void thawByOthers() {
            filesystem.thaw();
        }

        /** It passes by itself. */
        @Override
        protected void pass(Duration duration) {}
    }
}
