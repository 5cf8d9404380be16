package dev.lull.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.awaitility.Awaitility.await;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.KernelException;
import dev.lull.linux.PollInterest;
import dev.lull.linux.ThreadStatus;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

/** What tests can do with the fake beyond what both kernels do. */
class FakeKernelTest {
    private static final Duration PATIENCE = Duration.ofSeconds(15);
    private static final Path PROGRAM = Path.of("/usr/bin/canary");

    private final FakeClock clock = new FakeClock();
    private final FakeKernel kernel = FakeKernel.boot(clock);
    private final FakeFilesystem data = kernel.filesystem("ext4", Path.of("/data"));

    private static CompletableFuture<Void> onThread(ThrowingCallable call) {
        CompletableFuture<Void> done = new CompletableFuture<>();
        Thread.ofPlatform()
                .daemon()
                .start(() -> {
                    try {
                        call.call();
                        done.complete(null);
                    } catch (Throwable e) {
                        done.completeExceptionally(e);
                    }
                });
        return done;
    }

    private static void awaitTrue(String what, Callable<Boolean> condition) {
        await(what).atMost(PATIENCE).pollInterval(Duration.ofMillis(1)).until(condition);
    }

    @Test
    void aFreezeThatTakesLongCanNeitherBeThawedNorDoneTwice() throws Exception {
        Descriptor top = kernel.openDirectory(Path.of("/data"));
        data.freezeTakes(Duration.ofSeconds(5));
        CompletableFuture<Void> frozen = onThread(() -> kernel.freeze(top));
        clock.awaitSleepers(1);
        assertThatExceptionOfType(KernelException.class)
                .isThrownBy(() -> kernel.thaw(top))
                .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.EINVAL));
        assertThatExceptionOfType(KernelException.class)
                .isThrownBy(() -> kernel.freeze(top))
                .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.EBUSY));
        clock.advance(Duration.ofSeconds(5));
        assertThat(frozen).succeedsWithin(PATIENCE);
        assertThat(data.isFrozen()).isTrue();
    }

    @Test
    void freezingTheLowerOneFirstHoldsUpTheUpperOne() throws Exception {
        FakeFilesystem upper = kernel.filesystemOn(data, "xfs", Path.of("/upper"));
        Descriptor lowerTop = kernel.openDirectory(Path.of("/data"));
        Descriptor upperTop = kernel.openDirectory(Path.of("/upper"));
        kernel.freeze(lowerTop);
        CompletableFuture<Void> frozen = onThread(() -> kernel.freeze(upperTop));
        awaitTrue("blocked", () -> kernel.process().blockedThreads() == 1);
        assertThat(upper.isFrozen()).isFalse();
        kernel.thaw(lowerTop);
        assertThat(frozen).succeedsWithin(PATIENCE);

        kernel.freeze(lowerTop);
        CompletableFuture<Void> thawed = onThread(() -> kernel.thaw(upperTop));
        awaitTrue("blocked", () -> kernel.process().blockedThreads() == 1);
        kernel.thaw(lowerTop);
        assertThat(thawed).succeedsWithin(PATIENCE);
        assertThat(upper.isFrozen()).isFalse();
    }

    @Test
    void aFilesystemUnmountedWhileFrozenIsFrozenWhenItComesBack() throws Exception {
        Descriptor top = kernel.openDirectory(Path.of("/data"));
        kernel.freeze(top);
        kernel.unmount(Path.of("/data"), true);
        kernel.directory(Path.of("/again"));
        kernel.mount(data.source(), Path.of("/again"), "ext4", 0, "");
        try (Descriptor again = kernel.openDirectory(Path.of("/again"))) {
            kernel.thaw(again);
        }
        assertThat(data.isFrozen()).isFalse();
    }

    @Test
    void onlyRootFreezes() throws Exception {
        Descriptor top = kernel.openDirectory(Path.of("/data"));
        kernel.user(1000);
        assertThatExceptionOfType(KernelException.class)
                .isThrownBy(() -> kernel.freeze(top))
                .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.EPERM));
    }

    /** A child that blocks on the filesystem that it was given as its descriptor 1. */
    private FakeProcess spawnBlocked(List<Descriptor> descriptors) throws KernelException {
        kernel.onSpawn(child -> {
            try {
                child.kernel().passWriteLock(child.kernel().inherited(1));
            } catch (KernelException e) {
                throw new AssertionError(e);
            }
        });
        kernel.spawn(PROGRAM, List.of("canary"), Map.of(), descriptors);
        FakeProcess child = kernel.spawned().getLast();
        awaitTrue("blocked", () -> child.blockedThreads() == 1);
        return child;
    }

    @Test
    void aChildRunsItsProgramAndEnds() throws Exception {
        Descriptor top = kernel.openDirectory(Path.of("/data"));
        Descriptor event = kernel.eventDescriptor();
        kernel.freeze(top);
        FakeProcess child = spawnBlocked(List.of(event, top));
        assertThat(child.program()).isEqualTo(PROGRAM);
        assertThat(child.hasEnded()).isFalse();
        kernel.thaw(top);
        awaitTrue("ended", child::hasEnded);
        assertThat(kernel.reap(child.pid())).hasValue(0);
    }

    @Test
    void aProcessKilledInStateDKeepsItsDescriptorsUntilItWakes() throws Exception {
        Descriptor top = kernel.openDirectory(Path.of("/data"));
        List<Descriptor> pair = kernel.socketPair("pair");
        kernel.freeze(top);
        FakeProcess child = spawnBlocked(List.of(pair.get(1), top));
        pair.get(1).close();
        Descriptor process = kernel.openProcess(child.pid());

        child.kill();
        assertThat(kernel.reap(child.pid())).isEmpty();
        assertThat(kernel.thread(child.pid(), child.pid()))
                .map(ThreadStatus::killPending)
                .contains(true);
        List<PollInterest> ends =
                List.of(PollInterest.readable(pair.get(0)), PollInterest.readable(process));
        assertThat(kernel.poll(ends, Duration.ZERO)).containsExactly(0, 0);

        data.thawByOthers();
        awaitTrue("ended", child::hasEnded);
        assertThat(kernel.poll(ends, Duration.ZERO))
                .containsExactly(PollInterest.IN | PollInterest.HANG_UP, PollInterest.IN);
        assertThat(kernel.reap(child.pid())).hasValue(137);
    }

    @Test
    void aKilledLeaderOfABlockedThreadIsAZombie() throws Exception {
        Descriptor top = kernel.openDirectory(Path.of("/data"));
        kernel.freeze(top);
        AtomicReference<CompletableFuture<Void>> passed = new AtomicReference<>();
        kernel.onSpawn(child -> {
            FakeKernel own = child.kernel();
            own.threadId();
            passed.set(onThread(() -> own.passWriteLock(own.inherited(0))));
            try {
                own.poll(List.of(), null);
            } catch (KernelException e) {
                throw new AssertionError(e);
            }
        });
        int pid = kernel.spawn(PROGRAM, List.of("x"), Map.of(), List.of(top));
        FakeProcess child = kernel.spawned().getLast();
        awaitTrue("blocked", () -> child.blockedThreads() == 1);
        assertThat(kernel.threads(pid)).hasSize(2);
        child.kill();
        assertThat(kernel.thread(pid, pid)).map(ThreadStatus::state).contains('Z');
        int blocked = kernel.threads(pid).getLast();
        assertThat(kernel.thread(pid, blocked)).map(ThreadStatus::state).contains('D');
        assertThat(kernel.thread(pid, blocked)).map(ThreadStatus::killPending).contains(true);
        kernel.thaw(top);
        awaitTrue("ended", child::hasEnded);
        assertThat(child.failure()).isEmpty();
        // It woke, and ran no further.
        assertThat(passed.get())
                .failsWithin(PATIENCE)
                .withThrowableThat()
                .withCauseInstanceOf(ProcessKilled.class);
    }

    @Test
    void aStoppedProcessGoesNoFurtherAndClosesNothing() throws Exception {
        List<Descriptor> pair = kernel.socketPair("pair");
        CompletableFuture<Void> passed = new CompletableFuture<>();
        kernel.onSpawn(child -> {
            try {
                child.kernel()
                        .poll(List.of(PollInterest.readable(child.kernel().inherited(0))), null);
                passed.complete(null);
            } catch (KernelException e) {
                passed.completeExceptionally(e);
            }
        });
        kernel.spawn(PROGRAM, List.of("x"), Map.of(), List.of(pair.get(1)));
        FakeProcess child = kernel.spawned().getLast();
        child.stop();
        kernel.send(pair.get(0), ByteBuffer.wrap(new byte[1]), List.of());
        assertThat(kernel.thread(child.pid(), child.pid()))
                .map(ThreadStatus::stopped)
                .contains(true);
        assertThat(passed).isNotDone();
        child.resume();
        assertThat(passed).succeedsWithin(PATIENCE);
    }

    @Test
    void aKilledProcessRunsNoFurther() throws Exception {
        kernel.onSpawn(child -> {
            try {
                child.kernel().poll(List.of(), null);
            } catch (KernelException e) {
                throw new AssertionError(e);
            }
        });
        kernel.spawn(PROGRAM, List.of("x"), Map.of(), List.of());
        FakeProcess child = kernel.spawned().getLast();
        child.kill();
        awaitTrue("ended", child::hasEnded);
        assertThatExceptionOfType(ProcessKilled.class).isThrownBy(() -> child.kernel().bootNanos());
        assertThat(child.status()).hasValue(137);
        assertThat(child.failure()).isEmpty();
    }

    @Test
    void whatAChildThrowsIsKept() throws Exception {
        kernel.onSpawn(child -> {
            throw new IllegalStateException("broken");
        });
        kernel.spawn(PROGRAM, List.of("x"), Map.of(), List.of());
        FakeProcess child = kernel.spawned().getLast();
        awaitTrue("ended", child::hasEnded);
        assertThat(child.status()).hasValue(1);
        assertThat(child.failure()).containsInstanceOf(IllegalStateException.class);
    }

    @Test
    void knobsAreWritten() throws Exception {
        Path knob = Path.of("/sys/kernel/rcu_expedited");
        kernel.writeKnob(knob, "1");
        assertThat(kernel.readKnob(knob)).isEqualTo("1\n");
        assertThatExceptionOfType(KernelException.class)
                .isThrownBy(() -> kernel.writeKnob(Path.of("/sys/none"), "1"))
                .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.ENOENT));
    }

    @Test
    void syncsTakeTheTimeThatTheyAreTold() throws Exception {
        data.syncTakes(Duration.ofSeconds(4), Duration.ofMillis(5));
        try (Descriptor top = kernel.openDirectory(Path.of("/data"))) {
            long begin = kernel.bootNanos();
            kernel.syncFilesystem(top);
            assertThat(kernel.bootNanos() - begin).isEqualTo(4_000_000_000L);
            kernel.syncFilesystem(top);
            kernel.syncFilesystem(top);
            assertThat(kernel.bootNanos() - begin).isEqualTo(4_005_000_000L);
            assertThat(data.syncs()).isEqualTo(3);
        }
    }

    @Test
    void aProcessBecomesAnotherProgramWithItsPidAndItsFirstDescriptors() throws Exception {
        AtomicReference<List<String>> became = new AtomicReference<>();
        CompletableFuture<Integer> open = new CompletableFuture<>();
        kernel.onSpawn(process -> {
            if (process.arguments().contains("second")) {
                open.complete(process.kernel().openDescriptors());
                return;
            }
            try {
                process.kernel().become(PROGRAM, List.of("second"), Map.of("A", "b"), 1);
            } catch (KernelException e) {
                throw new IllegalStateException(e);
            }
            became.set(List.of("went on"));
        });
        Descriptor event = kernel.eventDescriptor();
        int pid = kernel.spawn(PROGRAM, List.of("first"), Map.of(), List.of(event, event));
        awaitTrue("it has ended", () -> kernel.thread(pid, pid).orElseThrow().dead());
        assertThat(open.get()).isEqualTo(1);
        assertThat(became.get()).isNull();
        assertThat(kernel.spawned().getFirst().environment()).containsEntry("A", "b");
        assertThat(kernel.spawned().getFirst().status()).hasValue(0);
    }
}
