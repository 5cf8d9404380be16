package dev.lull.guard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.KernelException;
import dev.lull.testkit.FakeClock;
import dev.lull.testkit.FakeKernel;
import dev.lull.testkit.FaultyKernel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** systemd's protocol, with a service manager of the test's on the fake kernel. */
class SupervisorTest {
    private static final String MANAGER = "@manager";
    private static final long SECOND = Duration.ofSeconds(1).toNanos();

    private final FakeKernel kernel = FakeKernel.boot(new FakeClock());

    private Map<String, String> environment(String... more) {
        Map<String, String> environment = new TreeMap<>(Map.of("NOTIFY_SOCKET", MANAGER));
        for (int i = 0; i < more.length; i += 2) {
            environment.put(more[i], more[i + 1]);
        }
        return environment;
    }

    private String pid() {
        return Integer.toString(kernel.processId());
    }

    private List<String> heard(Descriptor manager) throws KernelException {
        List<String> heard = new ArrayList<>();
        ByteBuffer bytes = ByteBuffer.allocate(1000);
        while (kernel.receive(manager, bytes.clear(), new ArrayList<>()) > 0) {
            heard.add(new String(bytes.array(), 0, bytes.position(), StandardCharsets.UTF_8));
        }
        return heard;
    }

    @Test
    void tellsThatItIsReadyAndWhatItHoldsAndThatItStops() throws IOException {
        Descriptor manager = kernel.bindDatagram(MANAGER);
        try (Supervisor supervisor = Supervisor.of(kernel, environment())) {
            assertThat(supervisor.present()).isTrue();
            supervisor.turned(0, 0);
            supervisor.ready(SECOND);
            assertThat(heard(manager)).last().isEqualTo("READY=1\nSTATUS=0 leases");
            supervisor.turned(2 * SECOND, 0);
            assertThat(heard(manager)).isEmpty();
            supervisor.turned(3 * SECOND, 1);
            assertThat(heard(manager)).containsExactly("STATUS=1 lease");
            assertThat(supervisor.untilDue(3 * SECOND)).isEqualTo(Long.MAX_VALUE);
            supervisor.stopping();
            assertThat(heard(manager)).containsExactly("STOPPING=1");
        }
    }

    @Test
    void isNotReadyBeforeItSaysSo() throws IOException {
        Descriptor manager = kernel.bindDatagram(MANAGER);
        try (Supervisor supervisor =
                Supervisor.of(kernel, environment("WATCHDOG_USEC", "2000000"))) {
            assertThat(heard(manager)).isEmpty();
            assertThat(supervisor.untilDue(SECOND)).isEqualTo(Long.MAX_VALUE);
        }
    }

    @Test
    void tellsThatItLivesAtHalfOfTheTime() throws IOException {
        Descriptor manager = kernel.bindDatagram(MANAGER);
        try (Supervisor supervisor =
                Supervisor.of(
                        kernel, environment("WATCHDOG_USEC", "2000000", "WATCHDOG_PID", pid()))) {
            supervisor.ready(10 * SECOND);
            assertThat(heard(manager)).contains("WATCHDOG=1");
            assertThat(supervisor.untilDue(10 * SECOND)).isEqualTo(SECOND);
            supervisor.turned(11 * SECOND - 1, 0);
            assertThat(heard(manager)).isEmpty();
            supervisor.turned(11 * SECOND, 0);
            assertThat(heard(manager)).containsExactly("WATCHDOG=1");
        }
    }

    @Test
    void anothersWatchdogIsNotItsOwn() throws IOException {
        Descriptor manager = kernel.bindDatagram(MANAGER);
        try (Supervisor supervisor =
                Supervisor.of(
                        kernel, environment("WATCHDOG_USEC", "2000000", "WATCHDOG_PID", "1"))) {
            supervisor.ready(SECOND);
            supervisor.turned(9 * SECOND, 0);
            assertThat(heard(manager)).containsExactly("READY=1\nSTATUS=0 leases");
        }
    }

    @Test
    void aFullQueueLosesAPingAndNothingElse() throws IOException {
        Descriptor manager = kernel.bindDatagram(MANAGER);
        try (Supervisor supervisor =
                Supervisor.of(kernel, environment("WATCHDOG_USEC", "20000000"))) {
            Descriptor other = kernel.datagramSocket();
            boolean room = true;
            while (room) {
                room = kernel.sendDatagram(other, MANAGER, new byte[] {'x'});
            }
            supervisor.ready(SECOND);
            assertThat(heard(manager)).containsOnly("x");
            assertThat(supervisor.untilDue(SECOND)).isEqualTo(SECOND);
            supervisor.turned(2 * SECOND, 3);
            assertThat(heard(manager)).containsExactly("READY=1\nSTATUS=3 leases");
            assertThat(supervisor.trouble()).isEmpty();
        }
    }

