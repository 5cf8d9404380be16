package dev.lull.guard;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.lease.End;
import dev.lull.linux.Descriptor;
import dev.lull.testkit.FakeFilesystem;
import dev.lull.testkit.FakeKernel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Who may do what with the guard, and how much of it one user can take. */
class GuardPolicyTest {
    private static final int ALICE = 1000;
    private static final int BOB = 1001;
    private static final int CAROL = 1002;

    private @TempDir Path directory;
    private GuardHost host;
    private FakeFilesystem srv;
    private FakeFilesystem home;
    private FakeKernel alice;
    private FakeKernel bob;

    @BeforeEach
    void boot() throws IOException {
        host = new GuardHost(directory);
        srv = host.filesystem("ext4", "/srv");
        home = host.filesystem("ext4", "/home");
        alice = host.processOf(ALICE);
        bob = host.processOf(BOB, 34);
        host.policy("root max 10m\nallow alice /srv max 1m\nallow @backup /srv /home\n");
        host.until(() -> admits(alice));
    }

    @AfterEach
    void shutDown() {
        host.close();
    }

    private boolean admits(FakeKernel user) {
        try (GuardHost.Client client = host.new Client(user)) {
            return client.call(new Request.Status()) instanceof Reply.GuardStatus;
        } catch (IOException e) {
            return false;
        }
    }

    private static void refused(Reply reply, String... words) {
        assertThat(reply).isInstanceOf(Reply.Failure.class);
        Reply.Failure failure = (Reply.Failure) reply;
        assertThat(failure.kind()).isEqualTo(Reply.Failure.Kind.NOT_PERMITTED);
        assertThat(failure.message()).contains(words);
    }

    private static Request.Thaw thaw(String lease) {
        return new Request.Thaw(Optional.of(lease), Optional.empty(), false, false);
    }

    @Test
    void whomNoRuleNamesIsTurnedAway() throws IOException {
        try (GuardHost.Client carol = host.new Client(host.processOf(CAROL))) {
            refused(carol.hear(new Request.Status()), "user 1002", "may not hold leases");
        }
    }

    @Test
    void whomARuleNamesHoldsALease() throws IOException {
        try (GuardHost.Client client = host.new Client(alice)) {
            String lease = client.freeze(true, srv);
            assertThat(srv.isFrozen()).isTrue();
            LeaseView seen = host.status().leases().getFirst();
            assertThat(seen.uid()).isEqualTo(ALICE);
            assertThat(client.call(new Request.Extend(lease, Optional.empty())))
                    .isInstanceOf(Reply.Extended.class);
            assertThat(client.release(lease).state()).isEqualTo("released");
        }
        try (GuardHost.Client client = host.new Client(bob)) {
            String lease = client.freeze(true, srv, home);
            assertThat(home.isFrozen()).isTrue();
            assertThat(client.release(lease).state()).isEqualTo("released");
        }
    }

    @Test
    void aSetIsAllowedWholeOrNotAtAll() throws IOException {
        try (GuardHost.Client client = host.new Client(alice)) {
            refused(client.arm(true, srv, home), "user 1000 may not freeze /home");
            assertThat(srv.isFrozen()).isFalse();
            assertThat(client.freeze(true, srv))
                    .as("the connection is as good as before")
                    .isNotEmpty();
        }
    }

    /** What is said in paths is the client's word; the descriptor counts. */
    @Test
    void aPathThatIsAllowedIsNoLeaveForAnotherFilesystem() throws IOException {
        try (GuardHost.Client client = host.new Client(alice);
                Descriptor directory = alice.openDirectory(home.mountPoint())) {
            Request.Arm lie =
                    new Request.Arm(
                            Wire.PROTOCOL,
                            List.of("/srv"),
                            true,
                            Duration.ofSeconds(10),
                            Optional.of(Duration.ofSeconds(10)),
                            true,
                            true,
                            "liar");
            refused(client.call(lie, directory), "may not freeze /srv");
            assertThat(home.isFrozen()).isFalse();
        }
    }

    @Test
    void noTimeoutAtAllIsForRoot() throws IOException {
        try (GuardHost.Client client = host.new Client(alice)) {
            refused(client.arm(true, Optional.empty(), srv), "no timeout at all is for root");
        }
        try (GuardHost.Client root = host.new Client()) {
            assertThat(root.arm(true, Optional.empty(), srv)).isInstanceOf(Reply.Armed.class);
        }
    }

