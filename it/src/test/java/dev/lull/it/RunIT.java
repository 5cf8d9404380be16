package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.lull.it.harness.CProgram;
import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.Ioctls;
import dev.lull.it.harness.LeaseProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import dev.lull.it.harness.Timing;
import dev.lull.it.harness.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Programs that nobody has changed, each of them under {@code lull run}: what they freeze always thaws. */
class RunIT {
    private static final Path ROOT = TestNamespace.sourceTree();
    private static final boolean RUNS_32_BIT_PROGRAMS =
            System.getProperty("os.arch").equals("amd64");
    private static final Duration TIMEOUT = Duration.ofSeconds(3);

    /** Debian's own, whatever comes first on PATH. */
    private static final String PYTHON = "/usr/bin/python3";

    // ---- util-linux

    @ParameterizedTest
    @EnumSource
    void whatFsfreezeLeavesFrozenIsThawedAtTheTimeout(FilesystemType type) {
        try (var filesystem = ScratchFilesystem.make(type);
                var writer = Writer.start(filesystem)) {
            run("3s", "fsfreeze", "-f", place(filesystem)).expect(0);
            long told = System.nanoTime();
            writer.awaitBlocked();
            assertThat(LeaseProbe.awaitFrozen(filesystem).program()).startsWith("fsfreeze (pid ");

            writer.awaitGoing();
            assertThat(System.nanoTime() - told).isLessThan(Timing.latest(TIMEOUT).toNanos());
            assertThat(writer.longestStall()).isGreaterThan(TIMEOUT.minusMillis(500));
            assertThat(LeaseProbe.awaitEnd(filesystem)).isEqualTo("expired");
        }
    }

    @ParameterizedTest
    @EnumSource
    void fsfreezeThawsInTime(FilesystemType type) {
        try (var filesystem = ScratchFilesystem.make(type);
                var writer = Writer.start(filesystem)) {
            run("60s", "fsfreeze", "-f", place(filesystem)).expect(0);
            writer.awaitBlocked();
            run("60s", "fsfreeze", "-u", place(filesystem)).expect(0);
            writer.awaitGoing();
            assertThat(LeaseProbe.awaitEnd(filesystem)).isEqualTo("released");
        }
    }

    /** It says what it always says of a filesystem that is not frozen. */
    @Test
    void fsfreezeThawsTooLate() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            Program.Result plain = Program.attempt("fsfreeze", "-u", place(filesystem));
            run("1s", "fsfreeze", "-f", place(filesystem)).expect(0);
            FrozenProbe.awaitThawed(filesystem, Timing.latest(Duration.ofSeconds(1)));

