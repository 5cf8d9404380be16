package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.GuardProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.MountNamespace;
import dev.lull.it.harness.Processes;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A path means what it means to the client, not to the guard. */
class NamespacesIT {
    @Test
    void theSamePathIsAnotherFilesystemInAnotherNamespace() {
        // So that the guard lives in neither of the two namespaces.
        GuardProbe.start();
        try (var one = ScratchFilesystem.make(FilesystemType.EXT4);
                var two = ScratchFilesystem.make(FilesystemType.EXT4);
                var here = MountNamespace.make();
                var there = MountNamespace.make()) {
            Path place = TestNamespace.current().directory("place");
            here.run("mount", "--bind", one.mountPoint().toString(), place.toString());
            there.run("mount", "--bind", two.mountPoint().toString(), place.toString());

            String first = freeze(here, place);
            assertThat(FrozenProbe.isFrozen(one)).isTrue();
            assertThat(FrozenProbe.isFrozen(two)).isFalse();
            String second = freeze(there, place);
            assertThat(second).isNotEqualTo(first);
            assertThat(FrozenProbe.isFrozen(two)).isTrue();

            LullProcess.with().in(here).run("thaw", place.toString()).expect(0);
            assertThat(FrozenProbe.isFrozen(one)).isFalse();
            assertThat(FrozenProbe.isFrozen(two)).isTrue();
            LullProcess.with().in(there).run("thaw", place.toString()).expect(0);
            assertThat(FrozenProbe.isFrozen(two)).isFalse();
        }
    }

    @ParameterizedTest
    @EnumSource
    void aPathOfAnotherProcessIsWhatThatOneSees(FilesystemType type) {
        GuardProbe.start();
        try (var theirs = ScratchFilesystem.make(type);
                var container = Container.with(theirs)) {
            Path shown = Path.of("/proc/" + container.pid() + "/root/srv");
            LullProcess.run("doctor", "--namespace-of", container.pid(), "/srv").expect(0);

            String lease =
                    LullProcess.run(
                                    "freeze",
                                    "--namespace-of",
                                    container.pid(),
                                    "--timeout",
                                    "40s",
                                    "/srv")
                            .expect(0)
                            .onlyLine();
            assertThat(FrozenProbe.isFrozen(theirs)).isTrue();
            assertThat(LullProcess.run("status").expect(0).outText())
                    .contains(lease)
                    .contains(shown + " (" + type.kernelName() + ")");
            LullProcess.run("extend", "--namespace-of", container.pid(), "/srv").expect(0);
            assertThat(LullProcess.run("thaw", "--namespace-of", container.pid(), "/srv").expect(0))
                    .satisfies(result -> assertThat(result.outText()).contains(lease));
            assertThat(FrozenProbe.isFrozen(theirs)).isFalse();

            // Frozen there, run here.
            LullProcess.run(
                            "hold",
                            "--namespace-of",
                            container.pid(),
                            "/srv",
                            "--",
                            "test",
                            "-d",
                            theirs.mountPoint().toString())
                    .expect(0);
            LullProcess.run("fsfreeze", "-f", "--namespace-of", container.pid(), "/srv").expect(0);
            assertThat(FrozenProbe.isFrozen(theirs)).isTrue();
            LullProcess.run("fsfreeze", "-u", "--namespace-of", container.pid(), "/srv").expect(0);
            assertThat(FrozenProbe.isFrozen(theirs)).isFalse();
        }
    }

    /** It is mounted nowhere else any more: not here, and not where the guard is. */
    @ParameterizedTest
    @EnumSource(names = {"EXT4", "BTRFS"})
    void whatOnlyTheContainerHasMountedIsFrozenAndThawed(FilesystemType type) {
        GuardProbe.start();
        try (var theirs = ScratchFilesystem.make(type);
                var container = Container.with(theirs)) {
            theirs.unmount();
            String lease = container.freeze("/srv");
            assertThat(container.isFrozen()).isTrue();
            assertThat(
                            LullProcess.run("doctor", "--frozen", "--namespace-of", container.pid())
                                    .expect(0)
                                    .outText())
                    .contains("/srv (" + type.kernelName())
                    .contains("under lease " + lease);
            LullProcess.run("thaw", "--namespace-of", container.pid(), "/srv").expect(0);
            assertThat(container.isFrozen()).isFalse();

            container.freeze("/srv");
            GuardProbe.kill9(GuardProbe.pids().sentry());
            GuardProbe.kill9(GuardProbe.pids().guard());
            LullProcess.run("status").expect(0);
            assertThat(container.isFrozen()).isFalse();
            theirs.mount("defaults");
        }
    }

    /** With its last process its mounts go, and nothing else shows that filesystem. */
    @ParameterizedTest
    @EnumSource(names = {"EXT4", "XFS", "BTRFS"})
    void whatAContainerThatEndedHadMountedIsThawed(FilesystemType type) {
        GuardProbe.start();
        try (var theirs = ScratchFilesystem.make(type)) {
            LullProcess.run("thaw", freezeInOneThatEnds(theirs)).expect(0);
            theirs.mount("defaults");
            assertThat(FrozenProbe.isFrozen(theirs)).isFalse();

            String lease = freezeInOneThatEnds(theirs);
            GuardProbe.Pids pids = GuardProbe.pids();
            Processes.signal(pids.guard(), "STOP");
            GuardProbe.kill9(pids.sentry(), pids.guard(), pids.canary());
            await("both are gone")
                    .until(() -> Processes.isGone(pids.guard()) && Processes.isGone(pids.sentry()));
            LullProcess.run("status").expect(0);
            theirs.mount("defaults");
            FrozenProbe.awaitThawed(theirs, Duration.ofSeconds(3));
            assertThat(LullProcess.run("history").expect(0).outText()).contains(lease, "lost");
        }
    }