    @Test
    void theRulesMaxBoundsTheTimeoutAndAllExtensionsTogether() throws IOException {
        try (GuardHost.Client client = host.new Client(alice)) {
            refused(
                    client.arm(true, Optional.of(Duration.ofSeconds(61)), srv),
                    "for 1m at most, not with timeout 61s");
            String lease = client.freeze(true, srv);
            host.pass(Duration.ofSeconds(20));
            assertThat(client.call(new Request.Extend(lease, Optional.empty())))
                    .isInstanceOf(Reply.Extended.class);
            host.pass(Duration.ofSeconds(20));
            refused(
                    client.call(new Request.Extend(lease, Optional.empty())),
                    "for 1m in all, extended or not");
            assertThat(srv.isFrozen()).as("what it had it keeps").isTrue();
            assertThat(client.call(new Request.Extend(lease, Optional.of(Duration.ofSeconds(15)))))
                    .isInstanceOf(Reply.Extended.class);
            host.pass(Duration.ofSeconds(16));
            host.until(() -> !srv.isFrozen());
            assertThat(host.endOf(lease)).isEqualTo(End.EXPIRED);
        }
    }

    @Test
    void rootHasALimitTooWhichThePolicyMoves() throws IOException {
        try (GuardHost.Client root = host.new Client()) {
            assertThat(root.arm(true, Optional.of(Duration.ofMinutes(9)), srv))
                    .isInstanceOf(Reply.Armed.class);
            Reply.Failure over =
                    (Reply.Failure) root.arm(true, Optional.of(Duration.ofMinutes(11)), home);
            assertThat(over.kind()).isEqualTo(Reply.Failure.Kind.INVALID);
            assertThat(over.message()).isEqualTo("timeout 11m is more than 10m");
        }
    }

    @Test
    void anothersLeaseIsNeitherSeenNorExtendedNorEnded() throws IOException {
        try (GuardHost.Client holder = host.new Client(alice);
                GuardHost.Client other = host.new Client(bob);
                Descriptor directory = bob.openDirectory(srv.mountPoint())) {
            String lease = holder.freeze(false, srv);
            assertThat(((Reply.GuardStatus) other.call(new Request.Status())).leases()).isEmpty();
            for (Request request :
                    List.of(
                            new Request.Extend(lease, Optional.empty()),
                            new Request.Release(lease),
                            new Request.Wait(lease),
                            thaw(lease))) {
                refused(other.call(request), "lease " + lease + " belongs to user 1000");
            }
            refused(
                    other.call(
                            new Request.Thaw(Optional.empty(), Optional.of("/srv"), false, false),
                            directory),
                    "belongs to user 1000");
            assertThat(srv.isFrozen()).isTrue();
            assertThat(((Reply.Ended) holder.call(thaw(lease))).leases().getFirst().state())
                    .isEqualTo("released");
            refused(other.call(thaw(lease)), "belongs to user 1000");
        }
    }

    @Test
    void whatConcernsAllIsForRoot() throws IOException {
        srv.freezeByOthers();
        try (GuardHost.Client client = host.new Client(alice);
                Descriptor directory = alice.openDirectory(srv.mountPoint())) {
            refused(client.call(new Request.Stop(true)), "only root can stop");
            refused(client.call(new Request.History(5)), "only root sees the history");
            refused(
                    client.call(new Request.Thaw(Optional.empty(), Optional.empty(), true, false)),
                    "only root thaws all");
            refused(
                    client.call(
                            new Request.Thaw(Optional.empty(), Optional.of("/srv"), false, true),
                            directory),
                    "only root thaws what somebody else froze");
            assertThat(srv.isFrozen()).isTrue();
            srv.thawByOthers();
            assertThat(client.freeze(true, srv)).as("no descriptor is left over").isNotEmpty();
        }
    }

    @Test
    void aPolicyThatIsTakenAwayLeavesRootAlone() throws IOException {
        try (GuardHost.Client client = host.new Client(alice)) {
            host.policy("# nobody\n");
            host.until(() -> !admits(alice));
            refused(client.arm(true, srv), "may not freeze /srv");
        }
    }

