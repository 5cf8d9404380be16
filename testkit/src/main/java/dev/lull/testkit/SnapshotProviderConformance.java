package dev.lull.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.Mount;
import dev.lull.snapshot.CheckReport;
import dev.lull.snapshot.Fit;
import dev.lull.snapshot.MountedSnapshot;
import dev.lull.snapshot.Origin;
import dev.lull.snapshot.PreparedSnapshot;
import dev.lull.snapshot.Snapshot;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotId;
import dev.lull.snapshot.SnapshotProvider;
import dev.lull.snapshot.SnapshotRecord;
import dev.lull.snapshot.SnapshotRequest;
import dev.lull.snapshot.SnapshotState;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * What every snapshot provider has to keep. A test of a provider extends this and says what the provider is tried on: a
 * mounted filesystem of the test's own, new and empty for each test, which somebody else thaws if the test does not.
 */
public abstract class SnapshotProviderConformance {
    private static final Duration TIMEOUT = Duration.ofSeconds(20);
    private static final int MEBIBYTE = 1 << 20;

    /** The kernel that everything runs on. */
    protected abstract Kernel kernel();

    /** A new object, which knows nothing of what another one did. */
    protected abstract SnapshotProvider provider() throws Exception;

    /** Where the filesystem is mounted; writable. */
    protected abstract Path origin();

    /** A new empty directory that a snapshot can be mounted on, not on the origin. */
    protected abstract Path emptyDirectory();

    /** The filesystem that the snapshots take their space from. */
    protected abstract Path storage();

    /** A directory, and all below it, where the provider puts its things and the test nothing. */
    protected abstract Path place();

    /** The device nodes of loop devices in use, or whatever else the provider attaches. */
    protected abstract Set<String> attached() throws Exception;

    private SnapshotRequest request(Descriptor directory) throws IOException {
        return new SnapshotRequest(
                SnapshotId.random(), Origin.of(kernel(), directory), TIMEOUT, false);
    }

    /** Takes a snapshot as a plan does it, freeze included. */
    private Snapshot snapshot() throws Exception {
        try (Descriptor directory = kernel().openDirectory(origin());
                PreparedSnapshot prepared = provider().prepare(request(directory), _ -> {})) {
            Snapshot snapshot = cut(directory, prepared);
            snapshot.makeDurable();
            return snapshot;
        }
    }

    private Snapshot cut(Descriptor directory, PreparedSnapshot prepared) throws IOException {
        kernel().syncFilesystem(directory);
        prepared.settle();
        if (!prepared.wantsFreeze()) {
            return prepared.take();
        }
        kernel().freeze(directory);
        try {
            return prepared.take();
        } finally {
            kernel().thaw(directory);
        }
    }

    private Set<String> everythingIn(Path directory) throws IOException {
        try (Stream<Path> files = Files.walk(directory)) {
            Set<String> names = new TreeSet<>();
            files.forEach(file -> names.add(directory.relativize(file).toString()));
            return names;
        }
    }

    private Set<Mount> mounts() throws IOException {
        return Set.copyOf(kernel().mounts());
    }

    private static void write(Path file, int mebibytes) throws IOException {
        byte[] bytes = new byte[MEBIBYTE];
        Random random = new Random(mebibytes);
        try (FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            for (int i = 0; i < mebibytes; i++) {
                random.nextBytes(bytes);
                channel.write(ByteBuffer.wrap(bytes));
            }
            channel.force(true);
        }
    }

    @Test
    void fitsWhatItIsMadeFor() throws Exception {
        try (Descriptor directory = kernel().openDirectory(origin())) {
            assertThat(provider().fits(Origin.of(kernel(), directory))).isInstanceOf(Fit.Yes.class);
        }
    }

    @Test
    void showsTheOriginAsItWasAtTheCut() throws Exception {
        Files.writeString(origin().resolve("before"), "old");
        Files.createDirectories(origin().resolve("deep/er"));
        Files.writeString(origin().resolve("deep/er/file"), "there");
        Snapshot snapshot = snapshot();
        Files.writeString(origin().resolve("before"), "new");
        Files.writeString(origin().resolve("after"), "x");
        try (MountedSnapshot mounted = snapshot.mount(emptyDirectory())) {
            assertThat(mounted.path().resolve("before")).hasContent("old");
            assertThat(mounted.path().resolve("deep/er/file")).hasContent("there");
            assertThat(mounted.path().resolve("after")).doesNotExist();
            assertThat(origin().resolve("before")).hasContent("new");
        } finally {
            snapshot.delete();
        }
    }