    private static String freezeInOneThatEnds(ScratchFilesystem theirs) {
        String lease;
        long process;
        long keeper;
        try (var container = Container.with(theirs)) {
            process = container.process().pid();
            keeper = container.namespace().pid();
            theirs.unmount();
            lease = container.freeze("/srv");
        }
        await("its namespace is gone")
                .atMost(Duration.ofSeconds(10))
                .until(() -> Processes.isGone(process) && Processes.isGone(keeper));
        return lease;
    }

    /** Somebody in a container can make links, and have a /proc. */
    @Test
    void noPathLeadsOutOfTheContainer() {
        try (var theirs = ScratchFilesystem.make(FilesystemType.EXT4);
                var ours = ScratchFilesystem.make(FilesystemType.EXT4);
                var container = Container.with(theirs)) {
            String target = ours.mountPoint().toString();
            // Of a process that sees the scratch filesystem there: nothing else could be frozen.
            String way = "/proc/" + ProcessHandle.current().pid() + "/root" + target;
            container.run("ln", "-s", target, "/absolute");
            container.run("ln", "-s", "../../../../../../../../.." + target, "/up");
            container.run("ln", "-s", way, "/proc-link");
            container.run("mkdir", "/proc");
            container.run("mount", "-t", "proc", "proc", "/proc");
            for (String path : List.of("/absolute", "/up", "/proc-link", way, target)) {
                for (String command : List.of("freeze", "thaw --foreign", "fsfreeze -f")) {
                    var words = new ArrayList<>(List.of(command.split(" ", -1)));
                    words.addAll(List.of("--namespace-of", container.pid(), path));
                    LullProcess.Result refused =
                            LullProcess.run(words.toArray(String[]::new)).expect(2);
                    assertThat(refused.errText()).contains(path);
                    assertThat(FrozenProbe.isFrozen(ours)).isFalse();
                }
            }
            // By the link that everybody has, without being asked to look there.
            refused(2, "--namespace-of PID", "freeze", "/proc/" + container.pid() + "/root/srv");
            // What stays inside is followed.
            container.run("ln", "-s", "/srv", "/inside");
            String lease = container.freeze("/inside");
            assertThat(FrozenProbe.isFrozen(theirs)).isTrue();
            LullProcess.run("thaw", lease).expect(0);
        }
    }

    @Test
    void aProcessThatIsNone() {
        refused(2, "not-a-number", "freeze", "--namespace-of", "not-a-number", "/srv");
        refused(2, "-5", "freeze", "--namespace-of", "-5", "/srv");
        refused(2, "ESRCH", "freeze", "--namespace-of", "4194304", "/srv");
        refused(2, "4194304", "doctor", "--namespace-of", "4194304", "/srv");
        String own = Long.toString(ProcessHandle.current().pid());
        refused(2, "relative", "freeze", "--namespace-of", own, "srv");
        refused(2, "--namespace-of", "thaw", "--all", "--namespace-of", own);
        refused(2, "--namespace-of", "doctor", "--namespace-of", own);
    }

    private static void refused(int status, String what, String... command) {
        LullProcess.Result result = LullProcess.run(command).expect(status);
        assertThat(result.errText()).contains(what).contains("hint: ").doesNotContain("Exception");
        assertThat(result.out()).isEmpty();
    }

    /** A process with a root directory and mounts of its own, as a container's. */
    private record Container(MountNamespace namespace, Process process, Path root)
            implements AutoCloseable {
        static Container with(ScratchFilesystem filesystem) {
            var namespace = MountNamespace.make();
            Path root = TestNamespace.current().directory("container");
            namespace.run("mount", "-t", "tmpfs", "container", root.toString());
            namespace.run("mkdir", root + "/usr", root + "/srv");
            namespace.run("mount", "--rbind", "/usr", root + "/usr");
            for (String link : new String[] {"bin", "sbin", "lib", "lib64"}) {
                namespace.run("ln", "-s", "usr/" + link, root + "/" + link);
            }
            String mounted = filesystem.mountPoint().toString();
            namespace.run("mount", "--bind", mounted, root + "/srv");
            namespace.run("umount", mounted);
            return new Container(namespace, start(namespace, root), root);
        }

        private static Process start(MountNamespace namespace, Path root) {
            try {
                Process process =
                        new ProcessBuilder(
                                        namespace.enter(
                                                List.of(
                                                        "chroot",
                                                        root.toString(),
                                                        "sleep",
                                                        "infinity")))
                                .start();
                await("the container runs")
                        .atMost(Duration.ofSeconds(20))
                        .pollInterval(Duration.ofMillis(5))
                        .until(() -> Processes.name(process.pid()).equals(Optional.of("sleep")));
                return process;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        String pid() {
            return Long.toString(process.pid());
        }

        void run(String... command) {
            var words = new ArrayList<>(List.of("chroot", root.toString()));
            words.addAll(List.of(command));
            namespace.run(words.toArray(String[]::new));
        }

        String freeze(String path) {
            return LullProcess.run("freeze", "--namespace-of", pid(), "--timeout", "40s", path)
                    .expect(0)
                    .onlyLine();
        }

        boolean isFrozen() {
            return FrozenProbe.isFrozen(Path.of("/proc", pid(), "root", "srv"));
        }

        @Override
        public void close() {
            process.destroyForcibly();
            namespace.close();
        }
    }

    private static String freeze(MountNamespace namespace, Path place) {
        return LullProcess.with()
                .in(namespace)
                .run("freeze", "--timeout", "40s", place.toString())
                .expect(0)
                .onlyLine();
    }
}