    @Test
    void oneThatCannotBeUnderstoodLeavesRootAloneAndIsToldOf() throws IOException {
        host.policy("allow alice /srv\nallow dave /srv\n");
        host.until(() -> host.status().warnings().stream().anyMatch(w -> w.contains("policy:2:7")));
        assertThat(admits(alice)).isFalse();
        try (GuardHost.Client root = host.new Client()) {
            assertThat(root.freeze(true, srv)).isNotEmpty();
        }
    }

    // ---- shares

    @Test
    void oneUsersConnectionsAndLeasesLeaveRoomForOthers() throws IOException {
        List<GuardHost.Client> clients = new ArrayList<>();
        try {
            for (int i = 0; i < 32; i++) {
                GuardHost.Client client = host.new Client(alice);
                client.call(new Request.Status());
                clients.add(client);
            }
            try (GuardHost.Client more = host.new Client(alice)) {
                Reply.Failure full = (Reply.Failure) more.hear(new Request.Status());
                assertThat(full.message()).contains("too many connections of user 1000");
            }
            assertThat(admits(bob)).isTrue();
            int armed = 0;
            for (GuardHost.Client client : clients.subList(0, 9)) {
                Reply reply = client.arm(true, srv);
                armed += reply instanceof Reply.Armed ? 1 : 0;
            }
            assertThat(armed).as("the filesystem has one holder").isEqualTo(1);
        } finally {
            for (GuardHost.Client client : clients) {
                client.close();
            }
        }
    }

    @Test
    void whoCallsWithoutEndAndWithoutReadingKeepsNobodyWaiting() throws IOException {
        try (GuardHost.Client holder = host.new Client(bob);
                GuardHost.Client flood = host.new Client(alice)) {
            String lease = holder.freeze(false, srv);
            ByteBuffer calls = ByteBuffer.allocate(200_000);
            byte[] status = Wire.encode(new Request.Status());
            while (calls.remaining() > status.length) {
                calls.put(status);
            }
            calls.flip();
            for (int i = 0; i < 50; i++) {
                alice.send(flood.socket(), calls.duplicate(), List.of());
                assertThat(holder.call(new Request.Extend(lease, Optional.empty())))
                        .isInstanceOf(Reply.Extended.class);
            }
            host.pass(Duration.ofSeconds(30));
            host.until(() -> !srv.isFrozen());
            assertThat(host.endOf(lease)).isEqualTo(End.EXPIRED);
        }
    }

    @Test
    void callsThatWaitAreFewForEachConnection() throws IOException {
        try (GuardHost.Client holder = host.new Client(alice);
                GuardHost.Client waiting = host.new Client(alice)) {
            String lease = holder.freeze(false, srv);
            for (int i = 0; i < 100; i++) {
                waiting.say(new Request.Wait(lease));
            }
            waiting.say(new Request.Status());
            host.pass(Duration.ofSeconds(1));
            assertThat(holder.release(lease).state()).isEqualTo("released");
            for (int i = 0; i < 100; i++) {
                assertThat(waiting.hear(new Request.Wait(lease))).isInstanceOf(Reply.Ended.class);
            }
            assertThat(waiting.hear(new Request.Status())).isInstanceOf(Reply.GuardStatus.class);
        }
    }

    @Test
    void halfCallsOfOneUserAreBounded() throws IOException {
        List<GuardHost.Client> clients = new ArrayList<>();
        byte[] half = new byte[60_000];
        java.util.Arrays.fill(half, (byte) 'x');
        try {
            for (int i = 0; i < 16; i++) {
                GuardHost.Client client = host.new Client(alice);
                clients.add(client);
                ByteBuffer bytes = ByteBuffer.wrap(half);
                while (bytes.hasRemaining() && alice.send(client.socket(), bytes, List.of()) > 0) {
                    host.pass(Duration.ofMillis(1));
                }
            }
            Reply.Failure told = (Reply.Failure) clients.getLast().hear(new Request.Status());
            assertThat(told.message()).contains("user 1000 is half said");
            assertThat(admits(bob)).isTrue();
        } finally {
            for (GuardHost.Client client : clients) {
                client.close();
            }
        }
    }
}
