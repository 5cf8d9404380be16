package dev.lull.it.lab;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.TestNamespace;
import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import dev.lull.snapshot.Reserve;
import dev.lull.snapshot.SnapshotProvider;
import dev.lull.snapshot.lvm.LvmProvider;
import dev.lull.testkit.SnapshotProviderConformance;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.extension.ExtendWith;

/** Both kinds of LVM's snapshots keep what the conformance suite asks for. Some minutes in an emulated machine. */
@ExtendWith(OnlyWithDeviceMapper.class)
@EnabledIfSystemProperty(named = "lull.lab.all", matches = "true")
class LvmProvidersIT {
    @Nested
    class ThinOfXfs extends Volumes {
        @Override
        VolumeGroup.LogicalVolume make(VolumeGroup group) {
            return group.thin(FilesystemType.XFS, 320);
        }

        @Override
        protected SnapshotProvider provider() {
            return LvmProvider.thin(kernel(), new Reserve(5, 8L << 20), InstantSource.system());
        }
    }

    @Nested
    class ClassicOfExt4 extends Volumes {
        @Override
        VolumeGroup.LogicalVolume make(VolumeGroup group) {
            return group.linear(FilesystemType.EXT4, 64);
        }

        @Override
        protected SnapshotProvider provider() {
            return LvmProvider.classic(kernel(), InstantSource.system());
        }
    }

    @TestInstance(TestInstance.Lifecycle.PER_CLASS)
    abstract static class Volumes extends SnapshotProviderConformance {
        private final Kernel kernel = new LinuxKernel();
        private VolumeGroup group;
        private VolumeGroup.LogicalVolume volume;

        abstract VolumeGroup.LogicalVolume make(VolumeGroup in);

        @BeforeAll
        void makeGroup() {
            group = VolumeGroup.make(800);
            group.pool(320);
        }

        @AfterAll
        void removeGroup() {
            group.close();
        }

        @BeforeEach
        void make() {
            volume = make(group);
        }

        @AfterEach
        void remove() {
            group.remove(volume);
        }

        @Override
        protected Kernel kernel() {
            return kernel;
        }

        @Override
        protected Path origin() {
            return volume.mountPoint();
        }

        @Override
        protected Path emptyDirectory() {
            return TestNamespace.current().directory("snapshot");
        }

        /** Taken from the group, not from a filesystem; nothing of the origin's may be. */
        @Override
        protected Path storage() {
            return volume.mountPoint();
        }

        @Override
        protected Path place() {
            return volume.mountPoint();
        }

        /** A snapshot's own device stays until it is deleted. */
        @Override
        protected Set<String> attached() {
            Set<String> devices = new TreeSet<>(group.devices());
            devices.removeIf(name -> name.matches(".*-lull_[a-z2-7]{10}(-cow)?"));
            devices.removeIf(name -> name.endsWith("-real"));
            return devices;
        }
    }
}
