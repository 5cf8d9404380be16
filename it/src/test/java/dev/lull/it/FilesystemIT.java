package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.MountNamespace;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import dev.lull.linux.BlockStack;
import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Filesystem;
import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import dev.lull.linux.Mount;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Which filesystem a descriptor is on, and what that one rests on. */
class FilesystemIT {
    private final Kernel kernel = new LinuxKernel();

    @ParameterizedTest
    @EnumSource(
            value = FilesystemType.class,
            names = {"XFS", "BTRFS", "EXT4"})
    void restsOnTheFilesystemThatItsImageLiesOn(FilesystemType lowerType) throws Exception {
        try (var lower =
                        ScratchFilesystem.of(lowerType)
                                .mebibytes(lowerType == FilesystemType.XFS ? 400 : 300)
                                .make();
                var upper = ScratchFilesystem.of(FilesystemType.EXT4).on(lower).make();
                Descriptor top = kernel.openDirectory(upper.mountPoint());
                Descriptor lowerTop = kernel.openDirectory(lower.mountPoint())) {
            assertThat(Filesystem.of(kernel, top).device()).hasToString(upper.majorMinor());
            BlockStack stack = BlockStack.under(kernel, top);
            assertThat(stack.isComplete()).isTrue();
            assertThat(stack.lowerFilesystems()).contains(DeviceNumber.parse(lower.majorMinor()));
            assertThat(BlockStack.under(kernel, lowerTop).lowerFilesystems())
                    .doesNotContain(DeviceNumber.parse(upper.majorMinor()))
                    .doesNotContain(DeviceNumber.parse(lower.majorMinor()));
        }
    }

    @Test
    void aDescriptorFromAnotherMountNamespaceIsOnWhatItWasOpenedOn() throws Exception {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.BTRFS);
                var other = MountNamespace.make()) {
            Path place = TestNamespace.current().directory("elsewhere");
            other.run("mount", "--bind", filesystem.mountPoint().toString(), place.toString());
            // Its tables are those of a process in it, its directories are below that process's
            // root.
            Path process = processIn(other);
            int pid = Integer.parseInt(process.getFileName().toString());
            Path seenFromHere = Path.of(process + "/root" + place);
            try (Descriptor directory = kernel.openDirectory(seenFromHere)) {
                assertThat(kernel.mounts()).extracting(Mount::mountPoint).doesNotContain(place);
                Filesystem found = Filesystem.of(kernel, directory, kernel.mountsOf(pid));
                assertThat(found.device()).hasToString(filesystem.majorMinor());
                assertThat(found.type()).isEqualTo("btrfs");
                assertThat(found.mountPoints()).startsWith(place);
                assertThat(BlockStack.under(kernel, directory, kernel.mountsOf(pid)).isComplete())
                        .isTrue();
            }
        }
    }

    private static Path processIn(MountNamespace namespace) {
        for (String word : namespace.enter(List.of())) {
            if (word.startsWith("--mount=/proc/")) {
                return Path.of(word.substring("--mount=".length())).getParent().getParent();
            }
        }
        throw new AssertionError("no process in " + namespace.enter(List.of()));
    }
}
