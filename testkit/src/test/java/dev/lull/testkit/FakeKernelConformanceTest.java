package dev.lull.testkit;

import dev.lull.linux.Kernel;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Nested;

class FakeKernelConformanceTest {
    @Nested
    class Ext2 extends OnFake {
        Ext2() {
            super("ext2");
        }
    }

    @Nested
    class Ext3 extends OnFake {
        Ext3() {
            super("ext3");
        }
    }

    @Nested
    class Ext4 extends OnFake {
        Ext4() {
            super("ext4");
        }
    }

    @Nested
    class Xfs extends OnFake {
        Xfs() {
            super("xfs");
        }
    }

    @Nested
    class Btrfs extends OnFake {
        Btrfs() {
            super("btrfs");
        }
    }

    abstract static class OnFake extends KernelConformance {
        private final String type;
        private final FakeClock clock = new FakeClock();
        private final FakeKernel kernel = FakeKernel.boot(clock);
        private final FakeFilesystem filesystem;
        private final FakeFilesystem tmpfs;

        OnFake(String type) {
            this.type = type;
            filesystem = kernel.filesystem(type, Path.of("/srv/data"));
            tmpfs = kernel.filesystem("tmpfs", Path.of("/run"));
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
            return type;
        }

        @Override
        protected Path tmpfs() {
            return tmpfs.mountPoint();
        }

        @Override
        protected Path directoryOnTmpfs(String name) {
            Path path = tmpfs().resolve(name);
            kernel.directory(path);
            return path;
        }

        @Override
        protected void freezeByOthers() {
            filesystem.freezeByOthers();
        }

        @Override
        protected void thawByOthers() {
            filesystem.thawByOthers();
        }

        @Override
        protected void pass(Duration duration) {
            clock.awaitSleepers(1);
            clock.advance(duration);
        }
    }
}
