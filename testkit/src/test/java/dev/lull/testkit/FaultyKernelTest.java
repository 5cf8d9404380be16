package dev.lull.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

class FaultyKernelTest {
    private static final Duration PATIENCE = Duration.ofSeconds(15);

    private final FakeClock clock = new FakeClock();
    private final FakeKernel fake = FakeKernel.boot(clock);
    private final FakeFilesystem a = fake.filesystem("ext4", Path.of("/a"));
    private final FakeFilesystem b = fake.filesystem("ext4", Path.of("/b"));

    private static void assertErrno(Errno errno, ThrowingCallable call) {
        assertThatExceptionOfType(KernelException.class)
                .isThrownBy(call)
                .satisfies(e -> assertThat(e.errno()).isEqualTo(errno));
    }

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

    @Test
    void failsTheCallThatWasPlannedAndNoOther() throws Exception {
        try (FaultyKernel kernel = new FaultyKernel(fake);
                Descriptor top = kernel.openDirectory(Path.of("/a"));
                Descriptor other = kernel.openDirectory(Path.of("/b"))) {
            kernel.at("freeze").on("/a").call(2).fail(Errno.EIO);
            kernel.freeze(other);
            kernel.freeze(top);
            kernel.thaw(top);
            assertThatExceptionOfType(KernelException.class)
                    .isThrownBy(() -> kernel.freeze(top))
                    .withMessage("freeze /a: EIO (input/output error)");
            assertThat(a.isFrozen()).isFalse();
            kernel.freeze(top);
            assertThat(a.freezes()).isEqualTo(2);
        }
    }

    @Test
    void aFaultAfterwardsFailsACallThatHasDoneItsWork() throws Exception {
        try (FaultyKernel kernel = new FaultyKernel(fake);
                Descriptor top = kernel.openDirectory(Path.of("/a"))) {
            kernel.at("freeze").afterwards().fail(Errno.EIO);
            assertErrno(Errno.EIO, () -> kernel.freeze(top));
            assertThat(a.isFrozen()).isTrue();
        }
    }

    @Test
    void aCallHangsUntilItIsReleased() throws Exception {
        try (FaultyKernel kernel = new FaultyKernel(fake);
                Descriptor top = kernel.openDirectory(Path.of("/a"))) {
            FaultyKernel.Hang hang = kernel.at("freeze").hang();
            CompletableFuture<Void> frozen = onThread(() -> kernel.freeze(top));
            hang.awaitHit();
            assertThat(frozen).isNotDone();
            assertThat(a.isFrozen()).isFalse();
            hang.release();
            assertThat(frozen).succeedsWithin(PATIENCE);
            assertThat(a.isFrozen()).isTrue();
        }
    }

    @Test
    void closingReleasesWhatHangs() throws Exception {
        CompletableFuture<Void> frozen;
        try (FaultyKernel kernel = new FaultyKernel(fake)) {
            Descriptor top = kernel.openDirectory(Path.of("/a"));
            FaultyKernel.Hang hang = kernel.at("freeze").hang();
            frozen = onThread(() -> kernel.freeze(top));
            hang.awaitHit();
        }
        assertThat(frozen).succeedsWithin(PATIENCE);
    }

    @Test
    void aLateCallWaitsForTheClock() throws Exception {
        try (FaultyKernel kernel = new FaultyKernel(fake);
                Descriptor top = kernel.openDirectory(Path.of("/b"))) {
            kernel.at("freeze").delay(Duration.ofSeconds(3), clock);
            CompletableFuture<Void> frozen = onThread(() -> kernel.freeze(top));
            clock.awaitSleepers(1);
            clock.advance(Duration.ofMillis(2999));
            assertThat(clock.sleepers()).isEqualTo(1);
            assertThat(b.isFrozen()).isFalse();
            clock.advanceToNextDeadline();
            assertThat(frozen).succeedsWithin(PATIENCE);
            assertThat(b.isFrozen()).isTrue();
        }
    }

    @Test
    void halfAMessageIsSentAndThenTheFaultComes() throws Exception {
        try (FaultyKernel kernel = new FaultyKernel(fake)) {
            List<Descriptor> ends = kernel.socketPair("pair");
            kernel.at("send").halfway().fail(Errno.EIO);
            ByteBuffer message = ByteBuffer.wrap(new byte[] {1, 2, 3, 4, 5});
            assertErrno(Errno.EIO, () -> kernel.send(ends.getFirst(), message, List.of()));
            assertThat(message.remaining()).isEqualTo(2);
            ByteBuffer received = ByteBuffer.allocate(9);
            assertThat(kernel.receive(ends.getLast(), received, new ArrayList<>())).isEqualTo(3);
            assertThat(kernel.hits()).isEqualTo(1);
        }
    }

    @Test
    void onceDisarmedItFailsNothing() throws Exception {
        FaultyKernel kernel = new FaultyKernel(fake);
        kernel.at("freeze").fail(Errno.EIO);
        kernel.disarm();
        freezeOnce(kernel);
        assertThat(a.freezes()).isEqualTo(1);
        assertThat(kernel.hits()).isZero();
    }

    @Test
    void aFaultThatIsNeverHitFailsTheTest() throws Exception {
        FaultyKernel kernel = new FaultyKernel(fake);
        kernel.at("thaw").on("/a").call(2).fail(Errno.EIO);
        kernel.at("openDirectory").fail(Errno.EMFILE);
        assertErrno(Errno.EMFILE, () -> kernel.openDirectory(Path.of("/a")));
        assertThatExceptionOfType(AssertionError.class)
                .isThrownBy(kernel::close)
                .withMessage("planned and never hit: [thaw on /a, call 2]");
    }

    @Test
    void tellsTheCallsInTheirOrder() throws Exception {
        try (FaultyKernel kernel = new FaultyKernel(fake)) {
            try (Descriptor top = kernel.openDirectory(Path.of("/a"))) {
                kernel.freeze(top);
                kernel.thaw(top);
            }
            kernel.eventDescriptor().close();
            assertThat(kernel.calls())
                    .containsExactly("openDirectory /a", "freeze /a", "thaw /a", "eventDescriptor");
        }
    }

    @Test
    void eachCallCanFail() throws Exception {
        ThrowingCallable noFault =
                () -> {
                    try (FaultyKernel kernel = new FaultyKernel(fake)) {
                        freezeOnce(kernel);
                    }
                };
        assertThatCode(noFault).doesNotThrowAnyException();
        FaultyKernel counting = new FaultyKernel(fake);
        freezeOnce(counting);
        for (String call : counting.calls()) {
            try (FaultyKernel kernel = new FaultyKernel(fake)) {
                kernel.at(call.substring(0, call.indexOf(' '))).fail(Errno.EIO);
                assertErrno(Errno.EIO, () -> freezeOnce(kernel));
            }
            if (a.isFrozen()) {
                a.thawByOthers();
            }
        }
        assertThat(fake.openDescriptors()).isZero();
    }

    private static void freezeOnce(Kernel kernel) throws KernelException {
        try (Descriptor top = kernel.openDirectory(Path.of("/a"))) {
            kernel.freeze(top);
            kernel.thaw(top);
        }
    }
}