            var late = run("1s", "fsfreeze", "-u", place(filesystem)).expect(plain.status());
            assertThat(late.errText())
                    .isEqualTo(plain.output().strip())
                    .contains("Invalid argument");
        }
    }

    @Test
    void itThawsWhatSomebodyElseHasFrozen() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            filesystem.freeze();
            run("60s", "fsfreeze", "-u", place(filesystem)).expect(0);
            assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();
        }
    }

    @Test
    void aShellAndItsChildrenAreTrappedToo() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            var result =
                    run(
                                    "1s",
                                    "sh",
                                    "-c",
                                    "sh -c 'sh -c \"fsfreeze -f $0\"' \"$0\" && rmdir \"$0/absent\";"
                                            + "fsfreeze -u \"$0\"",
                                    place(filesystem))
                            .expect(1);
            assertThat(result.errText()).contains("No such file").contains("Invalid argument");
            assertThat(LeaseProbe.awaitEnd(filesystem)).isEqualTo("expired");
        }
    }

    // ---- XFS's own

    @ParameterizedTest
    @EnumSource(names = {"XFS", "EXT3"})
    void xfsFreezeFreezesAndThaws(FilesystemType type) {
        try (var filesystem = ScratchFilesystem.make(type);
                var writer = Writer.start(filesystem)) {
            run("40s", "xfs_freeze", "-f", place(filesystem)).expect(0);
            writer.awaitBlocked();
            var lease = LeaseProbe.awaitFrozen(filesystem);
            assertThat(lease.program()).startsWith("xfs_io (pid ");
            // It passes the address of an int 1, which is no timeout.
            assertThat(lease.timeoutMillis()).hasValue(40_000);
            run("40s", "xfs_freeze", "-u", place(filesystem)).expect(0);
            writer.awaitGoing();
            assertThat(LeaseProbe.awaitEnd(filesystem)).isEqualTo("released");
        }
    }

    @ParameterizedTest
    @EnumSource(names = {"XFS", "EXT3"})
    void xfsIoFreezesAndThaws(FilesystemType type) {
        try (var filesystem = ScratchFilesystem.make(type)) {
            String[] words = {"xfs_io", "-x", "-c", "freeze", "-c", "thaw", place(filesystem)};
            var result = run("40s", words).expect(0);
            assertThat(result.outText() + result.errText()).isEqualTo(Program.run(words));
            assertThat(LeaseProbe.awaitEnd(filesystem)).isEqualTo("released");
            assertThat(LeaseProbe.ended(filesystem)).hasSize(1);
        }
    }

    // ---- others

    @Test
    void busyboxLoopsAroundItsOwn() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            String loop =
                    """
                    for i in 1 2 3 4 5; do
                        busybox fsfreeze --freeze "$0" && busybox fsfreeze --unfreeze "$0" || exit 1
                    done
                    fsfreeze -f "$0" && xfs_io -x -c thaw "$0"
                    """;
            run("40s", "busybox", "sh", "-c", loop, place(filesystem)).expect(0);
            assertThat(LeaseProbe.awaitEnd(filesystem)).isEqualTo("released");
            assertThat(LeaseProbe.ended(filesystem))
                    .hasSize(6)
                    .allSatisfy(lease -> assertThat(lease.state()).isEqualTo("released"));
        }
    }

    @Test
    void pythonFreezesWithATimeoutOfItsOwn() {
        String program =
                """
                import errno, fcntl, os, struct, sys
                fd = os.open(sys.argv[1], os.O_RDONLY)
                fcntl.ioctl(fd, 0xC0045877, struct.pack("l", 2))
                try:
                    os.rmdir(sys.argv[1] + "/absent")
                except FileNotFoundError:
                    print("went on")
                try:
                    fcntl.ioctl(fd, 0xC0045878, 0)
                except OSError as e:
                    print(errno.errorcode[e.errno])
                """;
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            var result = run("60s", PYTHON, "-c", program, place(filesystem)).expect(0);
            assertThat(result.out()).containsExactly("went on", "EINVAL");
            var lease = LeaseProbe.ended(filesystem).getFirst();
            assertThat(lease.state()).isEqualTo("expired");
            assertThat(lease.timeoutMillis()).hasValue(2_000);
            assertThat(lease.program()).startsWith("python3");
        }
    }

    /** Neither has a libc that could be asked; a 32-bit program comes in by another door of the kernel's. */
    @ParameterizedTest
    @ValueSource(strings = {"-static", "-m32"})
    void aStaticAndA32BitProgramAreTrapped(String option) {
        assumeThat(option.equals("-static") || RUNS_32_BIT_PROGRAMS).isTrue();
        String program = CProgram.compiled("ioctls", option, "-D_FILE_OFFSET_BITS=64");
        try (var filesystem = ScratchFilesystem.make(FilesystemType.XFS);
                var writer = Writer.start(filesystem)) {
            var words =
                    Ioctls.command(
                            program, filesystem, "freeze:2", "reset:2", "write:FILE", "thaw");
            assertThat(Ioctls.run(List.of(), words).out())
                    .containsExactly("freeze: 0", "reset: 0", "write: 0", "thaw: EINVAL");
            writer.awaitGoing();
            var lease = LeaseProbe.ended(filesystem).getFirst();
            assertThat(lease.state()).isEqualTo("expired");
            assertThat(lease.timeoutMillis()).hasValue(2_000);
        }
    }

    @Test
    void a64BitProgramCanComeInByTheDoorOf32BitOnes() {
        assumeThat(RUNS_32_BIT_PROGRAMS).isTrue();
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            assertThat(
                            Ioctls.run(filesystem, "freeze32:30", "reset32:30", "thaw32", "thaw32")
                                    .out())
                    .containsExactly("freeze32: 0", "reset32: 0", "thaw32: 0", "thaw32: EINVAL");
        }
    }

    @Test
    void twoThreadsFreezeTwoFilesystemsAtOnce() {
        try (var one = ScratchFilesystem.make(FilesystemType.EXT4);
                var two = ScratchFilesystem.make(FilesystemType.XFS)) {
            var result = Ioctls.run(one, "with-thread:" + place(two), "freeze:30", "join", "thaw");
            assertThat(result.out()).containsExactlyInAnyOrder("thread: 0", "freeze: 0", "thaw: 0");
            assertThat(FrozenProbe.isFrozen(one)).isFalse();
            assertThat(FrozenProbe.isFrozen(two)).as("the other thread's lives on").isTrue();
            LullProcess.run("thaw", place(two)).expect(0);
            assertThat(LeaseProbe.awaitEnd(one)).isEqualTo("released");
            assertThat(LeaseProbe.awaitEnd(two)).isEqualTo("released");
            assertThat(LeaseProbe.ended(one).getFirst().program())
                    .isEqualTo(LeaseProbe.ended(two).getFirst().program());
        }
    }

    // ---- 2008

    /**
     * What the patch of 2008 was for: freeze with a timeout, reset it while there is work, write to what one has frozen.
     */
    @ParameterizedTest
    @EnumSource
    void whoWritesToItsOwnFrozenFilesystemIsFreed(FilesystemType type) {
        try (var filesystem = ScratchFilesystem.make(type);
                var program =
                        Ioctls.start(
                                filesystem,
                                "freeze:2",
                                "sleep:1000",
                                "reset:2",
                                "sleep:1000",
                                "reset:2",
                                "sleep:1000",
                                "reset:2",
                                "say:writing",
                                "write:FILE",
                                "reset:2",
                                "thaw")) {
            program.awaitOut("freeze: 0"::equals);
            long frozen = System.nanoTime();
            program.awaitOut("writing"::equals);
            long writing = System.nanoTime();
            assertThat(writing - frozen).isGreaterThan(Duration.ofMillis(2_500).toNanos());
            assertThat(FrozenProbe.isFrozen(filesystem)).as("reset has kept it frozen").isTrue();

            program.awaitOut("write: 0"::equals);
            assertThat(System.nanoTime() - writing)
                    .isBetween(
                            Duration.ofMillis(1_500).toNanos(),
                            Timing.latest(Duration.ofSeconds(2)).toNanos());
            assertThat(program.finish().expect(0).out())
                    .containsExactly(
                            "freeze: 0",
                            "reset: 0",
                            "reset: 0",
                            "reset: 0",
                            "writing",
                            "write: 0",
                            "reset: EINVAL",
                            "thaw: EINVAL");
            assertThat(LeaseProbe.awaitEnd(filesystem)).isEqualTo("expired");
        }
    }

    // ---- the examples and the header

    @Test
    void theExampleInCRuns() {
        String program = CProgram.compiled(ROOT.resolve("docs/examples/freeze.c"));
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            assertThat(run("60s", program, place(filesystem)).expect(0).onlyLine())
                    .isEqualTo("consistent");
            assertThat(LeaseProbe.ended(filesystem).getFirst().timeoutMillis()).hasValue(10_000);
            // Without lull run, no kernel knows the second ioctl, and what is frozen stays so.
            Program.Result bare = Program.attempt(program, place(filesystem));
            filesystem.thaw();
            assertThat(bare.status()).isNotZero();
            assertThat(bare.output()).contains("Inappropriate ioctl for device");
        }
    }

    @Test
    void theExampleInPythonRuns() {
        String program = ROOT.resolve("docs/examples/freeze.py").toString();
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            assertThat(run("60s", PYTHON, program, place(filesystem)).expect(0).onlyLine())
                    .isEqualTo("consistent");
            assertThat(LeaseProbe.ended(filesystem).getFirst().timeoutMillis()).hasValue(10_000);
        }
    }

    /** It is for programs of any age: their compiler's switches must not matter. */
    @ParameterizedTest
    @ValueSource(strings = {"-std=c89", "-std=c99", "-std=c2x"})
    void theHeaderCompiles(String standard) throws Exception {
        Path source = TestNamespace.current().directory("header").resolve("header.c");
        Files.writeString(
                source,
                """
                #include "lull/fsfreeze.h"
                #include "lull/fsfreeze.h"
                int main(void) { return FIFREEZE_RESET_TIMEOUT == 3 && FIFREEZE == 0xC0045877 ? 0 : 1; }
                """);
        Program.run(CProgram.compiled(source, standard, "-pedantic", "-Wconversion"));
    }

    private static LullProcess.Result run(String timeout, String... words) {
        var all = new ArrayList<>(List.of("run", "--timeout", timeout, "--"));
        all.addAll(List.of(words));
        return LullProcess.run(all.toArray(String[]::new));
    }

    private static String place(ScratchFilesystem filesystem) {
        return filesystem.mountPoint().toString();
    }
}
