package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.lull.freeze.ArmedLease;
import dev.lull.freeze.FreezeException;
import dev.lull.freeze.FreezeSet;
import dev.lull.freeze.Freezer;
import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.GuardProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Processes;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import dev.lull.it.harness.Writer;
import dev.lull.lease.Timeouts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** One filesystem under several mounts, of whatever kind, is one filesystem; and what a mount may do to it, read-only or not. */
class ManyMountsIT {
    private static final Duration AT_ONCE = Duration.ofSeconds(3);

    /** How a filesystem comes to a second mount point. */
    enum Second {
        BIND,
        READ_ONLY_BIND,
        DIRECTORY_BIND,
        DEVICE
    }

    /** A mount of the test's own. */
    private record Place(Path path) implements AutoCloseable {
        static Place of(String... mountArguments) {
            Path path = TestNamespace.current().directory("place");
            var words = new ArrayList<>(List.of("mount"));
            words.addAll(List.of(mountArguments));
            words.add(path.toString());
            Program.run(words.toArray(String[]::new));
            return new Place(path);
        }

        static Place of(ScratchFilesystem filesystem, Second second) {
            String top = filesystem.mountPoint().toString();
            return switch (second) {
                case BIND -> of("--bind", top);
                case READ_ONLY_BIND -> of("-o", "bind,ro", top);
                case DIRECTORY_BIND -> {
                    Program.run("mkdir", "-p", top + "/deep/down");
                    yield of("--bind", top + "/deep/down");
                }
                case DEVICE -> of(filesystem.device());
            };
        }

        @Override
        public String toString() {
            return path.toString();
        }

        @Override
        public void close() {
            Program.run("umount", path.toString());
        }
    }

