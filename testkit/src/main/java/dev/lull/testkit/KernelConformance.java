package dev.lull.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import dev.lull.linux.BlockStack;
import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Errno;
import dev.lull.linux.FileStatus;
import dev.lull.linux.Filesystem;
import dev.lull.linux.FilesystemSpace;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.LoopDevice;
import dev.lull.linux.LoopStatus;
import dev.lull.linux.Mount;
import dev.lull.linux.MountFlag;
import dev.lull.linux.PollInterest;
import dev.lull.linux.ProcessEnd;
import dev.lull.linux.ThreadStatus;
import dev.lull.linux.TrappedIoctl;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * What every {@link Kernel} does, the real one and the fake. A subclass gives each test a kernel and a
 * filesystem of its own that can be frozen, and has JUnit run it.
 */
public abstract class KernelConformance {
    private static final Duration PATIENCE = Duration.ofSeconds(15);
    private static final int SIGKILL = 9;

    private final List<Descriptor> opened = new ArrayList<>();

    /** The same one throughout a test. */
    protected abstract Kernel kernel();

    /** Where a filesystem that can be frozen is mounted, for this test alone; the same one throughout a test. */
    protected abstract Path mountPoint();

    /** Its type as mountinfo has it. */
    protected abstract String type();

    /** Where a tmpfs is mounted, with room for sockets. */
    protected abstract Path tmpfs();

    /** Has somebody who knows nothing of the kernel under test freeze the filesystem. */
    protected abstract void freezeByOthers();

    /** Has somebody who knows nothing of the kernel under test thaw it. */
    protected abstract void thawByOthers();

    /** Lets that much time pass once a thread waits for it; nothing where time passes by itself. */
    protected abstract void pass(Duration duration);

    /** Takes away what this test was given. Called after it, thawed and with all descriptors closed. */
    protected void remove() {}

    @AfterEach
    final void thawAndClose() throws KernelException {
        try (Descriptor directory = kernel().openDirectory(mountPoint())) {
            kernel().thaw(directory);
        } catch (KernelException e) {
            if (!e.errno().equals(Errno.EINVAL)) {
                throw e;
            }
        }
        for (Descriptor descriptor : opened) {
            descriptor.close();
        }
        remove();
    }

    private Descriptor closing(Descriptor descriptor) {
        opened.add(descriptor);
        return descriptor;
    }

    private Descriptor top() throws KernelException {
        return closing(kernel().openDirectory(mountPoint()));
    }

    private static void assertErrno(Errno errno, ThrowingCallable call) {
        assertThatExceptionOfType(KernelException.class)
                .isThrownBy(call)
                .satisfies(e -> assertThat(e.errno()).isEqualTo(errno));
    }

    // Freezing

    @Test
    void freezesAndThaws() throws KernelException {
        Descriptor top = top();
        kernel().freeze(top);
        assertErrno(Errno.EBUSY, () -> kernel().freeze(top));
        kernel().thaw(top);
        assertErrno(Errno.EINVAL, () -> kernel().thaw(top));
        kernel().freeze(top);
        kernel().thaw(top);
    }

    @Test
    void saysWhatFailedOnWhat() throws KernelException {
        Descriptor top = top();
        assertThatExceptionOfType(KernelException.class)
                .isThrownBy(() -> kernel().thaw(top))
                .withMessage("FITHAW " + mountPoint() + ": EINVAL (invalid argument)");
    }

    @Test
    void refusesToFreezeTmpfs() throws KernelException {
        Descriptor directory = closing(kernel().openDirectory(tmpfs()));
        assertErrno(Errno.EOPNOTSUPP, () -> kernel().freeze(directory));
        assertErrno(Errno.EINVAL, () -> kernel().thaw(directory));
        kernel().passWriteLock(directory);
    }

    @Test
    void anyDescriptorOfTheFilesystemThaws() throws KernelException {
        Descriptor top = top();
        kernel().freeze(top);
        kernel().thaw(closing(kernel().reopen(top)));
        kernel().freeze(closing(kernel().duplicate(top)));
        kernel().thaw(top);
    }

    @Test
    void thawsWhatOthersFroze() throws KernelException {
        Descriptor top = top();
        freezeByOthers();
        assertErrno(Errno.EBUSY, () -> kernel().freeze(top));
        kernel().thaw(top);
    }

    @Test
    void theWriteLockIsFreeWhileNothingIsFrozen() throws KernelException {
        Descriptor top = top();
        kernel().passWriteLock(top);
        kernel().freeze(top);
        kernel().thaw(top);
        kernel().passWriteLock(top);
    }

    @Test
    void theWriteLockBlocksInStateDUntilTheThaw() throws Exception {
        Descriptor top = top();
        kernel().freeze(top);
        CompletableFuture<Void> passed = passOnThread(top);
        assertThat(passed).isNotDone();
        kernel().thaw(top);
        assertThat(passed).succeedsWithin(PATIENCE);
    }

    @Test
    void somebodyElsesThawWakesTheBlocked() throws Exception {
        Descriptor top = top();
        kernel().freeze(top);
        CompletableFuture<Void> passed = passOnThread(top);
        thawByOthers();
        assertThat(passed).succeedsWithin(PATIENCE);
        assertErrno(Errno.EINVAL, () -> kernel().thaw(top));
    }

    @Test
    void aThawAndAFreezeBackToBackWakeTheBlocked() throws Exception {
        Descriptor top = top();
        kernel().freeze(top);
        CompletableFuture<Void> passed = passOnThread(top);
        kernel().thaw(top);
        kernel().freeze(top);
        // Nothing else would tell: to FITHAW it is frozen as before.
        assertThat(passed).succeedsWithin(PATIENCE);
        kernel().thaw(top);
    }