    @Test
    void isMountedReadOnlyAndWithoutDevicesAndPrivileges() throws Exception {
        Snapshot snapshot = snapshot();
        Path target = emptyDirectory();
        try (MountedSnapshot mounted = snapshot.mount(target)) {
            assertThatThrownBy(() -> Files.createFile(mounted.path().resolve("new")))
                    .isInstanceOf(FileSystemException.class)
                    .hasMessageContaining("Read-only");
            try (Descriptor directory = kernel().openDirectory(mounted.path())) {
                assertThat(Origin.mountOf(kernel(), directory).options())
                        .contains("ro", "nosuid", "nodev");
            }
        } finally {
            snapshot.delete();
        }
    }

    @Test
    void leavesNothing() throws Exception {
        Set<String> filesBefore = everythingIn(place());
        Set<String> attachedBefore = attached();
        Set<Mount> mountsBefore = mounts();
        Snapshot snapshot = snapshot();
        try (MountedSnapshot mounted = snapshot.mount(emptyDirectory())) {
            assertThat(mounted.path()).isDirectory();
        }
        assertThat(mounts()).isEqualTo(mountsBefore);
        assertThat(attached()).isEqualTo(attachedBefore);
        snapshot.delete();
        assertThat(everythingIn(place())).isEqualTo(filesBefore);
    }

    @Test
    void preparingIsUndone() throws Exception {
        Set<String> filesBefore = everythingIn(place());
        try (Descriptor directory = kernel().openDirectory(origin())) {
            PreparedSnapshot prepared = provider().prepare(request(directory), _ -> {});
            prepared.close();
            prepared.close();
            assertThat(everythingIn(place())).isEqualTo(filesBefore);
            assertThatThrownBy(prepared::take).isInstanceOf(IllegalStateException.class);
            assertThat(everythingIn(place())).isEqualTo(filesBefore);
        }
    }

    @Test
    void isTakenOnce() throws Exception {
        try (Descriptor directory = kernel().openDirectory(origin());
                PreparedSnapshot prepared = provider().prepare(request(directory), _ -> {})) {
            Snapshot snapshot = cut(directory, prepared);
            assertThatThrownBy(prepared::take).isInstanceOf(IllegalStateException.class);
            snapshot.makeDurable();
            snapshot.delete();
        }
    }

    @Test
    void closingWhatWasTakenKeepsTheSnapshot() throws Exception {
        Files.writeString(origin().resolve("file"), "kept");
        Snapshot snapshot;
        try (Descriptor directory = kernel().openDirectory(origin())) {
            PreparedSnapshot prepared = provider().prepare(request(directory), _ -> {});
            snapshot = cut(directory, prepared);
            prepared.close();
            prepared.close();
        }
        snapshot.makeDurable();
        try (MountedSnapshot mounted = snapshot.mount(emptyDirectory())) {
            assertThat(mounted.path().resolve("file")).hasContent("kept");
        }
        snapshot.delete();
    }

    @Test
    void whatAKilledRunLeftIsDeletedByItsIntent() throws Exception {
        Set<String> filesBefore = everythingIn(place());
        for (boolean taken : new boolean[] {false, true}) {
            try (Descriptor directory = kernel().openDirectory(origin())) {
                PreparedSnapshot killed = provider().prepare(request(directory), _ -> {});
                SnapshotRecord intent = killed.intent();
                assertThat(intent.state()).isEqualTo(SnapshotState.TAKING);
                if (taken) {
                    cut(directory, killed).makeDurable();
                }
                provider().open(intent).delete();
                assertThat(everythingIn(place())).isEqualTo(filesBefore);
                killed.close();
                assertThat(everythingIn(place())).isEqualTo(filesBefore);
            }
        }
    }