    @Test
    void aManagerThatIsAwayHearsItLater() throws IOException {
        try (FaultyKernel faulty = new FaultyKernel(kernel);
                Supervisor supervisor = Supervisor.of(faulty, environment())) {
            Descriptor manager = kernel.bindDatagram(MANAGER);
            faulty.at("sendDatagram").fail(Errno.ECONNREFUSED);
            supervisor.ready(SECOND);
            assertThat(supervisor.trouble()).get().asString().contains("ECONNREFUSED");
            supervisor.turned(SECOND + 1, 0);
            assertThat(heard(manager)).isEmpty();
            supervisor.turned(2 * SECOND, 0);
            assertThat(heard(manager)).containsExactly("READY=1\nSTATUS=0 leases");
        }
    }

    @Test
    void saysWhyItCannotStart() throws IOException {
        Descriptor manager = kernel.bindDatagram(MANAGER);
        try (Supervisor supervisor = Supervisor.of(kernel, environment())) {
            supervisor.failed(new IOException("no\nroom"));
        }
        assertThat(heard(manager)).containsExactly("STATUS=no room");
    }

    @Test
    void takesTheSocketThatWasPassed() throws IOException {
        kernel.filesystem("tmpfs", Path.of("/run"));
        Path path = Path.of("/run/guard.sock");
        Descriptor passed = kernel.listen(path, 0600);
        assertThat(passed.number()).isEqualTo(3);
        Map<String, String> ours = environment("LISTEN_FDS", "1", "LISTEN_PID", pid());
        try (Supervisor supervisor = Supervisor.of(kernel, ours)) {
            Descriptor client = kernel.connect(path);
            assertThat(supervisor.listener()).isPresent();
            kernel.accept(supervisor.listener().get()).close();
            client.close();
        }
        assertThat(Supervisor.descriptors(ours, kernel.processId())).isEqualTo(4);

        Map<String, String> others = environment("LISTEN_FDS", "1", "LISTEN_PID", "1");
        try (Supervisor supervisor = Supervisor.of(kernel, others)) {
            assertThat(supervisor.listener()).isEmpty();
        }
        assertThat(Supervisor.descriptors(others, kernel.processId())).isEqualTo(3);
    }

    @Test
    void refusesDescriptorsThatItCannotServe() throws IOException {
        Map<String, String> one = environment("LISTEN_FDS", "1", "LISTEN_PID", pid());
        assertThatThrownBy(() -> Supervisor.of(kernel, one)).hasMessageContaining("EBADF");
        kernel.socketPair("pair");
        assertThatThrownBy(() -> Supervisor.of(kernel, one)).hasMessageContaining("EINVAL");
        Map<String, String> two = environment("LISTEN_FDS", "2", "LISTEN_PID", pid());
        assertThatThrownBy(() -> Supervisor.of(kernel, two)).hasMessageContaining("LISTEN_FDS");
    }

    @Test
    void withoutAManagerThereIsNothingToTell() throws IOException {
        Map<String, String> nothing = Map.of("PATH", "/bin", "LISTEN_FDS", "1");
        assertThat(Supervisor.variables(nothing, kernel.processId())).isEmpty();
        try (Supervisor supervisor = Supervisor.of(kernel, nothing)) {
            assertThat(supervisor.present()).isFalse();
            supervisor.ready(0);
            supervisor.turned(SECOND, 1);
            supervisor.stopping();
            assertThat(supervisor.trouble()).isEmpty();
        }
        try (Supervisor supervisor = Supervisor.of(kernel, Map.of("NOTIFY_SOCKET", "vsock:2:3"))) {
            assertThat(supervisor.present()).isFalse();
            assertThat(supervisor.trouble()).isPresent();
        }
    }

    @Test
    void aManagersVariablesAndNoOthersAreHandedOn() {
        Map<String, String> given = environment("PATH", "/bin", "WATCHDOG_USEC", "1");
        assertThat(Supervisor.variables(given, kernel.processId()))
                .containsOnlyKeys("NOTIFY_SOCKET", "WATCHDOG_USEC");
    }
}