    /** What the proof of a freeze rests on: whoever was woken in between sleeps another sleep. */
    @Test
    void aDeepSleepIsKnownByItsNumber() throws Exception {
        Descriptor top = top();
        AtomicInteger tid = new AtomicInteger();
        AtomicBoolean end = new AtomicBoolean();
        Thread sleeper =
                Thread.ofPlatform()
                        .daemon()
                        .start(() -> {
                            try {
                                tid.set(kernel().threadId());
                                while (!end.get()) {
                                    kernel().passWriteLock(top);
                                }
                            } catch (KernelException e) {
                                tid.set(-1);
                            }
                        });
        await().atMost(PATIENCE).until(() -> tid.get() != 0);
        kernel().freeze(top);
        Descriptor thread = closing(kernel().openThread(kernel().processId(), tid.get()));
        long first = awaitSleep(thread, -1);
        assertThat(kernel().deepSleep(thread)).hasValue(first);
        kernel().thaw(top);
        kernel().freeze(top);
        long second = awaitSleep(thread, first);
        assertThat(second).isNotEqualTo(first);
        end.set(true);
        kernel().thaw(top);
        sleeper.join();
        assertThat(kernel().deepSleep(thread)).isEmpty();
        Descriptor self = closing(kernel().openThread(kernel().processId(), kernel().threadId()));
        assertThat(kernel().deepSleep(self)).isEmpty();
        assertErrno(Errno.ENOENT, () -> kernel().openThread(kernel().processId(), 1 << 22));
    }

