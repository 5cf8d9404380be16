package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.lull.freeze.ArmedLease;
import dev.lull.freeze.FreezeException;
import dev.lull.freeze.FreezeSet;
import dev.lull.freeze.Freezer;
import dev.lull.freeze.InvalidRequestException;
import dev.lull.freeze.Lease;
import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.GuardProbe;
import dev.lull.it.harness.LateThaw;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Processes;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import dev.lull.it.harness.Timing;
import dev.lull.lease.End;
import dev.lull.lease.Timeouts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A mount that goes, or is replaced, at each point between its look-up and its thaw: what was named is frozen and thawed;
 * its parent, and whatever else has come to that place, never is.
 */
class VanishingMountIT {
    private static final Duration AT_ONCE = Duration.ofSeconds(3);

    /** What happens to a mount. */
    enum Fate {
        /** The path means a directory of the parent filesystem then. */
        UNMOUNTED,
        REPLACED,
        /** It is mounted as before, and nothing leads to it. */
        COVERED
    }

    static Stream<Arguments> fates() {
        return Stream.of(Fate.values())
                .flatMap(fate ->
                        Stream.of(FilesystemType.EXT4, FilesystemType.XFS, FilesystemType.BTRFS)
                                .map(type -> Arguments.of(fate, type)));
    }

    @BeforeEach
    void startGuard() {
        GuardProbe.start();
    }

    /** A mount point on a filesystem of its own, and a third one that can come to that place. */
    private static final class Scene implements AutoCloseable {
        private final ScratchFilesystem parent = ScratchFilesystem.make(FilesystemType.EXT4);
        private final ScratchFilesystem other = ScratchFilesystem.make(FilesystemType.EXT4);
        private final ScratchFilesystem named;
        private final Path place;

        Scene(ScratchFilesystem.Recipe recipe) {
            named = recipe.make();
            place = parent.resolve("place");
            Program.run("mkdir", place.toString());
            Program.run("mount", named.device(), place.toString());
            named.unmount();
        }

        static Scene of(FilesystemType type) {
            return new Scene(ScratchFilesystem.of(type));
        }

        void befall(Fate fate) {
            if (fate != Fate.COVERED) {
                Program.run("umount", "--lazy", place.toString());
            }
            if (fate != Fate.UNMOUNTED) {
                Program.run("mount", "--bind", other.mountPoint().toString(), place.toString());
            }
        }

        void requireOthersUntouched() {
            assertThat(FrozenProbe.isFrozen(parent)).as("the parent is frozen").isFalse();
            assertThat(FrozenProbe.isFrozen(other)).as("what came later is frozen").isFalse();
        }

        /** Whether the kernel still has the superblock. Mounted nowhere, only a freeze or a descriptor keeps it. */
        boolean isAlive() throws IOException {
            String device = Path.of(named.device()).getFileName().toString();
            String type = named.type().isExt() ? "ext4" : named.type().kernelName();
            if (named.type() != FilesystemType.BTRFS) {
                return Files.exists(Path.of("/sys/fs", type, device));
            }
            try (Stream<Path> all = Files.list(Path.of("/sys/fs/btrfs"))) {
                return all.anyMatch(one -> Files.exists(one.resolve("devices").resolve(device)));
            }
        }

        @Override
        public void close() {
            while (TestNamespace.mountinfo().contains(" " + place + " ")) {
                Program.run("umount", "--lazy", place.toString());
            }
            named.close();
            other.close();
            parent.close();
        }
    }

    /** Through the descriptor that the client has: no path leads there any more. */
    private static boolean isFrozen(FreezeSet set) {
        int number = set.members().getFirst().directory().number();
        return FrozenProbe.isFrozen(
                Path.of("/proc", Long.toString(ProcessHandle.current().pid()), "fd", number + ""));
    }

    private static void requireHeld(Scene scene, FreezeSet set, Lease lease)
            throws FreezeException {
        assertThat(isFrozen(set)).isTrue();
        scene.requireOthersUntouched();
        lease.extend();
        assertThat(isFrozen(set)).isTrue();
        assertThat(lease.release().end()).isEqualTo(End.RELEASED);
        assertThat(isFrozen(set)).isFalse();
    }