    @ParameterizedTest
    @EnumSource
    void isThawedByItsOtherMountPoint(Second kind) {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var second = Place.of(filesystem, kind)) {
            String lease = freeze(filesystem.mountPoint());
            assertThat(LullProcess.run("freeze", second.toString()).expect(5).errText())
                    .contains("lease " + lease);
            LullProcess.run("extend", second.toString()).expect(0);
            assertThat(LullProcess.run("thaw", second.toString()).expect(0).onlyLine())
                    .startsWith(lease + " released");
            assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();

            lease = freeze(second.path());
            assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();
            assertThat(
                            LullProcess.run("thaw", filesystem.mountPoint().toString())
                                    .expect(0)
                                    .onlyLine())
                    .startsWith(lease + " released");
            assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();
        }
    }

    @ParameterizedTest
    @EnumSource
    void isOneMemberOfASetByBothNames(Second kind) {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.XFS);
                var second = Place.of(filesystem, kind)) {
            String lease = freeze(second.path(), filesystem.mountPoint());
            String status = LullProcess.run("status", "--json").expect(0).outText();
            assertThat(status.split("\"phase\"", -1)).as(status).hasSize(2);
            LullProcess.run("thaw", lease).expect(0);
            assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();
        }
    }

    /** Somebody else's thaw, and his thaw with a new freeze, come by another mount than ours. */
    @ParameterizedTest
    @EnumSource
    void isLostByAThawThroughItsOtherMount(Second kind) {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var second = Place.of(filesystem, kind)) {
            String lease = freeze(filesystem.mountPoint());
            Program.run("fsfreeze", "-u", second.toString());
            awaitEnd(lease, "lost");

            lease = freeze(second.path());
            filesystem.thaw();
            filesystem.freeze();
            LullProcess.run("thaw", lease).expect(3);
            awaitEnd(lease, "lost");
            assertThat(FrozenProbe.isFrozen(filesystem)).as("it is theirs").isTrue();
            Program.run("fsfreeze", "-u", second.toString());
        }
    }

    @Test
    void subvolumesAreOneFilesystem() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.BTRFS)) {
            for (String name : List.of("one", "two", "two/nested")) {
                Program.run("btrfs", "subvolume", "create", filesystem.resolve(name).toString());
            }
            try (var one = Place.of("-o", "subvol=one", filesystem.device());
                    var two = Place.of("-o", "subvol=two", filesystem.device())) {
                String lease = freeze(one.path(), two.path());
                String status = LullProcess.run("status", "--json").expect(0).outText();
                assertThat(status.split("\"phase\"", -1)).as(status).hasSize(2);
                for (Path path :
                        List.of(
                                filesystem.mountPoint(),
                                one.path(),
                                two.path(),
                                two.path().resolve("nested"))) {
                    assertThat(FrozenProbe.isFrozen(path)).as("%s", path).isTrue();
                }
                assertThat(LullProcess.run("freeze", filesystem.mountPoint().toString()).expect(5))
                        .satisfies(r -> assertThat(r.errText()).contains("lease " + lease));
                // A subvolume that is not mounted is no mount point, whatever stat says of it.
                Path nested = two.path().resolve("nested");
                assertThat(LullProcess.run("thaw", nested.toString()).expect(2).errText())
                        .contains("not a mount point");
                LullProcess.run("thaw", "--any-path", nested.toString()).expect(0);
                assertThat(FrozenProbe.isFrozen(one.path())).isFalse();

                assertThat(LullProcess.run("freeze", nested.toString()).expect(2).errText())
                        .contains("not a mount point");
                String again =
                        LullProcess.run(
                                        "freeze",
                                        "--any-path",
                                        "--timeout",
                                        "40s",
                                        nested.toString())
                                .expect(0)
                                .onlyLine();
                assertThat(FrozenProbe.isFrozen(one.path())).isTrue();
                LullProcess.run("thaw", one.toString()).expect(0);
                awaitEnd(again, "released");
            }
        }
    }

    /** Nothing else of it is mounted any more, and the mount point is no directory. */
    @ParameterizedTest
    @EnumSource(names = {"EXT4", "XFS", "BTRFS"})
    void aFilesystemOfWhichOnlyAFileIsMountedIsThawedWhoeverDied(FilesystemType type)
            throws IOException {
        try (var filesystem = ScratchFilesystem.make(type)) {
            Path file = Files.createFile(filesystem.resolve("file"));
            Path place = TestNamespace.current().directory("file").resolve("bound");
            Files.createFile(place);
            Program.run("mount", "--bind", file.toString(), place.toString());
            try {
                assertThat(LullProcess.run("freeze", place.toString()).expect(2).errText())
                        .contains("bind-mounted");
                freeze(filesystem.mountPoint());
                Program.run("umount", "--lazy", filesystem.mountPoint().toString());
                killAll();
                LullProcess.run("status").expect(0);
                filesystem.mount("defaults");
                FrozenProbe.awaitThawed(filesystem, AT_ONCE);
            } finally {
                Program.run("umount", place.toString());
                if (!filesystem.isMounted()) {
                    filesystem.mount("defaults");
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void aReadOnlyFilesystemIsFrozenAndThawed(FilesystemType type) {
        try (var filesystem = ScratchFilesystem.make(type)) {
            remount(filesystem, "ro");
            String lease = freeze(filesystem.mountPoint());
            assertThat(remountAttempt(filesystem, "rw").output()).contains("busy");
            LullProcess.run("extend", lease).expect(0);
            LullProcess.run("thaw", lease).expect(0);
            // Thawed, or this were refused as well.
            remount(filesystem, "rw");
            try (var writer = Writer.start(filesystem)) {
                writer.awaitGoing();
            }
        }
    }

    @Test
    void aReadOnlyFilesystemIsThawedByASuccessor() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            remount(filesystem, "ro");
            freeze(filesystem.mountPoint());
            Program.run("umount", "--lazy", filesystem.mountPoint().toString());
            killAll();
            LullProcess.run("status").expect(0);
            await("it is thawed, and gone")
                    .atMost(AT_ONCE)
                    .pollInterval(Duration.ofMillis(20))
                    .until(() -> !Files.exists(sysfs(filesystem)));
            filesystem.mount("defaults");
        }
    }

    private static Path sysfs(ScratchFilesystem filesystem) {
        return Path.of("/sys/fs/ext4").resolve(Path.of(filesystem.device()).getFileName());
    }

    /** It was armed without a canary; now somebody can write to it. */
    @ParameterizedTest
    @EnumSource(names = {"EXT4", "XFS", "BTRFS"})
    void whatBecameWritableSinceItWasArmedIsNotHeldWithoutProof(FilesystemType type)
            throws Exception {
        FreezeException refused = refusalAfterRemount(type, "ro", "rw");
        assertThat(refused.errno()).contains("ESTALE");
        assertThat(refused.hint().orElseThrow()).contains("remounted");
    }

    /** Its canary does not sleep: freezing what is read-only only sets a mark. */
    @ParameterizedTest
    @EnumSource(names = {"EXT4", "XFS", "BTRFS"})
    void whatBecameReadOnlySinceItWasArmedIsNotHeldWithoutProof(FilesystemType type)
            throws Exception {
        assertThat(refusalAfterRemount(type, "rw", "ro").getMessage())
                .contains("nothing proves that it was held");
    }

    private static FreezeException refusalAfterRemount(FilesystemType type, String from, String to)
            throws Exception {
        GuardProbe.start();
        try (var filesystem = ScratchFilesystem.make(type)) {
            remount(filesystem, from);
            FreezeException refused;
            try (FreezeSet set = FreezeSet.of(filesystem.mountPoint());
                    ArmedLease armed = Freezer.system().arm(set, Timeouts.DEFAULT)) {
                remount(filesystem, to);
                refused = catchThrowableOfType(FreezeException.class, () -> armed.freeze().close());
            }
            assertThat(refused).as("it is refused").isNotNull();
            // Thawed, or this were refused as well.
            remount(filesystem, "rw");
            return refused;
        }
    }

    private static void remount(ScratchFilesystem filesystem, String how) {
        remountAttempt(filesystem, how).orFail();
    }

    private static Program.Result remountAttempt(ScratchFilesystem filesystem, String how) {
        return Program.attempt("mount", "-o", "remount," + how, filesystem.mountPoint().toString());
    }

    /** Guard and companions, so that no descriptor is left. */
    private static void killAll() {
        GuardProbe.Pids pids = GuardProbe.pids();
        Processes.signal(pids.guard(), "STOP");
        GuardProbe.kill9(pids.sentry(), pids.guard(), pids.canary());
        await("both are gone")
                .until(() -> Processes.isGone(pids.guard()) && Processes.isGone(pids.sentry()));
    }

    private static String freeze(Path... paths) {
        var words = new ArrayList<>(List.of("freeze", "--timeout", "60s"));
        for (Path path : paths) {
            words.add(path.toString());
        }
        return LullProcess.run(words.toArray(String[]::new)).expect(0).onlyLine();
    }

    private static void awaitEnd(String lease, String state) {
        await("lease " + lease + " is " + state)
                .atMost(Duration.ofSeconds(30))
                .untilAsserted(() ->
                        assertThat(LullProcess.run("history", "--json").expect(0).outText())
                                .containsPattern("(?s)\"" + lease + "\"[^{]*\"" + state + '"'));
    }
}