    private long awaitSleep(Descriptor thread, long not) {
        AtomicLong seen = new AtomicLong(-1);
        await().atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(2))
                .until(() -> {
                    OptionalLong now = kernel().deepSleep(thread);
                    // Seen twice: the first look can come before the number is counted on.
                    return now.isPresent()
                            && now.getAsLong() != not
                            && seen.getAndSet(now.getAsLong()) == now.getAsLong();
                });
        return seen.get();
    }

    /** Returns once the thread is in state D. */
    private CompletableFuture<Void> passOnThread(Descriptor top) {
        CompletableFuture<Void> passed = new CompletableFuture<>();
        AtomicInteger tid = new AtomicInteger();
        Thread.ofPlatform()
                .daemon()
                .start(() -> {
                    try {
                        tid.set(kernel().threadId());
                        kernel().passWriteLock(top);
                        passed.complete(null);
                    } catch (KernelException | RuntimeException e) {
                        passed.completeExceptionally(e);
                    }
                });
        int pid = kernel().processId();
        await().atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(2))
                .until(() ->
                        tid.get() != 0
                                && kernel().thread(pid, tid.get())
                                        .map(ThreadStatus::blocked)
                                        .orElse(false));
        return passed;
    }

    @Test
    void syncsAndEmptiesTheJournalWhereThereIsOne() throws KernelException {
        Descriptor top = top();
        kernel().syncFilesystem(top);
        boolean journalOfExt = type().equals("ext3") || type().equals("ext4");
        assertThat(kernel().checkpointJournal(top)).isEqualTo(journalOfExt);
    }

    @Test
    void readsGoOnWhileFrozen() throws KernelException {
        Descriptor top = top();
        Path path = mountPoint().resolve("file");
        try (Descriptor file = kernel().createNew(path, 0600)) {
            kernel().write(file, 0, new byte[] {1, 2, 3});
            kernel().sync(file);
        }
        kernel().freeze(top);
        try (Descriptor file = kernel().openRead(path)) {
            assertThat(kernel().read(file, 0, 3)).containsExactly(1, 2, 3);
        }
        kernel().syncFilesystem(top);
        kernel().thaw(top);
    }

    // What a filesystem is

    @Test
    void tellsTheFilesystem() throws KernelException {
        Descriptor top = top();
        Filesystem filesystem = Filesystem.of(kernel(), top);
        Mount mount = mountOf(top);
        assertThat(filesystem.type()).isEqualTo(type());
        assertThat(filesystem.device()).isEqualTo(mount.device());
        assertThat(filesystem.source()).isEqualTo(mount.source());
        assertThat(filesystem.mountPoints()).containsExactly(mountPoint());
        assertThat(filesystem.readOnly()).isFalse();
        assertThat(filesystem.mountId()).isEqualTo(mount.id());
        assertThat(filesystem.uuid()).isPresent().isEqualTo(kernel().filesystemUuid(top));
        assertThat(filesystem.uuid().get())
                .matches("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}");
    }

    @Test
    void aDescriptorsMountIsTheOneInTheTable() throws KernelException {
        Descriptor top = top();
        FileStatus status = kernel().status(top);
        Mount mount = mountOf(top);
        assertThat(mount.mountPoint()).isEqualTo(mountPoint());
        assertThat(mount.type()).isEqualTo(type());
        assertThat(status.mountRoot()).isTrue();
        assertThat(status.isDirectory()).isTrue();
        // A btrfs gives each subvolume a number of its own.
        assertThat(status.device().equals(mount.device())).isEqualTo(!type().equals("btrfs"));
        assertThat(kernel().mountsOf(kernel().processId())).isEqualTo(kernel().mounts());
    }

    private Mount mountOf(Descriptor descriptor) throws KernelException {
        long id = kernel().status(descriptor).mountId();
        for (Mount mount : kernel().mounts()) {
            if (mount.id() == id) {
                return mount;
            }
        }
        throw new AssertionError("no mount " + id + " in " + kernel().mounts());
    }

    @Test
    void twoNamesOfOneFilesystemAreOneFilesystem() throws KernelException {
        Path other = directoryOnTmpfs("other");
        kernel().mount(mountPoint().toString(), other, "", MountFlag.BIND, "");
        try (Descriptor second = kernel().openDirectory(other)) {
            Filesystem one = Filesystem.of(kernel(), top());
            Filesystem two = Filesystem.of(kernel(), second);
            assertThat(two.device()).isEqualTo(one.device());
            assertThat(two.uuid()).isEqualTo(one.uuid());
            assertThat(two.mountId()).isNotEqualTo(one.mountId());
            assertThat(two.uniqueMountId()).isNotEqualTo(one.uniqueMountId());
            assertThat(one.mountPoints()).containsExactly(mountPoint(), other);
            assertThat(two.mountPoints()).containsExactly(other, mountPoint());
        }
        kernel().unmount(other, false);
    }

    @Test
    void aPathBelowARootStaysThere() throws KernelException {
        Path inside = directoryOnTmpfs("inside");
        try (Descriptor root = kernel().openDirectory(tmpfs())) {
            long expected;
            try (Descriptor directory = kernel().openDirectory(inside)) {
                expected = kernel().status(directory).inode();
            }
            for (String way : List.of("inside", "/inside", "../inside", "/../../inside/.")) {
                try (Descriptor found = kernel().openDirectoryBelow(root, Path.of(way))) {
                    assertThat(kernel().status(found).inode()).as(way).isEqualTo(expected);
                    assertThat(kernel().status(found).isDirectory()).isTrue();
                }
            }
            // There from here, and not from there.
            assertErrno(Errno.ENOENT, () -> kernel().openDirectoryBelow(root, mountPoint()));
        }
    }

    @Test
    void aDirectoryThatIsNoMountPointIsToldFromOne() throws KernelException {
        Path inside = directoryOnTmpfs("inside");
        try (Descriptor directory = kernel().openDirectory(inside)) {
            assertThat(kernel().status(directory).mountRoot()).isFalse();
            assertThat(Filesystem.of(kernel(), directory).type()).isEqualTo("tmpfs");
            assertThat(BlockStack.under(kernel(), directory).layers()).isEmpty();
        }
    }

    /** Makes a directory there by the subclass's means. */
    protected abstract Path directoryOnTmpfs(String name);

    @Test
    void anUnmountedFilesystemsTableEntryIsGone() throws KernelException {
        Path place = directoryOnTmpfs("place");
        kernel().mount("none", place, "tmpfs", MountFlag.NO_SUID, "");
        assertThat(kernel().mounts()).extracting(Mount::mountPoint).contains(place);
        kernel().unmount(place, false);
        assertThat(kernel().mounts()).extracting(Mount::mountPoint).doesNotContain(place);
        assertErrno(Errno.EINVAL, () -> kernel().unmount(place, false));
    }

    @Test
    void oddNamesComeBackAsTheyAre() throws KernelException {
        Path place = directoryOnTmpfs("a - ext4 sda rw\n1 0 8:1 - \\040\tü#");
        kernel().mount("no device, - ext4", place, "tmpfs", 0, "");
        List<Mount> mounts = kernel().mounts();
        kernel().unmount(place, false);
        assertThat(mounts)
                .filteredOn(mount -> mount.mountPoint().equals(place))
                .singleElement()
                .satisfies(mount -> {
                    assertThat(mount.type()).isEqualTo("tmpfs");
                    assertThat(mount.source()).isEqualTo("no device, - ext4");
                });
    }

    @Test
    void aMountInUseIsNotUnmountedButLazily() throws KernelException {
        Path place = directoryOnTmpfs("busy");
        kernel().mount("none", place, "tmpfs", 0, "");
        try (Descriptor inside = kernel().openDirectory(place)) {
            assertErrno(Errno.EBUSY, () -> kernel().unmount(place, false));
            kernel().unmount(place, true);
            assertThat(kernel().status(inside).isDirectory()).isTrue();
        }
    }

    @Test
    void tellsRoomAndMagic() throws KernelException {
        FilesystemSpace space = kernel().space(top());
        assertThat(space.totalBytes()).isPositive();
        assertThat(space.freeBytes()).isBetween(1L, space.totalBytes());
        switch (type()) {
            case "xfs" -> assertThat(space.type()).isEqualTo(FilesystemSpace.XFS);
            case "btrfs" -> assertThat(space.type()).isEqualTo(FilesystemSpace.BTRFS);
            default -> assertThat(space.type()).isEqualTo(FilesystemSpace.EXT);
        }
    }

    // Files

    @Test
    void refusesWhatIsNotThere() throws KernelException {
        Path missing = mountPoint().resolve("missing");
        assertErrno(Errno.ENOENT, () -> kernel().openDirectory(missing));
        assertErrno(Errno.ENOENT, () -> kernel().openRead(missing));
        assertErrno(Errno.ENOENT, () -> kernel().openReadWrite(missing));
        assertErrno(Errno.ENOENT, () -> kernel().createNew(missing.resolve("below"), 0600));
        Path file = mountPoint().resolve("file");
        kernel().createNew(file, 0600).close();
        assertErrno(Errno.ENOTDIR, () -> kernel().openDirectory(file));
        assertErrno(Errno.ENOTDIR, () -> kernel().openRead(file.resolve("below")));
        assertErrno(Errno.EEXIST, () -> kernel().createNew(file, 0600));
    }

    @Test
    void readsWhatWasWritten() throws KernelException {
        byte[] much = new byte[200_000];
        Arrays.fill(much, (byte) 7);
        try (Descriptor file = kernel().createNew(mountPoint().resolve("file"), 0640)) {
            kernel().write(file, 10, much);
            kernel().write(file, 0, "start".getBytes(StandardCharsets.UTF_8));
            FileStatus status = kernel().status(file);
            assertThat(status.size()).isEqualTo(200_010);
            assertThat(status.isRegularFile()).isTrue();
            assertThat(status.mode() & 0777).isEqualTo(0640);
            assertThat(kernel().read(file, 0, 11))
                    .containsExactly('s', 't', 'a', 'r', 't', 0, 0, 0, 0, 0, 7);
            assertThat(kernel().read(file, 200_000, 100)).hasSize(10).containsOnly(7);
            assertThat(kernel().read(file, 300_000, 100)).isEmpty();
            assertThat(kernel().read(file, 0, 300_000)).hasSize(200_010);
        }
    }

    @Test
    void aClosedDescriptorIsRefused() throws KernelException {
        Descriptor top = kernel().openDirectory(mountPoint());
        top.close();
        top.close();
        assertThatExceptionOfType(IllegalStateException.class)
                .isThrownBy(() -> kernel().status(top))
                .withMessageContaining(mountPoint().toString());
    }

    @Test
    void aLockIsOfTheOpenFileAndEndsWithIt() throws KernelException {
        Descriptor file = closing(kernel().createNew(mountPoint().resolve("lock"), 0600));
        Descriptor second = closing(kernel().reopen(file));
        Descriptor third = closing(kernel().reopen(file));
        Descriptor same = kernel().duplicate(file);
        assertThat(kernel().tryLock(file)).isTrue();
        assertThat(kernel().tryLock(same)).isTrue();
        assertThat(kernel().tryLock(second)).isFalse();
        same.close();
        assertThat(kernel().tryLock(second)).isFalse();
        kernel().unlock(file);
        assertThat(kernel().tryLock(second)).isTrue();
        assertThat(kernel().tryLock(third)).isFalse();
        second.close();
        assertThat(kernel().tryLock(third)).isTrue();
    }

    // Clones, subvolumes, loop devices

    @Test
    void aCloneSharesItsBlocksAndIsAFileOfItsOwn() throws KernelException {
        byte[] data = new byte[1 << 20];
        Arrays.fill(data, (byte) 5);
        Descriptor source = closing(kernel().createNew(mountPoint().resolve("source"), 0600));
        Descriptor target = closing(kernel().createNew(mountPoint().resolve("target"), 0600));
        kernel().write(source, 0, data);
        kernel().sync(source);
        if (!type().equals("btrfs") && !type().equals("xfs")) {
            assertErrno(Errno.EOPNOTSUPP, () -> kernel().cloneFile(source, target));
            return;
        }
        assertThat(kernel().extents(target)).isZero();
        kernel().cloneFile(source, target);
        assertThat(kernel().read(target, 0, data.length)).isEqualTo(data);
        assertThat(kernel().extents(target)).isPositive();
        assertThat(kernel().sharedBytes(source)).isEqualTo(data.length);
        kernel().write(source, 0, new byte[] {9});
        assertThat(kernel().read(target, 0, 1)).containsExactly(5);
        Descriptor elsewhere = closing(kernel().createNew(tmpfs().resolve("elsewhere"), 0600));
        assertErrno(Errno.EXDEV, () -> kernel().cloneFile(source, elsewhere));
    }

    @Test
    void onlyFilesWrittenAlikeShareBlocks() throws KernelException {
        Descriptor source = closing(kernel().createNew(mountPoint().resolve("source"), 0600));
        Descriptor target = closing(kernel().createNew(mountPoint().resolve("target"), 0600));
        assertThat(kernel().isWrittenInPlace(source)).isFalse();
        if (!type().equals("btrfs")) {
            assertErrno(Errno.EOPNOTSUPP, () -> kernel().writeInPlace(source));
            return;
        }
        kernel().writeInPlace(source);
        assertThat(kernel().isWrittenInPlace(source)).isTrue();
        kernel().write(source, 0, new byte[1 << 16]);
        kernel().sync(source);
        assertErrno(Errno.EINVAL, () -> kernel().cloneFile(source, target));
        kernel().writeInPlace(target);
        kernel().cloneFile(source, target);
        assertThat(kernel().allocatedBytes(target)).isEqualTo(1 << 16);
    }

    @Test
    void snapshotsSubvolumes() throws KernelException {
        Descriptor top = top();
        if (!type().equals("btrfs")) {
            assertThat(kernel().isSubvolume(top)).isFalse();
            assertErrno(Errno.ENOTTY, () -> kernel().createSubvolumeSnapshot(top, top, "a", true));
            assertErrno(Errno.ENOTTY, () -> kernel().btrfsDevices(top));
            return;
        }
        assertThat(kernel().isSubvolume(top)).isTrue();
        kernel().createNew(mountPoint().resolve("file"), 0600).close();
        kernel().createSubvolumeSnapshot(top, top, "a", false);
        assertErrno(Errno.EEXIST, () -> kernel().createSubvolumeSnapshot(top, top, "a", false));
        Descriptor a = closing(kernel().openDirectory(mountPoint().resolve("a")));
        kernel().openRead(mountPoint().resolve("a/file")).close();
        assertThat(kernel().isSubvolume(a)).isTrue();
        assertThat(kernel().status(a).device()).isNotEqualTo(kernel().status(top).device());
        assertThat(Filesystem.of(kernel(), a).device())
                .isEqualTo(Filesystem.of(kernel(), top).device());
        kernel().createSubvolumeSnapshot(a, a, "ünter b", true);
        assertThat(kernel().nestedSubvolumes(top))
                .containsExactlyInAnyOrder(Path.of("a"), Path.of("a/ünter b"));
        assertThat(kernel().nestedSubvolumes(a)).containsExactly(Path.of("ünter b"));
        assertErrno(Errno.ENOTEMPTY, () -> kernel().deleteSubvolume(top, "a"));
        kernel().deleteSubvolume(a, "ünter b");
        kernel().deleteSubvolume(top, "a");
        assertErrno(Errno.ENOENT, () -> kernel().deleteSubvolume(top, "a"));
        assertThat(kernel().nestedSubvolumes(top)).isEmpty();
        assertThat(kernel().btrfsDevices(top)).hasSize(1);
    }

    @Test
    void aLoopDeviceIsThereUntilItsLastUserHasGone() throws KernelException {
        Descriptor file = closing(kernel().createNew(mountPoint().resolve("image"), 0600));
        kernel().write(file, 0, new byte[1 << 20]);
        FileStatus backing = kernel().status(file);
        Path path;
        try (LoopDevice loop = kernel().attachLoop(file, true)) {
            path = loop.path();
            FileStatus status = kernel().status(loop.descriptor());
            assertThat(status.isBlockDevice()).isTrue();
            assertThat(status.specialDevice().major()).isEqualTo(7);
            assertThat(kernel().loopStatus(loop.descriptor()))
                    .isEqualTo(
                            new LoopStatus(
                                    backing.device(),
                                    backing.inode(),
                                    true,
                                    true,
                                    cut(mountPoint().resolve("image").toString())));
            String knob = "/sys/dev/block/" + status.specialDevice() + "/loop/backing_file";
            assertThat(kernel().readKnob(Path.of(knob)))
                    .isEqualTo(mountPoint().resolve("image") + "\n");
        }
        awaitDetached(path, backing);
        try (LoopDevice loop = kernel().attachLoop(file, false)) {
            path = loop.path();
            kernel().detachLoop(loop.descriptor());
        }
        awaitDetached(path, backing);
    }

    /** The device is free, or has been taken for another file since: its number is the whole machine's. */
    private void awaitDetached(Path device, FileStatus file) throws KernelException {
        try (Descriptor loop = kernel().openRead(device)) {
            await().atMost(PATIENCE)
                    .pollInterval(Duration.ofMillis(5))
                    .until(() -> !isAttached(loop, file));
        }
    }

    private boolean isAttached(Descriptor loop, FileStatus file) throws KernelException {
        try {
            LoopStatus status = kernel().loopStatus(loop);
            return status.backingDevice().equals(file.device())
                    && status.backingInode() == file.inode();
        } catch (KernelException e) {
            if (e.errno().equals(Errno.ENXIO)) {
                return false;
            }
            throw e;
        }
    }

    private static String cut(String name) {
        return name.substring(0, Math.min(63, name.length()));
    }

    @Test
    void whatLiesInAFileRestsOnTheFilesFilesystem() throws KernelException {
        BlockStack stack = BlockStack.under(kernel(), top());
        assertThat(stack.isComplete()).isTrue();
        assertThat(stack.layers()).isNotEmpty();
        DeviceNumber own = Filesystem.of(kernel(), top()).device();
        assertThat(stack.lowerFilesystems()).doesNotContain(own);
    }

    // Sockets

    @Test
    void clientsAndServersMeetAtAPath() throws KernelException {
        Path path = tmpfs().resolve("socket");
        assertErrno(Errno.ENOENT, () -> kernel().connect(path));
        Descriptor listener = kernel().listen(path, 0600);
        assertErrno(Errno.EADDRINUSE, () -> kernel().listen(path, 0600));
        assertErrno(Errno.EAGAIN, () -> kernel().accept(listener));
        Descriptor client = closing(kernel().connect(path));
        assertThat(kernel().poll(List.of(PollInterest.readable(listener)), null))
                .containsExactly(PollInterest.IN);
        Descriptor server = closing(kernel().accept(listener));
        assertThat(kernel().peer(server).pid()).isEqualTo(kernel().processId());
        assertThat(kernel().peer(server).uid()).isEqualTo(kernel().effectiveUser());
        assertThat(kernel().peerGroups(server)).doesNotContain(-1);
        try (Descriptor process = kernel().peerProcess(server)) {
            assertThat(kernel().poll(List.of(PollInterest.readable(process)), Duration.ZERO))
                    .containsExactly(0);
        }
        sendAll(client, "hello");
        assertThat(receiveText(server)).isEqualTo("hello");
        listener.close();
        assertErrno(Errno.ECONNREFUSED, () -> kernel().connect(path));
    }

    @Test
    void aListenerIsTakenOverByItsNumber() throws KernelException {
        Path path = tmpfs().resolve("socket");
        Descriptor listener = kernel().listen(path, 0600);
        Descriptor adopted = closing(kernel().inheritedListener(listener.number()));
        Descriptor client = closing(kernel().connect(path));
        Descriptor server = closing(kernel().accept(adopted));
        sendAll(client, "hello");
        assertThat(receiveText(server)).isEqualTo("hello");
        assertErrno(Errno.EAGAIN, () -> kernel().accept(adopted));
        assertErrno(Errno.EINVAL, () -> kernel().inheritedListener(server.number()));
        Descriptor datagrams = closing(kernel().datagramSocket());
        assertErrno(Errno.EINVAL, () -> kernel().inheritedListener(datagrams.number()));
        int directory = top().number();
        assertErrno(Errno.ENOTSOCK, () -> kernel().inheritedListener(directory));
        assertErrno(Errno.EBADF, () -> kernel().inheritedListener(9999));
    }

    @Test
    void datagramsArriveWholeAtAPath() throws KernelException {
        datagramsArrive(tmpfs().resolve("datagrams").toString(), Errno.ENOENT);
    }

    @Test
    void datagramsArriveWholeAtAnAbstractName() throws KernelException {
        datagramsArrive("@lull-test-" + System.nanoTime(), Errno.ECONNREFUSED);
    }

    private void datagramsArrive(String address, Errno nobody) throws KernelException {
        Descriptor sender = closing(kernel().datagramSocket());
        assertErrno(nobody, () -> sendText(sender, address, "x"));
        Descriptor receiver = kernel().bindDatagram(address);
        assertErrno(Errno.EADDRINUSE, () -> kernel().bindDatagram(address));
        assertThat(sendText(sender, address, "one")).isTrue();
        assertThat(sendText(sender, address, "two")).isTrue();
        assertThat(kernel().poll(List.of(PollInterest.readable(receiver)), null))
                .containsExactly(PollInterest.IN);
        assertThat(receiveText(receiver)).isEqualTo("one");
        assertThat(receiveText(receiver)).isEqualTo("two");
        assertThat(receiveText(receiver)).isEmpty();
        receiver.close();
        assertErrno(Errno.ECONNREFUSED, () -> sendText(sender, address, "x"));
    }

    private boolean sendText(Descriptor socket, String address, String text)
            throws KernelException {
        return kernel().sendDatagram(socket, address, text.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void aFullReceiverTakesNoDatagram() throws KernelException {
        String address = tmpfs().resolve("datagrams").toString();
        Descriptor sender = closing(kernel().datagramSocket());
        Descriptor receiver = closing(kernel().bindDatagram(address));
        int sent = 0;
        while (sendText(sender, address, "x")) {
            sent++;
            assertThat(sent).isLessThan(100_000);
        }
        for (int i = 0; i < sent; i++) {
            assertThat(receiveText(receiver)).isEqualTo("x");
        }
        assertThat(receiveText(receiver)).isEmpty();
        assertThat(sendText(sender, address, "y")).isTrue();
    }

    private void sendAll(Descriptor socket, String text) throws KernelException {
        ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
        assertThat(kernel().send(socket, bytes, List.of())).isEqualTo(text.length());
        assertThat(bytes.hasRemaining()).isFalse();
    }

    private String receiveText(Descriptor socket) throws KernelException {
        ByteBuffer bytes = ByteBuffer.allocate(1000);
        int length = kernel().receive(socket, bytes, new ArrayList<>());
        assertThat(bytes.position()).isEqualTo(Math.max(0, length));
        return new String(bytes.array(), 0, bytes.position(), StandardCharsets.UTF_8);
    }

    @Test
    void aDescriptorPassedIsTheSameOpenFile() throws KernelException {
        List<Descriptor> pair = kernel().socketPair("pair");
        Descriptor left = closing(pair.get(0));
        Descriptor right = closing(pair.get(1));
        Descriptor file = kernel().createNew(mountPoint().resolve("passed"), 0600);
        FileStatus status = kernel().status(file);
        assertThat(kernel().tryLock(file)).isTrue();
        ByteBuffer bytes = ByteBuffer.wrap("ab".getBytes(StandardCharsets.UTF_8));
        assertThat(kernel().send(left, bytes, List.of(file, left))).isEqualTo(2);
        file.close();

        List<Descriptor> received = new ArrayList<>();
        ByteBuffer one = ByteBuffer.allocateDirect(1);
        assertThat(kernel().receive(right, one, received)).isEqualTo(1);
        assertThat(received).hasSize(2);
        Descriptor passed = closing(received.get(0));
        closing(received.get(1));
        assertThat(kernel().status(passed).inode()).isEqualTo(status.inode());
        assertThat(kernel().status(passed).uniqueMountId()).isEqualTo(status.uniqueMountId());
        // They come with the first byte, and once.
        assertThat(receiveText(right)).isEqualTo("b");
        Descriptor other = closing(kernel().openRead(mountPoint().resolve("passed")));
        assertThat(kernel().tryLock(other)).isFalse();
        passed.close();
        assertThat(kernel().tryLock(other)).isTrue();
    }

    /** unix_stream_read_generic() of net/unix/af_unix.c. */
    @Test
    void aReceiveEndsWithTheBytesThatDescriptorsCameWith() throws KernelException {
        List<Descriptor> pair = kernel().socketPair("pair");
        Descriptor left = closing(pair.get(0));
        Descriptor right = closing(pair.get(1));
        sendAll(left, "one");
        ByteBuffer two = ByteBuffer.wrap("two".getBytes(StandardCharsets.UTF_8));
        kernel().send(left, two, List.of(closing(kernel().openDirectory(tmpfs()))));
        sendAll(left, "three");
        List<Descriptor> received = new ArrayList<>();
        ByteBuffer bytes = ByteBuffer.allocate(100);
        assertThat(kernel().receive(right, bytes, received)).isEqualTo(6);
        opened.addAll(received);
        assertThat(received).hasSize(1);
        assertThat(receiveText(right)).isEqualTo("three");
    }

    @Test
    void tellsNothingThereFromTheEnd() throws KernelException {
        List<Descriptor> pair = kernel().socketPair("pair");
        Descriptor left = pair.get(0);
        Descriptor right = closing(pair.get(1));
        ByteBuffer bytes = ByteBuffer.allocate(10);
        assertThat(kernel().receive(right, bytes, new ArrayList<>())).isZero();
        sendAll(left, "x");
        left.close();
        assertThat(kernel().poll(List.of(PollInterest.readable(right)), null))
                .containsExactly(PollInterest.IN | PollInterest.HANG_UP);
        assertThat(receiveText(right)).isEqualTo("x");
        assertThat(kernel().receive(right, bytes, new ArrayList<>())).isEqualTo(-1);
        assertErrno(Errno.EPIPE, () -> sendAll(right, "y"));
    }

    @Test
    void whoLeavesDataUnreadResetsTheConnection() throws KernelException {
        List<Descriptor> pair = kernel().socketPair("pair");
        Descriptor left = pair.get(0);
        Descriptor right = closing(pair.get(1));
        sendAll(right, "never read");
        left.close();
        assertErrno(
                Errno.ECONNRESET,
                () -> kernel().receive(right, ByteBuffer.allocate(10), new ArrayList<>()));
    }

    @Test
    void aFullSocketTakesNothing() throws KernelException {
        List<Descriptor> pair = kernel().socketPair("pair");
        Descriptor left = closing(pair.get(0));
        Descriptor right = closing(pair.get(1));
        ByteBuffer much = ByteBuffer.allocate(4 << 20);
        while (kernel().send(left, much, List.of()) > 0) {
            assertThat(much.hasRemaining()).isTrue();
        }
        int sent = much.position();
        assertThat(kernel().send(left, much, List.of(top()))).isZero();
        assertThat(much.position()).isEqualTo(sent);
        PollInterest writable = new PollInterest(left, PollInterest.OUT);
        assertThat(kernel().poll(List.of(writable), Duration.ZERO)).containsExactly(0);
        int received = 0;
        List<Descriptor> descriptors = new ArrayList<>();
        ByteBuffer bytes = ByteBuffer.allocate(8 << 20);
        for (int length = 1; length > 0; received += length) {
            length = kernel().receive(right, bytes, descriptors);
        }
        assertThat(received).isEqualTo(sent);
        assertThat(descriptors).isEmpty();
        assertThat(kernel().poll(List.of(writable), Duration.ZERO))
                .containsExactly(PollInterest.OUT);
    }

    // Waiting

    @Test
    void anEventIsReadableUntilItIsCleared() throws KernelException {
        Descriptor event = closing(kernel().eventDescriptor());
        List<PollInterest> readable = List.of(PollInterest.readable(event));
        assertThat(kernel().poll(readable, Duration.ZERO)).containsExactly(0);
        kernel().clear(event);
        kernel().signal(event);
        kernel().signal(event);
        assertThat(kernel().poll(readable, null)).containsExactly(PollInterest.IN);
        kernel().clear(event);
        assertThat(kernel().poll(readable, Duration.ZERO)).containsExactly(0);
    }

    @Test
    void aSignalWakesAPollWithoutTimeout() throws KernelException {
        Descriptor event = closing(kernel().eventDescriptor());
        CompletableFuture<int[]> ready = pollOnThread(event, null);
        assertThat(ready).isNotDone();
        kernel().signal(event);
        assertThat(ready)
                .succeedsWithin(PATIENCE)
                .satisfies(bits -> assertThat(bits).containsExactly(PollInterest.IN));
    }

    @Test
    void aPollEndsWithItsTimeoutAndNotBefore() throws KernelException {
        Descriptor event = closing(kernel().eventDescriptor());
        Duration timeout = Duration.ofMillis(30).plusNanos(1);
        long begin = kernel().bootNanos();
        CompletableFuture<int[]> ready = pollOnThread(event, timeout);
        pass(timeout);
        assertThat(ready)
                .succeedsWithin(PATIENCE)
                .satisfies(bits -> assertThat(bits).containsExactly(0));
        assertThat(kernel().bootNanos() - begin).isGreaterThanOrEqualTo(timeout.toNanos());
    }

    @Test
    void aTimeoutInThePastIsNoTimeToWait() throws KernelException {
        assertThat(kernel().poll(List.of(), Duration.ofSeconds(-5))).isEmpty();
        assertThat(kernel().poll(List.of(), Duration.ZERO)).isEmpty();
    }

    private CompletableFuture<int[]> pollOnThread(Descriptor event, @Nullable Duration timeout) {
        CompletableFuture<int[]> ready = new CompletableFuture<>();
        Thread.ofPlatform()
                .daemon()
                .start(() -> {
                    try {
                        ready.complete(
                                kernel().poll(List.of(PollInterest.readable(event)), timeout));
                    } catch (KernelException | RuntimeException e) {
                        ready.completeExceptionally(e);
                    }
                });
        return ready;
    }

    // Trapped ioctls

    /** A thread whose freezes are trapped, and that makes one. */
    private final class Trapped {
        final Descriptor top = top();
        final Descriptor listener;
        final TrappedIoctl ioctl;
        private final CompletableFuture<Optional<Errno>> end = new CompletableFuture<>();

        Trapped() throws Exception {
            CompletableFuture<Descriptor> made = new CompletableFuture<>();
            Thread.ofPlatform()
                    .start(() -> {
                        try {
                            made.complete(kernel().trapFreezes());
                            kernel().freeze(top);
                            end.complete(Optional.empty());
                        } catch (KernelException e) {
                            made.completeExceptionally(e);
                            end.complete(Optional.of(e.errno()));
                        }
                    });
            listener = closing(made.get());
            assertThat(kernel().poll(List.of(PollInterest.readable(listener)), null))
                    .containsExactly(PollInterest.IN);
            ioctl = kernel().nextTrapped(listener).orElseThrow();
        }

        Optional<Errno> end() throws Exception {
            return end.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        }
    }

    @Test
    void aTrappedFreezeIsWhatItsAnswerSays() throws Exception {
        Trapped trapped = new Trapped();
        assertThat(trapped.ioctl.request()).isEqualTo(TrappedIoctl.Request.FREEZE);
        assertThat(trapped.ioctl.descriptor()).isEqualTo(trapped.top.number());
        assertThat(kernel().threads(kernel().processId())).contains(trapped.ioctl.thread());
        assertThat(kernel().isPending(trapped.listener, trapped.ioctl)).isTrue();
        assertThat(kernel().isAdministrator(trapped.ioctl.thread())).isTrue();
        assertThat(kernel().answer(trapped.listener, trapped.ioctl, Optional.of(Errno.EXDEV)))
                .isTrue();
        assertThat(trapped.end()).contains(Errno.EXDEV);
        assertThat(kernel().isPending(trapped.listener, trapped.ioctl)).isFalse();
        assertThat(kernel().answer(trapped.listener, trapped.ioctl, Optional.empty())).isFalse();
        assertErrno(Errno.EINVAL, () -> kernel().thaw(trapped.top));
    }

    @Test
    void aTrappedFreezeThatSucceedsNeedNotHaveFrozen() throws Exception {
        Trapped trapped = new Trapped();
        kernel().answer(trapped.listener, trapped.ioctl, Optional.empty());
        assertThat(trapped.end()).isEmpty();
        assertErrno(Errno.EINVAL, () -> kernel().thaw(trapped.top));
    }

    @Test
    void aTrappedFreezeThatIsLetThroughFreezes() throws Exception {
        Trapped trapped = new Trapped();
        assertThat(kernel().letThrough(trapped.listener, trapped.ioctl)).isTrue();
        assertThat(trapped.end()).isEmpty();
        kernel().thaw(trapped.top);
    }

    @Test
    void aTrappedCallFailsOnceNobodyListens() throws Exception {
        Trapped trapped = new Trapped();
        trapped.listener.close();
        assertThat(trapped.end()).contains(Errno.ENOSYS);
    }

    @Test
    void takesTheVeryFileOfACaller() throws Exception {
        Trapped trapped = new Trapped();
        int thread = trapped.ioctl.thread();
        Descriptor taken = closing(kernel().takeDescriptor(thread, trapped.ioctl.descriptor()));
        assertThat(kernel().status(taken)).isEqualTo(kernel().status(trapped.top));
        kernel().freeze(taken);
        kernel().thaw(taken);
        assertErrno(Errno.EBADF, () -> kernel().takeDescriptor(thread, 99_999));
        assertErrno(Errno.EFAULT, () -> kernel().readMemory(thread, 0, 4));
        kernel().answer(trapped.listener, trapped.ioctl, Optional.empty());
        trapped.end();
        assertErrno(Errno.ESRCH, () -> kernel().takeDescriptor(1 << 22, 0));
    }

    // Processes

    @Test
    void timeRunsForward() {
        long before = kernel().bootNanos();
        assertThat(before).isPositive();
        assertThat(kernel().bootNanos()).isGreaterThanOrEqualTo(before);
    }

    @Test
    void knowsItself() throws KernelException {
        int pid = kernel().processId();
        assertThat(kernel().bootId()).hasSize(36).isEqualTo(kernel().bootId());
        assertThat(kernel().thread(pid, kernel().threadId()))
                .map(ThreadStatus::state)
                .contains('R');
        assertThat(kernel().threads(pid)).contains(kernel().threadId());
        assertThat(kernel().thread(pid, pid)).map(ThreadStatus::dead).contains(false);
    }

    @Test
    void isAnotherUserForAWhile() throws IOException {
        int before = kernel().effectiveUser();
        int other = before == 0 ? 65534 : before;
        assertThat(kernel().asUser(other, () -> kernel().effectiveUser())).isEqualTo(other);
        assertThat(kernel().effectiveUser()).isEqualTo(before);
        IOException failure = new IOException("of the action");
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() ->
                        kernel().asUser(
                                        other,
                                        () -> {
                                            throw failure;
                                        }))
                .isSameAs(failure);
        assertThat(kernel().effectiveUser()).isEqualTo(before);
    }

    @Test
    void aProcessThatIsNotThereIsToldFromOneThatIs() throws KernelException {
        int nobody = 1 << 22;
        assertThat(kernel().thread(nobody, nobody)).isEqualTo(Optional.empty());
        assertThat(kernel().threads(nobody)).isEmpty();
        assertErrno(Errno.ESRCH, () -> kernel().kill(nobody, 0));
        assertErrno(Errno.ESRCH, () -> kernel().openProcess(nobody));
        assertErrno(Errno.ECHILD, () -> kernel().reap(nobody));
        assertErrno(Errno.ENOENT, () -> kernel().mountsOf(nobody));
        kernel().kill(kernel().processId(), 0);
    }

    @Test
    void aChildIsStoppedKilledAndReaped() throws KernelException {
        Descriptor event = closing(kernel().eventDescriptor());
        int pid =
                kernel().spawn(
                                Path.of("/bin/sleep"),
                                List.of("sleep", "1000"),
                                Map.of("A", "b"),
                                List.of(event, event, event));
        Descriptor process = closing(kernel().openProcess(pid));
        List<PollInterest> end = List.of(PollInterest.readable(process));
        assertThat(kernel().reap(pid)).isEmpty();
        kernel().kill(pid, 19);
        awaitState(pid, 'T');
        kernel().kill(pid, 18);
        awaitState(pid, 'S');
        assertThat(kernel().poll(end, Duration.ZERO)).containsExactly(0);
        kernel().signalProcess(process, SIGKILL);
        assertThat(kernel().poll(end, null)).containsExactly(PollInterest.IN);
        assertThat(kernel().thread(pid, pid)).map(ThreadStatus::dead).contains(true);
        assertThat(kernel().endOf(process, pid)).contains(new ProcessEnd(0, SIGKILL));
        assertThat(kernel().reap(pid)).hasValue(128 + SIGKILL);
        assertThat(kernel().thread(pid, pid)).isEmpty();
        assertErrno(Errno.ESRCH, () -> kernel().signalProcess(process, SIGKILL));
        assertErrno(Errno.ECHILD, () -> kernel().reap(pid));
    }

    @Test
    void aProcessThatCannotBecomeAnotherGoesOn() throws KernelException {
        assertErrno(
                Errno.ENOENT,
                () -> kernel().become(Path.of("/nowhere/program"), List.of("x"), Map.of(), 9999));
        Descriptor top = top();
        assertThat(kernel().status(top).isDirectory()).isTrue();
    }

    private void awaitState(int pid, char state) {
        await().atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(2))
                .until(() ->
                        kernel().thread(pid, pid)
                                .map(thread -> thread.state() == state)
                                .orElse(false));
    }

    @Test
    void aChildsDescriptorsKeepTheirFilesOpen() throws KernelException {
        List<Descriptor> pair = kernel().socketPair("pair");
        Descriptor ours = closing(pair.get(0));
        Descriptor childs = pair.get(1);
        int pid =
                kernel().spawn(
                                Path.of("/bin/sleep"),
                                List.of("sleep", "1000"),
                                Map.of(),
                                List.of(childs, childs, childs));
        childs.close();
        List<PollInterest> end = List.of(PollInterest.readable(ours));
        assertThat(kernel().poll(end, Duration.ZERO)).containsExactly(0);
        kernel().kill(pid, SIGKILL);
        assertThat(kernel().poll(end, null)[0] & PollInterest.HANG_UP).isNotZero();
        await().atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(2))
                .until(() -> kernel().reap(pid).isPresent());
    }

    @Test
    void knobsAreReadAndListed() throws KernelException {
        assertThat(kernel().readKnob(Path.of("/sys/kernel/rcu_expedited"))).matches("[01]\n");
        assertThat(kernel().listKnobs(Path.of("/sys/kernel"))).contains("rcu_expedited");
        Path missing = Path.of("/sys/kernel/no_such_knob");
        assertErrno(Errno.ENOENT, () -> kernel().readKnob(missing));
        assertErrno(Errno.ENOENT, () -> kernel().listKnobs(missing));
    }
}
