package dev.lull.freeze;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lull.linux.LinuxKernel;
import java.io.OutputStream;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Opens directories of this machine; nothing here freezes. */
class FreezeSetTest {
    private static final Path PROC = Path.of("/proc");
    private final LinuxKernel kernel = new LinuxKernel();

    @TempDir private Path directory;

    @Test
    void aMountPointIsItsFilesystem() throws Exception {
        try (FreezeSet set = FreezeSet.of(PROC)) {
            assertThat(set.members()).hasSize(1);
            FreezeSet.Member member = set.members().getFirst();
            assertThat(member.mount().type()).isEqualTo("proc");
            assertThat(member.directory().isOpen()).isTrue();
            assertThat(set.contains(member.device())).isTrue();
        }
    }

    @Test
    void closingClosesTheDirectories() throws Exception {
        FreezeSet set = FreezeSet.of(PROC);
        set.close();
        assertThat(set.members().getFirst().directory().isOpen()).isFalse();
        assertThatCode(set::close).doesNotThrowAnyException();
    }

    @Test
    void twoNamesOfOneFilesystemAreOneMember() throws Exception {
        try (FreezeSet set =
                FreezeSet.open(
                        kernel, List.of(PROC, PROC.resolve("sys"), PROC.resolve(".")), true)) {
            assertThat(set.members()).extracting(FreezeSet.Member::path).containsExactly(PROC);
        }
    }

    @Test
    void aDirectoryBelowIsNotItsFilesystemUnlessAsked() throws Exception {
        Path below = directory.resolve("below");
        Files.createDirectory(below);
        assertThatThrownBy(() -> FreezeSet.of(below))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("is not a mount point; it is on the filesystem mounted at /")
                .isInstanceOfSatisfying(
                        FreezeException.class,
                        e -> assertThat(e.hint().orElseThrow()).contains("--any-path"));
        try (FreezeSet set = FreezeSet.open(kernel, List.of(below), true)) {
            assertThat(set.members()).hasSize(1);
        }
    }

    @Test
    void aPathThatDoesNotExistIsRefused() {
        assertThatThrownBy(() -> FreezeSet.of(PROC, directory.resolve("gone")))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("ENOENT")
                .hasMessageContaining("gone");
    }

    @Test
    void aFileIsRefused() throws Exception {
        Path file = Files.createFile(directory.resolve("file"));
        assertThatThrownBy(() -> FreezeSet.open(kernel, List.of(file), true))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("ENOTDIR");
    }

    @Test
    void noPathIsRefused() {
        assertThatThrownBy(FreezeSet::of).isInstanceOf(InvalidRequestException.class);
    }

    @Test
    void whatThisProcessWritesToIsNotFrozen() throws Exception {
        try (FreezeSet set = FreezeSet.open(kernel, List.of(directory), true)) {
            Path file = directory.resolve("written to");
            try (OutputStream open = Files.newOutputStream(file)) {
                open.write(1);
                assertThatThrownBy(() -> OwnFiles.requireOutside(kernel, set))
                        .isInstanceOf(InvalidRequestException.class)
                        .hasMessageContaining(file.toString());
            }
        }
    }

    @Test
    void whatIsOnlyReadCanBeFrozen() throws Exception {
        try (FreezeSet set = FreezeSet.of(PROC);
                FileChannel read =
                        FileChannel.open(PROC.resolve("version"), StandardOpenOption.READ)) {
            assertThat(read.isOpen()).isTrue();
            assertThatCode(() -> OwnFiles.requireOutside(kernel, set)).doesNotThrowAnyException();
        }
    }
}