    /** Whoever comes after a run that was killed has nothing but what was recorded by then. */
    @Test
    void isRecordedBeforeAnythingIsMade() throws Exception {
        Set<String> filesBefore = everythingIn(place());
        List<SnapshotRecord> recorded = new ArrayList<>();
        try (Descriptor directory = kernel().openDirectory(origin())) {
            SnapshotRequest request = request(directory);
            PreparedSnapshot prepared =
                    provider()
                            .prepare(
                                    request,
                                    intent -> {
                                        if (recorded.isEmpty()) {
                                            assertThat(unchecked(() -> everythingIn(place())))
                                                    .isEqualTo(filesBefore);
                                        }
                                        recorded.add(intent);
                                    });
            assertThat(recorded)
                    .isNotEmpty()
                    .allSatisfy(intent -> {
                        assertThat(intent.id()).isEqualTo(request.id());
                        assertThat(intent.state()).isEqualTo(SnapshotState.TAKING);
                    });
            assertThat(recorded.getLast()).isEqualTo(prepared.intent());
            provider().open(recorded.getLast()).delete();
            assertThat(everythingIn(place())).isEqualTo(filesBefore);
            prepared.close();
        }
    }

    @Test
    void makesNothingThatCannotBeRecorded() throws Exception {
        Set<String> filesBefore = everythingIn(place());
        try (Descriptor directory = kernel().openDirectory(origin())) {
            SnapshotException full = new SnapshotException("write", "record", "no space");
            assertThatThrownBy(() ->
                            provider()
                                    .prepare(
                                            request(directory),
                                            _ -> {
                                                throw full;
                                            }))
                    .isSameAs(full);
            assertThat(everythingIn(place())).isEqualTo(filesBefore);
        }
    }

