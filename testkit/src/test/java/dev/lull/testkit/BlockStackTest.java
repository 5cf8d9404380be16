package dev.lull.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.lull.linux.BlockStack;
import dev.lull.linux.BlockStack.Disk;
import dev.lull.linux.BlockStack.Loop;
import dev.lull.linux.BlockStack.Mapped;
import dev.lull.linux.BlockStack.Partition;
import dev.lull.linux.BlockStack.Raid;
import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Errno;
import dev.lull.linux.KernelException;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class BlockStackTest {
    private final FakeKernel kernel = FakeKernel.boot(new FakeClock());

    private BlockStack under(String path) throws KernelException {
        try (Descriptor top = kernel.openDirectory(Path.of(path))) {
            return BlockStack.under(kernel, top);
        }
    }

    private void device(DeviceNumber device, String name) {
        knob(device, "uevent", "MAJOR=" + device.major() + "\nDEVNAME=" + name + "\n");
        kernel.knobDirectory(Path.of("/sys/dev/block/" + device + "/slaves"));
    }

    private void knob(DeviceNumber device, String file, String text) {
        kernel.knob(Path.of("/sys/dev/block/" + device + "/" + file), text);
    }

    private void restsOn(DeviceNumber upper, DeviceNumber lower, String name) {
        knob(upper, "slaves/" + name + "/dev", lower + "\n");
    }

    @Test
    void aDiskIsAllThereIs() throws KernelException {
        FakeFilesystem data = kernel.filesystem("xfs", Path.of("/data"));
        BlockStack stack = under("/data");
        assertThat(stack.layers()).containsExactly(new Disk(data.device(), "sdb"));
        assertThat(stack.lowerFilesystems()).isEmpty();
        assertThat(stack.isComplete()).isTrue();
    }

    @Test
    void whatHasNoDeviceHasNoLayers() throws KernelException {
        kernel.filesystem("tmpfs", Path.of("/tmp"));
        kernel.filesystem("overlay", Path.of("/merged"));
        assertThat(under("/tmp").layers()).isEmpty();
        assertThat(under("/merged").layers()).isEmpty();
    }

    @Test
    void goesThroughMappersRaidsAndPartitionsToTheDisks() throws KernelException {
        DeviceNumber top = kernel.filesystem("ext4", Path.of("/data")).device();
        DeviceNumber raid = new DeviceNumber(9, 127);
        DeviceNumber partA = new DeviceNumber(8, 161);
        DeviceNumber partB = new DeviceNumber(8, 177);
        DeviceNumber diskA = new DeviceNumber(8, 160);
        DeviceNumber diskB = new DeviceNumber(8, 176);
        knob(top, "dm/name", "vg-home\n");
        knob(top, "dm/uuid", "LVM-abc\n");
        restsOn(top, raid, "md127");
        device(raid, "md127");
        knob(raid, "md/level", "raid1\n");
        restsOn(raid, partA, "sdk1");
        restsOn(raid, partB, "sdl1");
        device(partA, "sdk1");
        knob(partA, "partition", "1\n");
        knob(partA, "../dev", diskA + "\n");
        device(partB, "sdl1");
        knob(partB, "partition", "1\n");
        knob(partB, "../dev", diskB + "\n");
        device(diskA, "sdk");
        device(diskB, "sdl");
        assertThat(under("/data").layers())
                .containsExactly(
                        new Mapped(top, "vg-home", "LVM-abc"),
                        new Raid(raid, "md127", "raid1"),
                        new Partition(partA, "sdk1"),
                        new Disk(diskA, "sdk"),
                        new Partition(partB, "sdl1"),
                        new Disk(diskB, "sdl"));
    }

    @Test
    void goesThroughLoopFilesToTheFilesystemsBelow() throws KernelException {
        FakeFilesystem btrfs = kernel.filesystem("btrfs", Path.of("/pool"));
        FakeFilesystem xfs = kernel.filesystemOn(btrfs, "xfs", Path.of("/pool2"));
        FakeFilesystem ext4 = kernel.filesystemOn(xfs, "ext4", Path.of("/data"));
        BlockStack stack = under("/data");
        assertThat(stack.lowerFilesystems()).containsExactly(xfs.device(), btrfs.device());
        assertThat(stack.isComplete()).isTrue();
        assertThat(stack.layers()).hasSize(3);
        assertThat(stack.layers().getFirst())
                .isInstanceOfSatisfying(
                        Loop.class,
                        loop -> {
                            assertThat(loop.device()).isEqualTo(ext4.device());
                            assertThat(loop.name()).isEqualTo("loop1");
                            assertThat(loop.backingFile()).startsWith("/pool2/");
                            assertThat(loop.filesystem()).contains(xfs.device());
                        });
        assertThat(stack.layers().getLast()).isInstanceOf(Disk.class);
    }

    @Test
    void aMapperOverALoopFileRestsOnItsFilesystem() throws KernelException {
        FakeFilesystem lower = kernel.filesystem("ext4", Path.of("/lower"));
        FakeFilesystem image = kernel.filesystemOn(lower, "ext4", Path.of("/image"));
        DeviceNumber top = kernel.filesystem("ext4", Path.of("/data")).device();
        knob(top, "dm/name", "crypt\n");
        restsOn(top, image.device(), "loop0");
        assertThat(under("/data").lowerFilesystems()).containsExactly(lower.device());
    }

    @Test
    void anotherFileOfTheSameNameIsNotTakenForTheBackingFile() throws KernelException {
        FakeFilesystem lower = kernel.filesystem("btrfs", Path.of("/lower"));
        FakeFilesystem upper = kernel.filesystemOn(lower, "ext4", Path.of("/upper"));
        kernel.createNew(Path.of("/impostor"), 0600).close();
        knob(upper.device(), "loop/backing_file", "/impostor\n");
        BlockStack stack = under("/upper");
        assertThat(stack.lowerFilesystems()).isEmpty();
        assertThat(stack.isComplete()).isFalse();
        assertThat(stack.layers())
                .containsExactly(new Loop(upper.device(), "loop0", "/impostor", Optional.empty()));
    }

    @Test
    void aBackingFileOutOfReachIsFoundByItsFilesystemsNumber() throws KernelException {
        FakeFilesystem lower = kernel.filesystem("ext4", Path.of("/lower"));
        FakeFilesystem upper = kernel.filesystemOn(lower, "ext4", Path.of("/upper"));
        knob(upper.device(), "loop/backing_file", "/lower/gone (deleted)\n");
        BlockStack stack = under("/upper");
        assertThat(stack.lowerFilesystems()).containsExactly(lower.device());
        assertThat(stack.isComplete()).isTrue();
        assertThat(stack.layers()).hasSize(2);
    }

    @Test
    void aCycleEnds() throws KernelException {
        DeviceNumber top = kernel.filesystem("ext4", Path.of("/data")).device();
        DeviceNumber other = new DeviceNumber(252, 7);
        device(other, "dm-7");
        restsOn(top, other, "dm-7");
        restsOn(other, top, "sdb");
        assertThat(under("/data").layers())
                .containsExactly(new Disk(top, "sdb"), new Disk(other, "dm-7"));
    }

    @Test
    void aStackDeeperThanLinuxBuildsIsRefused() {
        DeviceNumber upper = kernel.filesystem("ext4", Path.of("/data")).device();
        for (int i = 0; i < 100; i++) {
            DeviceNumber lower = new DeviceNumber(252, i);
            device(lower, "dm-" + i);
            restsOn(upper, lower, "dm-" + i);
            upper = lower;
        }
        assertThatExceptionOfType(KernelException.class)
                .isThrownBy(() -> under("/data"))
                .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.ELOOP));
    }
}
