package dev.lull.run;

import static dev.lull.run.WatchedProcess.Fate.ALIVE;
import static dev.lull.run.WatchedProcess.Fate.ENDED;
import static dev.lull.run.WatchedProcess.Fate.KILLED;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.KernelException;
import dev.lull.testkit.FakeClock;
import dev.lull.testkit.FakeFilesystem;
import dev.lull.testkit.FakeKernel;
import dev.lull.testkit.FakeProcess;
import dev.lull.testkit.FaultyKernel;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class WatchedProcessTest {
    private final FakeKernel kernel = FakeKernel.boot(new FakeClock());
    private final FakeFilesystem data = kernel.filesystem("ext4", Path.of("/data"));

    @Test
    void endsWell() throws KernelException {
        FakeProcess process = start();
        WatchedProcess watched = watch(process);
        assertThat(watched.look()).isEqualTo(ALIVE);
        assertThat(watched.look()).isEqualTo(ALIVE);
        process.exit(1);
        assertThat(watched.look()).isEqualTo(ENDED);
        assertThat(watched.isWatched()).isFalse();
    }

    @Test
    void isKilled() throws KernelException {
        FakeProcess process = start();
        WatchedProcess watched = watch(process);
        process.kill();
        assertThat(watched.look()).isEqualTo(KILLED);
        assertThat(watched.isWatched()).isFalse();
    }

    /** Out of descriptors, say. It is not polled meanwhile, for its end would be told again and again. */
    @Test
    void isLookedAtAgainWhenOneLookFails() throws KernelException {
        FakeProcess process = start();
        Descriptor pidfd = kernel.openProcess(process.pid());
        Descriptor log = kernel.bindDatagram("/dev/log");
        try (FaultyKernel faulty = new FaultyKernel(kernel)) {
            WatchedProcess watched =
                    new WatchedProcess(
                            faulty,
                            process.pid(),
                            pidfd,
                            new SystemLog(kernel, Path.of("/run/none")));
            faulty.at("endOf").fail(Errno.EMFILE);
            faulty.at("endOf").call(2).fail(Errno.ENFILE);
            process.kill();
            assertThat(watched.look()).isEqualTo(ALIVE);
            assertThat(watched.interest()).isEmpty();
            assertThat(watched.look()).isEqualTo(ALIVE);
            assertThat(received(log)).isPositive();
            assertThat(received(log)).as("said once").isZero();
            assertThat(watched.look()).isEqualTo(KILLED);
        }
    }

    /** It sleeps on what is frozen, so that its end would come with the thaw alone. */
    @Test
    void isKilledAndHangs() throws KernelException {
        kernel.onSpawn(process -> {
            try {
                FakeKernel own = process.kernel();
                own.passWriteLock(own.openDirectory(Path.of("/data")));
            } catch (KernelException e) {
                throw new IllegalStateException(e);
            }
        });
        Descriptor top = kernel.openDirectory(Path.of("/data"));
        kernel.freeze(top);
        FakeProcess process = start();
        WatchedProcess watched = watch(process);
        await().until(() -> process.blockedThreads() == 1);
        assertThat(watched.look()).isEqualTo(ALIVE);
        process.kill();
        assertThat(process.hasEnded()).isFalse();
        assertThat(watched.look()).as("once is not enough").isEqualTo(ALIVE);
        assertThat(watched.look()).isEqualTo(KILLED);
        kernel.thaw(top);
        await().until(process::hasEnded);
        assertThat(data.isFrozen()).isFalse();
    }

    private int received(Descriptor log) throws KernelException {
        return kernel.receive(log, ByteBuffer.allocate(1024), new ArrayList<>());
    }

    private FakeProcess start() throws KernelException {
        int pid = kernel.spawn(Path.of("/bin/agent"), List.of("agent"), Map.of(), List.of());
        return kernel.spawned().stream().filter(p -> p.pid() == pid).findFirst().orElseThrow();
    }

    private WatchedProcess watch(FakeProcess process) throws KernelException {
        return new WatchedProcess(
                kernel,
                process.pid(),
                kernel.openProcess(process.pid()),
                new SystemLog(kernel, Path.of("/run/none")));
    }
}
