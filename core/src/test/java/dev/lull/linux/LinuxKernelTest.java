package dev.lull.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.awaitility.Awaitility.await;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the real kernel answers to an ordinary user; it needs no filesystem of its own. */
class LinuxKernelTest {
    private static final Path SHELL = Path.of("/bin/sh");

    private final LinuxKernel kernel = new LinuxKernel();

    @TempDir Path directory;

    @Test
    void aFailureNamesCallSubjectAndErrno() {
        Path missing = directory.resolve("missing");
        assertThatExceptionOfType(KernelException.class)
                .isThrownBy(() -> kernel.openDirectory(missing))
                .withMessage("open " + missing + ": ENOENT (no such file or directory)")
                .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT));
    }

    @Test
    void noLinkLeadsOutOfARoot() throws Exception {
        Path root = Files.createDirectory(directory.resolve("root"));
        Files.createDirectory(root.resolve("tmp"));
        Files.createSymbolicLink(root.resolve("absolute"), Path.of("/tmp"));
        Files.createSymbolicLink(root.resolve("up"), Path.of("../../../../../../../../tmp"));
        Files.createSymbolicLink(root.resolve("out"), directory);
        try (Descriptor top = kernel.openDirectory(root);
                Descriptor tmp = kernel.openDirectory(root.resolve("tmp"))) {
            for (String way : List.of("/absolute", "absolute", "/up", "/absolute/../up")) {
                try (Descriptor found = kernel.openDirectoryBelow(top, Path.of(way))) {
                    assertThat(kernel.status(found).inode())
                            .as(way)
                            .isEqualTo(kernel.status(tmp).inode());
                }
            }
            assertThatExceptionOfType(KernelException.class)
                    .isThrownBy(() -> kernel.openDirectoryBelow(top, Path.of("/out")))
                    .withMessage("open " + root + "/out: ENOENT (no such file or directory)");
        }
    }

    /** Each process's root is a link in /proc, also in that of a container, and leads wherever that process is. */
    @Test
    void noLinkOfProcIsFollowedBelowARoot() throws KernelException {
        try (Descriptor slash = kernel.openDirectory(Path.of("/"))) {
            assertThatExceptionOfType(KernelException.class)
                    .isThrownBy(() -> kernel.openDirectoryBelow(slash, Path.of("/proc/self/root")))
                    .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.ELOOP));
        }
    }

    @Test
    void aProcessHasANamespaceUntilItEnds() throws Exception {
        Process sleep = new ProcessBuilder("/bin/sleep", "60").start();
        try (MountNamespace its = MountNamespace.of(kernel, (int) sleep.pid());
                Descriptor here = kernel.openDirectory(directory)) {
            try (Descriptor there = its.openDirectory(directory)) {
                assertThat(kernel.status(there)).isEqualTo(kernel.status(here));
            }
            assertThat(its.process()).contains((int) sleep.pid());
            assertThat(its.shown(Path.of("/a/../srv")))
                    .hasToString("/proc/" + sleep.pid() + "/root/srv");
            assertThat(its.mounts().mounts()).isEqualTo(kernel.mounts());
            sleep.destroyForcibly().waitFor();
            assertThatExceptionOfType(KernelException.class).isThrownBy(its::mounts);
        }
        assertThatExceptionOfType(KernelException.class)
                .isThrownBy(() -> MountNamespace.of(kernel, (int) sleep.pid()))
                .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.ESRCH));
    }

    @Test
    void knowsTheProcessThatItIsIn() throws KernelException {
        int pid = kernel.processId();
        assertThat(pid).isEqualTo((int) ProcessHandle.current().pid());
        assertThat(kernel.threads(pid)).contains(pid, kernel.threadId());
        assertThat(kernel.thread(pid, kernel.threadId()))
                .hasValueSatisfying(status -> assertThat(status.state()).isEqualTo('R'));
        assertThat(kernel.thread(pid, 1 << 30)).isEmpty();
        assertThat(kernel.threads(1 << 30)).isEmpty();
        assertThat(kernel.bootId()).hasSize(36);
    }

    @Test
    void neverActsOnAGroupOfProcesses() {
        assertThatIllegalArgumentException().isThrownBy(() -> kernel.kill(-1, 0));
        assertThatIllegalArgumentException().isThrownBy(() -> kernel.kill(0, 0));
        assertThatIllegalArgumentException().isThrownBy(() -> kernel.killGroup(1, 0));
        assertThatIllegalArgumentException().isThrownBy(() -> kernel.killGroup(0, 0));
        assertThatIllegalArgumentException().isThrownBy(() -> kernel.reap(-1));
    }

    @Test
    void aChildHasExactlyTheDescriptorsInTheirOrder() throws Exception {
        Path a = Files.writeString(directory.resolve("a"), "a");
        Path b = Files.writeString(directory.resolve("b"), "b");
        Path out = directory.resolve("out");
        try (Descriptor first = kernel.openRead(a);
                Descriptor second = kernel.createNew(out, 0600);
                Descriptor third = kernel.openRead(b)) {
            // Three more of the same, so that some of their numbers are below others' targets.
            List<Descriptor> descriptors =
                    List.of(third, second, second, first, third, first, third, second, first);
            String script =
                    "for f in /proc/$$/fd/*; do [ -e $f ] || continue; printf '%s ' ${f##*/}; readlink $f; done";
            int status = run(script, Map.of(), descriptors);
            assertThat(status).isZero();
        }
        assertThat(Files.readAllLines(out))
                .containsExactly(
                        "0 " + b,
                        "1 " + out,
                        "2 " + out,
                        "3 " + a,
                        "4 " + b,
                        "5 " + a,
                        "6 " + b,
                        "7 " + out,
                        "8 " + a);
    }

    @Test
    void aChildHasExactlyTheEnvironmentAndASessionOfItsOwn() throws Exception {
        Path out = directory.resolve("out");
        try (Descriptor nothing = kernel.openRead(Path.of("/dev/null"));
                Descriptor output = kernel.createNew(out, 0600)) {
            String script =
                    "cat /proc/self/environ | tr '\\0' '\\n'; read -r _ _ _ _ _ session _ </proc/$$/stat;"
                            + " [ $session = $$ ] || exit 9; exec grep -E '^Sig(Blk|Ign)' /proc/self/status";
            int status =
                    run(script, Map.of("PATH", "/usr/bin:/bin"), List.of(nothing, output, output));
            assertThat(status).isZero();
        }
        assertThat(Files.readAllLines(out))
                .filteredOn(line -> !line.startsWith("PWD=") && !line.startsWith("_="))
                .containsExactly(
                        "PATH=/usr/bin:/bin",
                        "SigBlk:\t0000000000000000",
                        "SigIgn:\t0000000000000000");
    }

    @Test
    void tellsHowAChildEnded() throws Exception {
        try (Descriptor nothing = kernel.openReadWrite(Path.of("/dev/null"))) {
            List<Descriptor> stdio = List.of(nothing, nothing, nothing);
            assertThat(run("exit 3", Map.of(), stdio)).isEqualTo(3);
            assertThat(run("kill -9 $$", Map.of(), stdio)).isEqualTo(128 + 9);
            assertThatExceptionOfType(KernelException.class)
                    .isThrownBy(() ->
                            kernel.spawn(
                                    directory.resolve("missing"), List.of("x"), Map.of(), stdio))
                    .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT));
        }
    }

    @Test
    void aProcessDescriptorIsReadableOnceTheProcessEnded() throws Exception {
        try (Descriptor nothing = kernel.openReadWrite(Path.of("/dev/null"))) {
            int pid =
                    kernel.spawn(
                            SHELL,
                            List.of("sh", "-c", "exec sleep 1000"),
                            Map.of("PATH", "/usr/bin:/bin"),
                            List.of(nothing, nothing, nothing));
            try (Descriptor process = kernel.openProcess(pid)) {
                List<PollInterest> end = List.of(PollInterest.readable(process));
                assertThat(kernel.poll(end, Duration.ZERO)).containsExactly(0);
                assertThat(kernel.reap(pid)).isEmpty();
                kernel.signalProcess(process, 9);
                assertThat(kernel.poll(end, Duration.ofSeconds(10)))
                        .containsExactly(PollInterest.IN);
                assertThat(kernel.reap(pid)).hasValue(128 + 9);
            }
        }
    }

    private int run(String script, Map<String, String> environment, List<Descriptor> descriptors)
            throws KernelException {
        int pid = kernel.spawn(SHELL, List.of("sh", "-c", script), environment, descriptors);
        List<OptionalInt> status = new ArrayList<>();
        await().pollInterval(Duration.ofMillis(5))
                .until(() -> {
                    OptionalInt ended = kernel.reap(pid);
                    status.add(ended);
                    return ended.isPresent();
                });
        return status.getLast().getAsInt();
    }

    @Test
    void receivedDescriptorsAreClosedWhenThereIsNoRoomForThem() throws Exception {
        List<Descriptor> pair = kernel.socketPair("pair");
        try (Descriptor left = pair.get(0);
                Descriptor right = pair.get(1);
                Descriptor event = kernel.eventDescriptor()) {
            List<Descriptor> many = Collections.nCopies(253, event);
            ByteBuffer byteOfData = ByteBuffer.wrap(new byte[] {1});
            assertThat(kernel.send(left, byteOfData, many)).isEqualTo(1);
            List<Descriptor> received = new ArrayList<>();
            assertThat(kernel.receive(right, ByteBuffer.allocate(10), received)).isEqualTo(1);
            assertThat(received).hasSize(253);
            for (Descriptor descriptor : received) {
                descriptor.close();
            }
            assertThatIllegalArgumentException()
                    .isThrownBy(() ->
                            kernel.send(
                                    left, ByteBuffer.allocate(1), Collections.nCopies(254, event)));
        }
    }

    @Test
    void aSocketsFileHasTheModeAskedFor() throws Exception {
        Path path = directory.resolve("s");
        try (Descriptor listener = kernel.listen(path, 0666)) {
            assertThat(listener.name()).isEqualTo(path.toString());
            assertThat(Files.getPosixFilePermissions(path)).hasSize(6);
            assertThatExceptionOfType(KernelException.class)
                    .isThrownBy(() -> kernel.listen(path, 0600))
                    .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.EADDRINUSE));
        }
    }

    @Test
    void refusesASocketPathThatDoesNotFit() {
        Path path = directory.resolve("x".repeat(108));
        assertThatExceptionOfType(KernelException.class)
                .isThrownBy(() -> kernel.listen(path, 0600))
                .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.ENAMETOOLONG));
    }

    @Test
    void readsAndListsKnobs() throws KernelException {
        assertThat(kernel.readKnob(Path.of("/proc/self/comm"))).endsWith("\n");
        assertThat(kernel.listKnobs(Path.of("/proc/self/task")))
                .contains(Integer.toString(kernel.processId()))
                .doesNotContain(".", "..");
    }

    @Test
    void readsTheMountTable() throws KernelException {
        List<Mount> mounts = kernel.mounts();
        assertThat(mounts).extracting(Mount::mountPoint).contains(Path.of("/proc"));
        assertThat(kernel.mountsOf(kernel.processId())).isEqualTo(mounts);
    }

    @Test
    void tellsTheMountThatAFileWasOpenedThrough() throws KernelException {
        try (Descriptor proc = kernel.openDirectory(Path.of("/proc"))) {
            FileStatus status = kernel.status(proc);
            assertThat(status.isDirectory()).isTrue();
            assertThat(status.mountRoot()).isTrue();
            assertThat(kernel.mounts())
                    .filteredOn(mount -> mount.id() == status.mountId())
                    .singleElement()
                    .satisfies(mount -> assertThat(mount.device()).isEqualTo(status.device()));
        }
    }

    @Test
    void refusesToFreezeWhatCannotFreeze() throws Exception {
        try (Descriptor proc = kernel.openDirectory(Path.of("/proc"))) {
            assertThatExceptionOfType(KernelException.class)
                    .isThrownBy(() -> kernel.freeze(proc))
                    .satisfies(e -> assertThat(e.errno()).isIn(Errno.EOPNOTSUPP, Errno.EPERM));
            kernel.passWriteLock(proc);
            assertThat(kernel.checkpointJournal(proc)).isFalse();
            assertThat(kernel.filesystemUuid(proc)).isEmpty();
        }
    }

    @Test
    void namesThatAreNoTextReachTheKernel() throws Exception {
        Path odd = PathBytes.decode((directory + "/\u00fc").getBytes(StandardCharsets.ISO_8859_1));
        try (Descriptor created = kernel.createNew(odd, 0600)) {
            assertThat(kernel.status(created).isRegularFile()).isTrue();
        }
        try (Descriptor again = kernel.openRead(odd)) {
            assertThat(kernel.status(again).size()).isZero();
        }
    }
}
