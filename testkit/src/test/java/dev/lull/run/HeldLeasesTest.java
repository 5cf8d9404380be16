package dev.lull.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.linux.Descriptor;
import dev.lull.linux.KernelException;
import dev.lull.testkit.FakeClock;
import dev.lull.testkit.FakeKernel;
import dev.lull.testkit.FakeProcess;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Whose leases are whose, and what becomes of the leases of processes that end. */
class HeldLeasesTest {
    private final FakeKernel kernel = FakeKernel.boot(new FakeClock());
    private final HeldLeases held =
            new HeldLeases(
                    kernel, Path.of("/run/none"), new SystemLog(kernel, Path.of("/run/none")));

    @Test
    void theLeasesOfWhoeverIsKilledAreOrphansOnce() throws KernelException {
        FakeProcess one = hold("one");
        FakeProcess two = hold("two");
        hold("three", two);
        assertThat(held.orphans()).isEmpty();
        assertThat(held.interests()).hasSize(3);

        two.kill();
        assertThat(held.orphans()).containsExactly("two", "three");
        assertThat(held.orphans()).isEmpty();
        assertThat(held.interests()).hasSize(1);
        one.kill();
        assertThat(held.orphans()).containsExactly("one");
    }

    @Test
    void theLeasesOfWhoeverEndsLiveOn() throws KernelException {
        FakeProcess one = hold("one");
        one.exit(3);
        assertThat(held.orphans()).isEmpty();
        assertThat(held.interests()).isEmpty();
        assertThat(held.isEmpty()).isFalse();
    }

    /** Without a guard there is no lease. */
    @Test
    void whatHasEndedIsForgottenAndNotWatched() throws KernelException {
        int before = kernel.openDescriptors();
        FakeProcess one = hold("one");
        held.forgetEnded();
        assertThat(held.isEmpty()).isTrue();
        assertThat(held.interests()).isEmpty();
        one.kill();
        assertThat(held.orphans()).isEmpty();
        assertThat(kernel.openDescriptors()).isEqualTo(before);
    }

    private FakeProcess hold(String lease) throws KernelException {
        int pid = kernel.spawn(Path.of("/bin/agent"), List.of("agent"), Map.of(), List.of());
        FakeProcess process =
                kernel.spawned().stream().filter(p -> p.pid() == pid).findFirst().orElseThrow();
        hold(lease, process);
        return process;
    }

    private void hold(String lease, FakeProcess process) throws KernelException {
        Descriptor pidfd = kernel.openProcess(process.pid());
        held.add(lease, process.pid(), pidfd);
    }
}