    @ParameterizedTest
    @EnumSource
    void beforeItIsOpened(Fate fate) throws Exception {
        try (var scene = Scene.of(FilesystemType.EXT4)) {
            scene.befall(fate);
            String place = scene.place.toString();
            if (fate == Fate.UNMOUNTED) {
                assertThat(LullProcess.run("freeze", place).expect(2).errText())
                        .contains(place + " is not a mount point")
                        .contains("mounted at " + scene.parent.mountPoint());
                scene.requireOthersUntouched();
                return;
            }
            // What the name means by then.
            String lease =
                    LullProcess.run("freeze", "--timeout", "40s", place).expect(0).onlyLine();
            assertThat(FrozenProbe.isFrozen(scene.other)).isTrue();
            assertThat(FrozenProbe.isFrozen(scene.parent)).isFalse();
            LullProcess.run("thaw", lease).expect(0);
        }
    }

    @ParameterizedTest
    @MethodSource("fates")
    void betweenOpenAndArm(Fate fate, FilesystemType type) throws Exception {
        try (var scene = Scene.of(type);
                FreezeSet set = FreezeSet.of(scene.place)) {
            scene.befall(fate);
            if (type == FilesystemType.BTRFS && fate != Fate.COVERED) {
                // Which filesystem it is, nothing tells any more: st_dev is the subvolume's.
                assertThatThrownBy(() -> Freezer.system().freeze(set, Timeouts.DEFAULT))
                        .isInstanceOf(InvalidRequestException.class)
                        .hasMessageContaining(scene.place + " has been unmounted");
                assertThat(isFrozen(set)).isFalse();
                scene.requireOthersUntouched();
                return;
            }
            try (Lease lease = Freezer.system().freeze(set, Timeouts.DEFAULT)) {
                requireHeld(scene, set, lease);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("fates")
    void betweenArmAndFreeze(Fate fate, FilesystemType type) throws Exception {
        try (var scene = Scene.of(type);
                FreezeSet set = FreezeSet.of(scene.place);
                ArmedLease armed = Freezer.system().arm(set, Timeouts.DEFAULT)) {
            scene.befall(fate);
            try (Lease lease = armed.freeze()) {
                requireHeld(scene, set, lease);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("fates")
    void whileItIsFrozen(Fate fate, FilesystemType type) throws Exception {
        try (var scene = Scene.of(type);
                FreezeSet set = FreezeSet.of(scene.place);
                Lease lease = Freezer.system().freeze(set, Timeouts.DEFAULT)) {
            assertThat(Program.attempt("umount", scene.place.toString()).output())
                    .as("not lazily, it stays")
                    .contains("busy");
            scene.befall(fate);
            requireHeld(scene, set, lease);
        }
    }

    @ParameterizedTest
    @MethodSource("fates")
    void beforeItsDeadlineComes(Fate fate, FilesystemType type) throws Exception {
        Duration timeout = Duration.ofSeconds(2);
        try (var scene = Scene.of(type);
                FreezeSet set = FreezeSet.of(scene.place);
                Lease lease = Freezer.system().freeze(set, Timeouts.of(timeout))) {
            long told = System.nanoTime();
            scene.befall(fate);
            assertThat(isFrozen(set)).isTrue();
            assertThat(lease.awaitEnd().end()).isEqualTo(End.EXPIRED);
            assertThat(isFrozen(set)).isFalse();
            assertThat(System.nanoTime() - told).isLessThan(Timing.latest(timeout).toNanos());
            scene.requireOthersUntouched();
        }
    }

    /** The path is another's then, and so is what is frozen there. */
    @ParameterizedTest
    @EnumSource
    void itsPathDoesNotThawWhatCameInItsPlace(Fate fate) throws Exception {
        try (var scene = Scene.of(FilesystemType.EXT4)) {
            String place = scene.place.toString();
            String lease =
                    LullProcess.run("freeze", "--timeout", "40s", place).expect(0).onlyLine();
            scene.befall(fate);
            ScratchFilesystem there = fate == Fate.UNMOUNTED ? scene.parent : scene.other;
            there.freeze();
            for (String command : new String[] {"thaw", "extend"}) {
                assertThat(LullProcess.run(command, place).status()).isIn(2, 3);
            }
            if (fate == Fate.UNMOUNTED) {
                for (String[] words :
                        new String[][] {
                            {"thaw", "--foreign", place}, {"fsfreeze", "--unfreeze", place}
                        }) {
                    assertThat(LullProcess.run(words).expect(2).errText())
                            .contains(place + " is not a mount point")
                            .contains("--any-path");
                }
            }
            assertThat(FrozenProbe.isFrozen(there)).isTrue();
            there.thaw();
            LullProcess.run("thaw", lease).expect(0);
            scene.named.mount("defaults");
            assertThat(FrozenProbe.isFrozen(scene.named)).isFalse();
        }
    }

    /** Its thaw is stuck, since the filesystem below has been frozen by somebody else. */
    @ParameterizedTest
    @EnumSource
    void whileItIsBeingThawed(Fate fate) throws Exception {
        try (var lower = ScratchFilesystem.make(FilesystemType.XFS);
                var scene = new Scene(ScratchFilesystem.of(FilesystemType.EXT4).on(lower));
                FreezeSet set = FreezeSet.of(scene.place)) {
            String lease = Freezer.system().freezeDetached(set, Timeouts.DEFAULT);
            lower.freeze();
            try (var late = LateThaw.of(lower, Duration.ofSeconds(40));
                    var thaw = LullProcess.start("thaw", lease)) {
                await("its thaw is in the kernel")
                        .atMost(Duration.ofSeconds(20))
                        .until(() -> Processes.isStuck(GuardProbe.pids().guard()));
                scene.befall(fate);
                scene.requireOthersUntouched();
                late.renew();
                lower.thaw();
                await("it is thawed")
                        .atMost(AT_ONCE)
                        .pollInterval(Duration.ofMillis(20))
                        .until(() -> !isFrozen(set));
                assertThat(thaw.finish().status()).as("done, or told as stuck").isIn(0, 8);
            }
            await("it is known to be")
                    .atMost(AT_ONCE)
                    .until(() ->
                            LullProcess.run("history", "--json")
                                    .expect(0)
                                    .outText()
                                    .matches("(?s).*\"" + lease + "\"[^{]*\"released\".*"));
        }
    }

    @ParameterizedTest
    @MethodSource("fates")
    void whileItIsFrozenAndTheGuardDies(Fate fate, FilesystemType type) throws Exception {
        try (var scene = Scene.of(type)) {
            freezeForLong(scene);
            scene.befall(fate);
            GuardProbe.kill9(GuardProbe.pids().guard());
            requireThawedAtOnce(scene, fate);
            // Who comes next is served.
            GuardProbe.start();
        }
    }

    /** No descriptor of it is left: only its device leads there. */
    @ParameterizedTest
    @MethodSource("fates")
    void whileItIsFrozenAndAllOfThemDie(Fate fate, FilesystemType type) throws Exception {
        try (var scene = Scene.of(type)) {
            String lease = freezeForLong(scene);
            scene.befall(fate);
            GuardProbe.Pids pids = GuardProbe.pids();
            Processes.signal(pids.guard(), "STOP");
            GuardProbe.kill9(pids.sentry(), pids.guard(), pids.canary());
            await("both are gone")
                    .until(() -> Processes.isGone(pids.guard()) && Processes.isGone(pids.sentry()));
            assertThat(scene.isAlive()).as("frozen, so it is kept").isTrue();

            String mounted = TestNamespace.mountinfo();
            LullProcess.run("status").expect(0);
            requireThawedAtOnce(scene, fate);
            assertThat(TestNamespace.mountinfo()).isEqualTo(mounted);
            assertThat(LullProcess.run("history").expect(0).outText()).contains(lease, "lost");
            scene.requireOthersUntouched();
        }
    }

    /** By a command, so that nobody but the guard and its companions keeps it open. */
    private static String freezeForLong(Scene scene) {
        return LullProcess.run("freeze", "--timeout", "80s", scene.place.toString())
                .expect(0)
                .onlyLine();
    }

    /** What is mounted nowhere goes when it is thawed. */
    private static void requireThawedAtOnce(Scene scene, Fate fate) {
        if (fate == Fate.COVERED) {
            scene.named.mount("defaults");
            FrozenProbe.awaitThawed(scene.named, AT_ONCE);
            scene.named.unmount();
        } else {
            await(scene.named + " is thawed, and gone")
                    .atMost(AT_ONCE)
                    .pollInterval(Duration.ofMillis(20))
                    .until(() -> !scene.isAlive());
        }
    }
}
