package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import dev.lull.snapshot.MountedSnapshot;
import dev.lull.snapshot.Origin;
import dev.lull.snapshot.PreparedSnapshot;
import dev.lull.snapshot.Reserve;
import dev.lull.snapshot.Snapshot;
import dev.lull.snapshot.SnapshotId;
import dev.lull.snapshot.SnapshotProvider;
import dev.lull.snapshot.SnapshotRecord;
import dev.lull.snapshot.SnapshotRequest;
import dev.lull.snapshot.btrfs.BtrfsProvider;
import dev.lull.snapshot.reflink.ReflinkProvider;
import dev.lull.testkit.FaultyKernel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * A snapshot's whole life, once for every call that it makes into the kernel, each time with that call failing: the
 * failure is told, and whoever then undoes finds nothing left.
 */
class SnapshotFaultsIT {
    private static final Reserve SMALL = new Reserve(5, 8L << 20);

    private final Kernel real = new LinuxKernel();
    private Function<Kernel, SnapshotProvider> provider;
    private Path origin;
    private Path place;
    private Path target;

    /** What a failed run has told of. */
    private @Nullable SnapshotRecord intent;

    @BeforeEach
    void makeTarget() {
        target = TestNamespace.current().directory("snapshot");
    }

    private interface Life {
        void live(Kernel kernel) throws IOException;
    }

    private Snapshot cut(Descriptor directory, PreparedSnapshot prepared) throws IOException {
        if (!prepared.wantsFreeze()) {
            return prepared.take();
        }
        real.freeze(directory);
        try {
            return prepared.take();
        } finally {
            real.thaw(directory);
        }
    }

    private void wholeLife(Kernel kernel) throws IOException {
        try (Descriptor directory = kernel.openDirectory(origin);
                PreparedSnapshot prepared =
                        provider.apply(kernel)
                                .prepare(
                                        new SnapshotRequest(
                                                SnapshotId.random(),
                                                Origin.of(kernel, directory),
                                                Duration.ofSeconds(20),
                                                false),
                                        recorded -> intent = recorded)) {
            prepared.settle();
            Snapshot snapshot = cut(directory, prepared);
            snapshot.makeDurable();
            try (MountedSnapshot mounted = snapshot.mount(target)) {
                assertThat(mounted.path()).isDirectory();
            }
            snapshot.room();
            snapshot.delete();
        }
    }

    private void checkOnly(Kernel kernel) throws IOException {
        try (Descriptor directory = real.openDirectory(origin);
                PreparedSnapshot prepared =
                        provider.apply(real)
                                .prepare(
                                        new SnapshotRequest(
                                                SnapshotId.random(),
                                                Origin.of(real, directory),
                                                Duration.ofSeconds(20),
                                                false),
                                        recorded -> intent = recorded)) {
            Snapshot snapshot = cut(directory, prepared);
            snapshot.makeDurable();
            Snapshot faulty = provider.apply(kernel).open(snapshot.record());
            assertThat(faulty.check(target).passed()).isTrue();
            snapshot.delete();
        }
    }

    private void failEverywhere(Life life) throws Exception {
        List<String> before = state();
        FaultyKernel none = new FaultyKernel(real);
        life.live(none);
        assertThat(state()).isEqualTo(before);
        assertThat(none.calls()).hasSizeGreaterThan(5);

        Map<String, Integer> numbers = new HashMap<>();
        for (String call : none.calls()) {
            String method = call.split(" ", 2)[0];
            int number = numbers.merge(method, 1, Integer::sum);
            intent = null;
            try (FaultyKernel faulty = new FaultyKernel(real)) {
                faulty.at(method).call(number).fail(Errno.EIO);
                assertThat(catchThrowable(() -> life.live(faulty)))
                        .as("%s, call %d", call, number)
                        .isInstanceOf(IOException.class);
            }
            if (intent != null) {
                provider.apply(real).open(intent).delete();
            }
            assertThat(state())
                    .as("after a failure of %s, call %d", call, number)
                    .isEqualTo(before);
        }
    }

    /** Everything that could be left: files, mounts, loop devices, descriptors. */
    private List<String> state() throws IOException {
        Set<String> state = new TreeSet<>();
        try (Stream<Path> files = Files.walk(place)) {
            files.forEach(file -> state.add("file " + file));
        }
        try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
            descriptors
                    .map(SnapshotFaultsIT::opened)
                    .filter(file ->
                            file.contains("/dev/loop")
                                    || file.contains(TestNamespace.current().scratch().toString()))
                    .forEach(file -> state.add("open " + file));
        }
        state.add(TestNamespace.mountinfo());
        state.add(
                Program.run("losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE")
                        .lines()
                        .filter(line -> line.contains(TestNamespace.current().scratch().toString()))
                        .sorted()
                        .collect(Collectors.joining("\n")));
        return List.copyOf(state);
    }

    private static String opened(Path descriptor) {
        try {
            return Files.readSymbolicLink(descriptor).toString();
        } catch (IOException _) {
            return "closed since";
        }
    }

    @Test
    void reflink() throws Exception {
        try (var lower = ScratchFilesystem.of(FilesystemType.XFS).mebibytes(600).make();
                var upper = ScratchFilesystem.of(FilesystemType.EXT4).on(lower).make()) {
            provider = kernel -> new ReflinkProvider(kernel, SMALL, InstantSource.system());
            origin = upper.mountPoint();
            place = lower.mountPoint();
            failEverywhere(this::wholeLife);
            failEverywhere(this::checkOnly);
        }
    }

    @Test
    void btrfs() throws Exception {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.BTRFS)) {
            provider = kernel -> new BtrfsProvider(kernel, SMALL, InstantSource.system());
            origin = filesystem.mountPoint();
            place = filesystem.mountPoint();
            failEverywhere(this::wholeLife);
            failEverywhere(this::checkOnly);
        }
    }
}