    private static <T> T unchecked(Callable<T> call) {
        try {
            return call.call();
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void isOpenedAgainByItsRecord() throws Exception {
        Files.writeString(origin().resolve("file"), "content");
        SnapshotRecord snapshot = snapshot().record().with(SnapshotState.GOOD);
        assertThat(snapshot.provider()).isEqualTo(provider().name());
        assertThat(snapshot.mountPoint()).isEqualTo(origin());
        Snapshot opened = provider().open(snapshot);
        try (MountedSnapshot mounted = opened.mount(emptyDirectory())) {
            assertThat(mounted.path().resolve("file")).hasContent("content");
        }
        opened.delete();
        // A second one is no failure: whoever deletes may have been killed before it said so.
        opened.delete();
        provider().open(snapshot).delete();
        assertThatThrownBy(() -> opened.mount(emptyDirectory()))
                .isInstanceOf(SnapshotException.class);
    }

    @Test
    void refusesTheRecordOfAnother() throws Exception {
        Snapshot snapshot = snapshot();
        SnapshotRecord ours = snapshot.record();
        SnapshotRecord others =
                new SnapshotRecord(
                        ours.id(),
                        "another",
                        ours.state(),
                        ours.created(),
                        ours.mountPoint(),
                        ours.device(),
                        ours.type(),
                        ours.uuid(),
                        ours.names(),
                        ours.leftOut(),
                        ours.note(),
                        ours.label());
        assertThatThrownBy(() -> provider().open(others)).isInstanceOf(SnapshotException.class);
        snapshot.delete();
    }

    @Test
    void isNotDeletedWhileItIsMounted() throws Exception {
        Files.writeString(origin().resolve("file"), "content");
        Snapshot snapshot = snapshot();
        try (MountedSnapshot mounted = snapshot.mount(emptyDirectory())) {
            assertThatThrownBy(snapshot::delete)
                    .isInstanceOf(SnapshotException.class)
                    .hasMessageContaining("mounted");
            assertThat(mounted.path().resolve("file")).hasContent("content");
        }
        snapshot.delete();
    }

    @Test
    void canBeLeftMounted() throws Exception {
        Files.writeString(origin().resolve("file"), "content");
        Set<String> attachedBefore = attached();
        Snapshot snapshot = snapshot();
        Path target = emptyDirectory();
        MountedSnapshot mounted = snapshot.mount(target);
        mounted.leaveMounted();
        mounted.close();
        assertThat(mounted.path().resolve("file")).hasContent("content");
        kernel().unmount(target, false);
        assertThat(attached()).isEqualTo(attachedBefore);
        snapshot.delete();
    }

    @Test
    void anIntactOnePassesItsCheckAndStaysAsItWas() throws Exception {
        write(origin().resolve("data"), 4);
        Set<String> attachedBefore = attached();
        Snapshot snapshot = snapshot();
        Set<String> filesBefore = everythingIn(place());
        CheckReport report = snapshot.check(emptyDirectory());
        assertThat(report.passed()).as("%s", report).isTrue();
        assertThat(report.checked()).isNotBlank();
        assertThat(everythingIn(place())).isEqualTo(filesBefore);
        assertThat(attached()).isEqualTo(attachedBefore);
        try (MountedSnapshot mounted = snapshot.mount(emptyDirectory())) {
            assertThat(Files.mismatch(mounted.path().resolve("data"), origin().resolve("data")))
                    .isEqualTo(-1);
        }
        snapshot.delete();
    }

    @Test
    void severalAreKeptAtOnce() throws Exception {
        Files.writeString(origin().resolve("file"), "first");
        Snapshot first = snapshot();
        Files.writeString(origin().resolve("file"), "second");
        Snapshot second = snapshot();
        try (MountedSnapshot one = first.mount(emptyDirectory());
                MountedSnapshot two = second.mount(emptyDirectory())) {
            assertThat(one.path().resolve("file")).hasContent("first");
            assertThat(two.path().resolve("file")).hasContent("second");
        }
        first.delete();
        try (MountedSnapshot two = second.mount(emptyDirectory())) {
            assertThat(two.path().resolve("file")).hasContent("second");
        }
        second.delete();
    }

    @Test
    void isNoFullCopy() throws Exception {
        write(origin().resolve("data"), 24);
        try (Descriptor storage = kernel().openDirectory(storage())) {
            kernel().syncFilesystem(storage);
            long before = kernel().space(storage).freeBytes();
            Snapshot snapshot = snapshot();
            kernel().syncFilesystem(storage);
            long used = before - kernel().space(storage).freeBytes();
            assertThat(used).isLessThan(8L * MEBIBYTE);
            snapshot.delete();
        }
    }

    @Test
    void saysHowLongItTakesAndRefusesWhatCannotFit() throws Exception {
        Set<String> filesBefore = everythingIn(place());
        try (Descriptor directory = kernel().openDirectory(origin())) {
            try (PreparedSnapshot prepared = provider().prepare(request(directory), _ -> {})) {
                assertThat(prepared.estimate()).isPositive().isLessThanOrEqualTo(TIMEOUT);
            }
            SnapshotRequest hasty =
                    new SnapshotRequest(
                            SnapshotId.random(),
                            Origin.of(kernel(), directory),
                            Duration.ofMillis(1),
                            false);
            assertThatThrownBy(() -> provider().prepare(hasty, _ -> {}))
                    .isInstanceOf(SnapshotException.TooSlow.class);
            assertThat(everythingIn(place())).isEqualTo(filesBefore);
        }
    }

    @Test
    void doesNotWriteToWhatItWantsFrozen() throws Exception {
        try (Descriptor directory = kernel().openDirectory(origin());
                PreparedSnapshot prepared = provider().prepare(request(directory), _ -> {})) {
            Origin origin = Origin.of(kernel(), directory);
            if (prepared.wantsFreeze()) {
                assertThat(prepared.writesTo()).doesNotContain(origin.device());
            } else {
                assertThat(prepared.writesTo()).contains(origin.device());
            }
            try (Descriptor storage = kernel().openDirectory(storage())) {
                assertThat(prepared.writesTo())
                        .contains(Origin.mountOf(kernel(), storage).device());
            }
        }
    }

    @Test
    void refusesATargetThatIsNotThereAndLeavesNothing() throws Exception {
        Snapshot snapshot = snapshot();
        Set<String> attachedBefore = attached();
        Set<Mount> mountsBefore = mounts();
        Path missing = emptyDirectory().resolve("missing");
        assertThatThrownBy(() -> snapshot.mount(missing)).isInstanceOf(SnapshotException.class);
        assertThat(attached()).isEqualTo(attachedBefore);
        assertThat(mounts()).isEqualTo(mountsBefore);
        snapshot.delete();
    }
}
