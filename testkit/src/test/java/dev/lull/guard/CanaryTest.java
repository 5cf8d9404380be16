package dev.lull.guard;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.linux.Kernel;
import dev.lull.testkit.FakeFilesystem;
import dev.lull.testkit.FakeKernel;
import dev.lull.testkit.FaultyKernel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What only the canary can do wrong; all else of it is in {@link GuardTest}. */
class CanaryTest {
    private static final Set<Thread.State> AT_REST =
            EnumSet.of(Thread.State.BLOCKED, Thread.State.TERMINATED);

    private @TempDir Path directory;

    /** Otherwise what is rung is a closed bell, or whatever has got its number since. */
    @Test
    @Timeout(60)
    void aThreadClosesItsBellOnlyWhenItHasBeenRung() throws IOException {
        try (GuardHost host = new GuardHost(directory, CanaryTest::lateWithTheBell)) {
            FakeFilesystem srv = host.filesystem("ext4", "/srv");
            try (GuardHost.Client client = host.new Client()) {
                int canary = host.status().canary().orElseThrow();
                assertThat(client.release(client.freeze(true, srv)).state()).isEqualTo("released");
                assertThat(host.process(canary).failure()).isEmpty();
                assertThat(host.status().canary()).contains(canary);
            }
        }
    }

    /** Whoever tells a thread of the canary's to end goes on when that has gone as far as it can. */
    private static Kernel lateWithTheBell(GuardHost.Role role, FakeKernel own) {
        FaultyKernel kernel = new FaultyKernel(own);
        if (role == GuardHost.Role.CANARY) {
            kernel.at("signal")
                    .perform(() -> {
                        while (!Thread.getAllStackTraces().keySet().stream()
                                .filter(thread -> thread.getName().startsWith("canary-"))
                                .allMatch(thread -> AT_REST.contains(thread.getState()))) {
                            LockSupport.parkNanos(100_000);
                        }
                    });
        }
        return kernel;
    }
}
