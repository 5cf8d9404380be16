package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.it.harness.CProgram;
import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.Ioctls;
import dev.lull.it.harness.LeaseProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the ioctls answer: where the kernel has them, what it says; and the two that it never got. */
class RunErrnoIT {
    private static final String[] NOBODY = {
        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"
    };

    /** PLACE is the filesystem. Each is run bare and under lull run, and has to say the same. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                // EBADF: a descriptor that is none, or that no ioctl can be made on
                "close freeze thaw reset:3",
                "opath:PLACE freeze thaw reset:3",
                // EOPNOTSUPP; EINVAL
                "open:/run/lull freeze thaw",
                "open:/proc freeze thaw",
                "open:/proc/self/status freeze thaw",
                "open:/dev/null freeze thaw",
                "pipe freeze thaw",
                // ENOTTY: no file and no directory
                "open:/dev/null reset:3",
                "pipe reset:3 reset-bad",
                "open:PLACE thaw freeze freeze thaw thaw",
                "open:PLACE freeze-int:1 freeze-bad thaw thaw",
                "create:PLACE/file freeze freeze thaw thaw",
                // EPERM, before what kind of filesystem it is is looked at
                "open:PLACE setuid:65534 freeze thaw reset:3 reset-bad",
                "open:/run/lull setuid:65534 freeze thaw",
                "pipe setuid:65534 freeze thaw close freeze",
            })
    void isWhatTheKernelSays(String words) {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            var command = new ArrayList<>(List.of(CProgram.compiled("ioctls")));
            command.addAll(List.of(words.replace("PLACE", place(filesystem)).split(" ", -1)));
            String bare = Program.run(command.toArray(String[]::new));
            assertThat(Ioctls.run(List.of(), command).outText()).isEqualTo(bare);
            assertThat(bare).contains(": ");
            LeaseProbe.awaitNone(filesystem);
        }
    }

    @Test
    void whatSomebodyElseHasFrozenIsBusy() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            filesystem.freeze();
            assertThat(Ioctls.run(filesystem, "freeze:5").onlyLine()).isEqualTo("freeze: EBUSY");
            assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();
            filesystem.thaw();
            LullProcess.run("freeze", "--timeout", "40s", place(filesystem)).expect(0);
            assertThat(Ioctls.run(filesystem, "freeze:5").onlyLine()).isEqualTo("freeze: EBUSY");
            LullProcess.run("thaw", place(filesystem)).expect(0);
        }
    }

    /** Root there is nobody here: its capabilities are not those that the kernel asks for. */
    @Test
    void rootOfAUserNamespaceOfItsOwnMayNot() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            var command =
                    new ArrayList<>(
                            List.of("unshare", "--user", "--map-root-user", "--mount", "--"));
            command.addAll(Ioctls.command(filesystem, "freeze:5", "thaw", "reset:5"));
            String bare = Program.run(command.toArray(String[]::new));
            assertThat(bare.lines()).contains("freeze: EPERM", "thaw: EPERM");
            assertThat(Ioctls.run(List.of(), command).outText()).isEqualTo(bare);
        }
    }

    /** The rights that count are those of the thread that calls. */
    @Test
    void withoutTheCapabilityRootMayNotEither() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            var command = new ArrayList<>(List.of("setpriv", "--bounding-set=-sys_admin", "--"));
            command.addAll(Ioctls.command(filesystem, "freeze:5", "thaw"));
            String bare = Program.run(command.toArray(String[]::new));
            assertThat(bare.lines()).containsExactly("freeze: EPERM", "thaw: EPERM");
            assertThat(Ioctls.run(List.of(), command).outText()).isEqualTo(bare);
        }
    }

    @Test
    void inAPidAndAMountNamespaceItIsTrapped() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            var command =
                    new ArrayList<>(
                            List.of(
                                    "unshare",
                                    "--pid",
                                    "--fork",
                                    "--mount",
                                    "--mount-proc",
                                    "--propagation=private",
                                    "--"));
            command.addAll(Ioctls.command(filesystem, "freeze:2", "reset:2", "write:FILE", "thaw"));
            assertThat(Ioctls.run(List.of(), command).out())
                    .containsExactly("freeze: 0", "reset: 0", "write: 0", "thaw: EINVAL");
            assertThat(LeaseProbe.awaitEnd(filesystem)).isEqualTo("expired");
        }
    }

    // ---- FIFREEZE_RESET_TIMEOUT

    @Test
    void resetSaysWhatTheProposalOf2008Said() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            assertThat(
                            Ioctls.run(
                                            filesystem,
                                            "reset:5",
                                            "freeze:30",
                                            "reset:5",
                                            "reset-bad",
                                            "reset-null",
                                            "reset:-1",
                                            "reset:0",
                                            "thaw",
                                            "reset:5")
                                    .out())
                    .containsExactly(
                            "reset: EINVAL",
                            "freeze: 0",
                            "reset: 0",
                            "reset-bad: EFAULT",
                            "reset-null: EFAULT",
                            "reset: EINVAL",
                            "reset: 0",
                            "thaw: 0",
                            "reset: EINVAL");
            assertThat(LeaseProbe.awaitEnd(filesystem)).isEqualTo("released");
        }
    }

    @Test
    void resetMovesTheDeadline() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            Ioctls.run(filesystem, "freeze:20", "reset:200");
            assertThat(LeaseProbe.left(LeaseProbe.awaitFrozen(filesystem)).toSeconds())
                    .isBetween(190L, 200L);
            // 0 is --timeout, which is 60 s.
            Ioctls.run(filesystem, "reset:0");
            assertThat(LeaseProbe.left(LeaseProbe.awaitFrozen(filesystem)).toSeconds())
                    .isBetween(50L, 60L);
            Ioctls.run(filesystem, "thaw");
        }
    }

    // ---- how long

    /** 0, 1, negative, and what cannot be read: the caller has set none. */
    @ParameterizedTest
    @ValueSource(strings = {"freeze", "freeze:0", "freeze:1", "freeze:-7", "freeze-bad"})
    void whereTheCallerSetsNoneTheOptionDecides(String word) {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            Ioctls.run(List.of("--timeout", "77s"), Ioctls.command(filesystem, word));
            assertThat(LeaseProbe.awaitFrozen(filesystem).timeoutMillis()).hasValue(77_000);
            Ioctls.run(filesystem, "thaw");
            Ioctls.run(filesystem, word);
            assertThat(LeaseProbe.awaitFrozen(filesystem).timeoutMillis()).hasValue(60_000);
            Ioctls.run(filesystem, "thaw");
        }
    }

    @Test
    void theLow32BitsOfTheArgumentDecide() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            Ioctls.run(filesystem, "freeze-int:45");
            assertThat(LeaseProbe.awaitFrozen(filesystem).timeoutMillis()).hasValue(45_000);
            Ioctls.run(filesystem, "thaw");
        }
    }

    @Test
    void noneIsNoTimeoutAtAll() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            var none = List.of("--timeout", "none");
            Ioctls.run(none, Ioctls.command(filesystem, "freeze"));
            var lease = LeaseProbe.awaitFrozen(filesystem);
            assertThat(lease.timeoutMillis()).isEmpty();
            assertThat(lease.deadline()).isEmpty();
            // A program that asks for one gets it all the same.
            Ioctls.run(none, Ioctls.command(filesystem, "thaw", "freeze:33"));
            assertThat(LeaseProbe.awaitFrozen(filesystem).timeoutMillis()).hasValue(33_000);
            Ioctls.run(none, Ioctls.command(filesystem, "thaw"));
        }
    }

    @Test
    void moreThanTheMostIsTheMost() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            var most = List.of("--max", "50s");
            Ioctls.run(most, Ioctls.command(filesystem, "freeze:100000"));
            assertThat(LeaseProbe.awaitFrozen(filesystem).timeoutMillis()).hasValue(50_000);
            Ioctls.run(most, Ioctls.command(filesystem, "reset:2000000000"));
            assertThat(LeaseProbe.left(LeaseProbe.awaitFrozen(filesystem)).toSeconds())
                    .isBetween(40L, 50L);
            Ioctls.run(most, Ioctls.command(filesystem, "thaw", "freeze"));
            // The default of --timeout is more.
            assertThat(LeaseProbe.awaitFrozen(filesystem).timeoutMillis()).hasValue(50_000);
            Ioctls.run(most, Ioctls.command(filesystem, "thaw"));
        }
    }

    // ---- other commands

    @Test
    void statusShowsItAndExtendAndThawWork() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var program =
                        Ioctls.start(
                                filesystem,
                                "freeze:20",
                                "until:" + filesystem.image().resolveSibling("thawed"),
                                "thaw",
                                "reset:5")) {
            program.awaitOut("freeze: 0"::equals);
            var lease = LeaseProbe.awaitFrozen(filesystem);
            assertThat(LullProcess.run("status").expect(0).outText())
                    .contains(lease.id())
                    .contains("ioctls (pid " + program.pid() + ")")
                    .contains(place(filesystem));
            LullProcess.run("extend", "--timeout", "200s", lease.id()).expect(0);
            assertThat(LeaseProbe.left(LeaseProbe.awaitFrozen(filesystem)).toSeconds())
                    .isBetween(180L, 200L);
            LullProcess.run("thaw", lease.id()).expect(0);
            assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();

            Program.run("touch", filesystem.image().resolveSibling("thawed").toString());
            assertThat(program.finish().expect(0).out())
                    .containsExactly("freeze: 0", "thaw: EINVAL", "reset: EINVAL");
            Program.run("rm", filesystem.image().resolveSibling("thawed").toString());
        }
    }

    @Test
    void aForeignThawIsNoticed() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            Ioctls.run(filesystem, "freeze:30");
            filesystem.thaw();
            assertThat(LeaseProbe.awaitEnd(filesystem)).isEqualTo("lost");
            assertThat(Ioctls.run(filesystem, "reset:5", "thaw").out())
                    .containsExactly("reset: EINVAL", "thaw: EINVAL");
        }
    }

    /** Who may not freeze may not be helped to it by who may. */
    @Test
    void onlyRootRunsIt() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            var words = new ArrayList<>(List.of("run", "--"));
            words.addAll(Ioctls.command(filesystem, "freeze:5"));
            var refused =
                    LullProcess.with()
                            .through(NOBODY)
                            .run(words.toArray(String[]::new))
                            .expect(125);
            assertThat(refused.errText()).contains("only root").contains("hint:");
            assertThat(refused.out()).isEmpty();
        }
    }

    private static String place(ScratchFilesystem filesystem) {
        return filesystem.mountPoint().toString();
    }
}
