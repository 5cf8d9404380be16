package dev.lull.guard;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.lease.End;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.testkit.FakeFilesystem;
import dev.lull.testkit.FakeKernel;
import dev.lull.testkit.FakeProcess;
import dev.lull.testkit.FaultyKernel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * FIFREEZE and FITHAW that do not return: what can be thawed is, on time; the rest is told, with since when, and thawed
 * when the kernel has let go of it. Leases here have 10 s to freeze and 30 s to be frozen.
 */
class StuckKernelTest {
    private @TempDir Path directory;
    private GuardHost host;
    private FakeFilesystem srv;
    private FakeFilesystem home;
    private FakeFilesystem opt;

    @BeforeEach
    void boot() throws IOException {
        host = new GuardHost(directory);
        srv = host.filesystem("ext4", "/srv");
        home = host.filesystem("xfs", "/home");
        opt = host.filesystem("ext4", "/opt");
    }

    @AfterEach
    void shutDown() {
        host.close();
    }

    @Test
    void aThawThatNeverReturnsDelaysNobodyElse() throws IOException {
        String lease;
        try (GuardHost.Client one = host.new Client();
                GuardHost.Client two = host.new Client()) {
            lease = one.freeze(false, srv, home);
            two.freeze(false, opt);
        }
        srv.hangThaws();
        host.pass(Duration.ofSeconds(31));
        assertThat(home.isFrozen()).isFalse();
        assertThat(opt.isFrozen()).isFalse();
        assertThat(srv.isFrozen()).isTrue();

        host.pass(Duration.ofSeconds(9));
        Reply.GuardStatus status = host.status();
        assertThat(status.leases()).hasSize(1);
        List<LeaseView.FilesystemView> stuck = status.leases().getFirst().stuck(status.now());
        assertThat(stuck).hasSize(1);
        assertThat(stuck.getFirst().path()).isEqualTo("/srv");
        assertThat(stuck.getFirst().call()).contains("FITHAW");
        assertThat(stuck.getFirst().phaseLasts(status.now()).toSeconds()).isBetween(7L, 11L);

        srv.letGo();
        host.until(() -> !srv.isFrozen());
        assertThat(host.endOf(lease)).isEqualTo(End.EXPIRED);
    }

    @Test
    void aFreezeThatReturnsAfterAMinuteIsThawedAtOnce() throws IOException {
        srv.hangFreezes();
        String lease;
        try (GuardHost.Client one = host.new Client();
                GuardHost.Client two = host.new Client()) {
            two.freeze(false, opt);
            lease = ((Reply.Armed) one.arm(false, srv, home)).lease().id();
            Request.Freeze freeze = new Request.Freeze(lease);
            one.say(freeze);
            host.until(home::isFrozen);
            host.pass(Duration.ofSeconds(11));
            assertThat(home.isFrozen()).isFalse();
            host.pass(Duration.ofSeconds(4));
            Reply.Failure stuck = (Reply.Failure) one.hear(freeze);
            assertStuck(stuck, "FIFREEZE", "/srv");
            assertThat(stuck.message()).contains(lease).doesNotContain("/home");
        }
        host.pass(Duration.ofSeconds(20));
        assertThat(opt.isFrozen()).isFalse();
        host.pass(Duration.ofSeconds(25));
        Reply.GuardStatus status = host.status();
        assertThat(status.leases().getFirst().stuck(status.now()))
                .extracting(one -> one.call().orElseThrow())
                .containsExactly("FIFREEZE");

        srv.letGo();
        host.until(() -> srv.freezes() == 1 && !srv.isFrozen());
        assertThat(host.endOf(lease)).isEqualTo(End.FAILED);
        assertThat(home.thaws()).isEqualTo(1);
    }

    /** Sentry and successors go by what they were told: what is thawed already is not theirs any more. */
    @Test
    void theRestOfAStuckSetCanBeFrozenBySomebodyElse() throws IOException {
        srv.hangFreezes();
        try (GuardHost.Client client = host.new Client()) {
            String lease = ((Reply.Armed) client.arm(false, srv, home)).lease().id();
            client.say(new Request.Freeze(lease));
            host.until(home::isFrozen);
            host.pass(Duration.ofSeconds(11));
            assertThat(home.isFrozen()).isFalse();
        }
        home.freezeByOthers();
        host.pass(Duration.ofSeconds(5));
        assertThat(home.isFrozen()).isTrue();
        host.process(host.status().sentry().orElseThrow()).kill();
        host.pass(Duration.ofSeconds(2));
        host.guardProcess().kill();
        host.pass(Duration.ofSeconds(5));
        srv.letGo();
        host.until(() -> srv.freezes() == 1 && !srv.isFrozen());
        host.pass(Duration.ofSeconds(2));
        assertThat(home.isFrozen()).isTrue();
    }

    @Test
    void theRestOfAStuckSetCanBeFrozenAgain() throws IOException {
        try (GuardHost.Client client = host.new Client()) {
            client.freeze(false, srv, home);
            srv.hangThaws();
            host.pass(Duration.ofSeconds(36));

            Reply.Failure refused = (Reply.Failure) client.arm(false, srv);
            assertStuck(refused, "FITHAW", "/srv");
            assertThat(refused.errno()).contains("EBUSY");

            String again = client.freeze(true, home);
            assertThat(home.isFrozen()).isTrue();
            host.pass(Duration.ofSeconds(5));
            assertThat(client.release(again).state()).isEqualTo("released");
            srv.letGo();
            host.until(() -> host.status().leases().isEmpty());
            assertThat(client.release(client.freeze(true, srv)).state()).isEqualTo("released");
        }
    }

    @Test
    void whoeverWaitsForTheEndIsToldWhatIsStuck() throws IOException {
        try (GuardHost.Client holder = host.new Client();
                GuardHost.Client waiter = host.new Client();
                GuardHost.Client late = host.new Client()) {
            String lease = holder.freeze(true, srv, home);
            srv.hangThaws();
            Request.Wait wait = new Request.Wait(lease);
            waiter.say(wait);
            assertStuck((Reply.Failure) holder.call(new Request.Release(lease)), "FITHAW", "/srv");
            assertStuck((Reply.Failure) waiter.hear(wait), "FITHAW", "/srv");
            assertThat(home.isFrozen()).isFalse();
            // Who comes later is not kept waiting.
            host.pass(Duration.ofSeconds(10));
            long before = host.clock.nanos();
            assertStuck(
                    (Reply.Failure) late.call(new Request.Wait(lease)),
                    "FITHAW of /srv for 1",
                    "/srv");
            assertThat(host.clock.nanos() - before).isLessThan(1_000_000_000L);

            Reply.Failure extended =
                    (Reply.Failure) holder.call(new Request.Extend(lease, Optional.empty()));
            assertThat(extended.kind()).isEqualTo(Reply.Failure.Kind.NOT_HELD);

            srv.letGo();
            assertThat(host.endOf(lease)).isEqualTo(End.RELEASED);
        }
    }

    @Test
    void thawingAllTellsWhatIsStuckWhenTheOthersHaveEnded() throws IOException {
        try (GuardHost.Client client = host.new Client()) {
            String stuck = client.freeze(false, srv);
            client.freeze(false, home);
            client.freeze(false, opt);
            srv.hangThaws();
            Request all = new Request.Thaw(Optional.empty(), Optional.empty(), true, false);
            Reply.Failure told = (Reply.Failure) client.call(all);
            assertStuck(told, "FITHAW", "/srv");
            assertThat(told.message()).contains(stuck).endsWith("of the other leases 2 ended");
            assertThat(home.isFrozen()).isFalse();
            assertThat(opt.isFrozen()).isFalse();
            assertStuck((Reply.Failure) client.call(all), "FITHAW", "/srv");
        }
    }

    @Test
    void aGuardDoesNotEndBeforeTheKernelHasReturned() throws IOException {
        FakeProcess guard = host.guardProcess();
        try (GuardHost.Client client = host.new Client()) {
            client.freeze(false, srv);
            srv.hangThaws();
            assertThat(client.call(new Request.Stop(true))).isInstanceOf(Reply.Done.class);
        }
        host.pass(Duration.ofSeconds(60));
        assertThat(guard.hasEnded()).isFalse();
        assertThat(host.status().leases()).hasSize(1);
        srv.letGo();
        host.until(guard::hasEnded);
        assertThat(srv.isFrozen()).isFalse();
        assertThat(host.run.hasRecords()).isFalse();
    }

    @Test
    void anIdleGuardWaitsForTheKernelToo() throws IOException {
        restartWithIdle(Duration.ofSeconds(5));
        FakeProcess guard = host.guardProcess();
        try (GuardHost.Client client = host.new Client()) {
            client.freeze(false, srv);
        }
        srv.hangThaws();
        host.pass(Duration.ofSeconds(90));
        assertThat(guard.hasEnded()).isFalse();
        srv.letGo();
        host.until(guard::hasEnded);
        assertThat(srv.isFrozen()).isFalse();
    }

    private void restartWithIdle(Duration idle) throws IOException {
        host.guardProcess().kill();
        host.until(() -> host.kernel.spawned().stream().allMatch(FakeProcess::hasEnded));
        host.idle = idle;
        host.startGuard();
    }

    @Test
    void aSuccessorThawsTheOthersAndTellsWhatIsStuck() throws IOException {
        String lost;
        try (GuardHost.Client client = host.new Client()) {
            lost = client.freeze(false, srv);
            client.freeze(false, home);
            client.freeze(false, opt, host.filesystem("ext4", "/var"));
        }
        srv.hangThaws();
        host.process(host.status().sentry().orElseThrow()).kill();
        host.guardProcess().kill();
        host.idle = Duration.ofSeconds(5);
        host.startGuard();
        assertThat(home.isFrozen()).isFalse();
        assertThat(opt.isFrozen()).isFalse();
        FakeProcess guard = host.guardProcess();
        host.pass(Duration.ofSeconds(10));
        assertThat(host.status().warnings())
                .anySatisfy(line ->
                        assertThat(line)
                                .contains(lost)
                                .containsPattern("returned from FITHAW of /srv for 1[0-9] s"));
        try (GuardHost.Client client = host.new Client()) {
            assertStuck((Reply.Failure) client.arm(true, srv), "FITHAW", "/srv");
            assertThat(client.release(client.freeze(true, home)).state()).isEqualTo("released");
        }
        host.pass(Duration.ofSeconds(20));
        assertThat(guard.hasEnded()).isFalse();
        srv.letGo();
        host.until(() -> !srv.isFrozen());
        assertThat(host.endOf(lost)).isEqualTo(End.LOST);
        assertThat(host.run.hasRecords()).isFalse();
        host.until(guard::hasEnded);
    }

    /** Mounting waits for a FIFREEZE or FITHAW of the same filesystem, uninterruptibly. */
    @Test
    void aSuccessorServesWhileAMountIsStuck() throws IOException {
        try (var faulty = new FaultyKernels(kernel -> kernel.at("mount").hang())) {
            restartOn(faulty);
            String lost;
            try (GuardHost.Client client = host.new Client()) {
                lost = client.freeze(false, srv, home);
            }
            host.kernel.unmount(home.mountPoint(), true);
            host.process(host.status().sentry().orElseThrow()).kill();
            host.guardProcess().kill();
            host.startGuard();
            assertThat(srv.isFrozen()).isFalse();
            host.pass(Duration.ofSeconds(10));
            assertThat(host.status().warnings())
                    .anySatisfy(line ->
                            assertThat(line)
                                    .contains(lost)
                                    .containsPattern("returned from mount of /home for 1[0-9] s"));
            assertThat(home.isFrozen()).isTrue();
            assertThat(host.run.hasRecords()).isTrue();
            faulty.letGo();
            host.until(() -> !home.isFrozen());
            assertThat(host.endOf(lost)).isEqualTo(End.LOST);
        }
    }

    /** What an earlier guard left mounted keeps nothing frozen. */
    @Test
    void aSuccessorThatCannotTidyThawsAllTheSame() throws IOException {
        try (var faulty = new FaultyKernels(kernel -> kernel.at("unmount").fail(Errno.EPERM))) {
            restartOn(faulty);
            try (GuardHost.Client client = host.new Client()) {
                client.freeze(false, srv);
            }
            Path left = Files.createDirectory(directory.resolve("again-left"));
            host.process(host.status().sentry().orElseThrow()).kill();
            host.guardProcess().kill();
            host.startGuard();
            assertThat(srv.isFrozen()).isFalse();
            assertThat(host.status().warnings())
                    .anySatisfy(line -> assertThat(line).contains(left.toString(), "EPERM"));
        }
    }

    /** Something goes wrong in every guard. */
    private static final class FaultyKernels implements GuardHost.Dressing, AutoCloseable {
        private final List<FaultyKernel> made = new CopyOnWriteArrayList<>();
        private final Consumer<FaultyKernel> plan;

        FaultyKernels(Consumer<FaultyKernel> plan) {
            this.plan = plan;
        }

        @Override
        public Kernel dress(GuardHost.Role role, FakeKernel own) {
            if (role != GuardHost.Role.GUARD) {
                return own;
            }
            FaultyKernel faulty = new FaultyKernel(own);
            plan.accept(faulty);
            made.add(faulty);
            return faulty;
        }

        void letGo() {
            made.forEach(FaultyKernel::releaseHanging);
        }

        @Override
        public void close() {
            letGo();
        }
    }

    private void restartOn(FaultyKernels faulty) throws IOException {
        host.close();
        directory = Files.createDirectory(directory.resolve("other"));
        host = new GuardHost(directory, faulty);
        srv = host.filesystem("ext4", "/srv");
        home = host.filesystem("xfs", "/home");
    }

    @Test
    void aForeignThawThatNeverReturnsIsTold() throws IOException {
        srv.freezeByOthers();
        srv.hangThaws();
        Request.Thaw thaw = new Request.Thaw(Optional.empty(), Optional.of("/srv"), false, true);
        try (GuardHost.Client client = host.new Client();
                Descriptor top = host.kernel.openDirectory(srv.mountPoint())) {
            assertStuck((Reply.Failure) client.call(thaw, top), "FITHAW", "/srv");
            host.pass(Duration.ofSeconds(60));
            assertThat(host.status().warnings())
                    .anySatisfy(line ->
                            assertThat(line)
                                    .contains("--foreign")
                                    .contains("FITHAW of /srv for 6"));
            srv.letGo();
            host.until(() -> !srv.isFrozen());
            host.until(() -> host.status().warnings().stream().noneMatch(w -> w.contains("/srv")));
            // And is not answered a second time.
            assertThat(client.call(new Request.History(1))).isEqualTo(new Reply.Ended(List.of()));
        }
    }

    /** No writer is to wait for what is over. */
    @Test
    void whatIsWrittenBackTooLateIsNotFrozenAtAll() throws IOException {
        try (GuardHost.Client client = host.new Client()) {
            String lease = ((Reply.Armed) client.arm(false, srv)).lease().id();
            srv.syncTakes(Duration.ofSeconds(11));
            Reply.Failure late = (Reply.Failure) client.call(new Request.Freeze(lease));
            assertThat(late.kind()).isEqualTo(Reply.Failure.Kind.CANNOT_FREEZE);
            assertThat(late.message()).contains("/srv", "not frozen within the time allowed");
            assertThat(host.endOf(lease)).isEqualTo(End.FAILED);
            assertThat(srv.freezes()).isZero();
        }
    }

    /** Nobody waits for it yet; but whoever armed it does. */
    @Test
    void aPreSyncThatDoesNotReturnIsShown() throws IOException {
        FakeFilesystem image = host.kernel.filesystemOn(srv, "ext4", Path.of("/image"));
        srv.freezeByOthers();
        try (GuardHost.Client client = host.new Client();
                Descriptor top = host.kernel.openDirectory(image.mountPoint())) {
            Request.Arm arm =
                    new Request.Arm(
                            Wire.PROTOCOL,
                            List.of("/image"),
                            true,
                            Duration.ofSeconds(10),
                            Optional.of(Duration.ofSeconds(30)),
                            true,
                            true,
                            "test");
            client.say(arm, top);
            host.until(() ->
                    host.status().leases().stream()
                            .anyMatch(l ->
                                    l.filesystems().stream()
                                            .anyMatch(f -> f.phase().equals("syncing"))));
            host.pass(Duration.ofSeconds(5));
            Reply.GuardStatus status = host.status();
            assertThat(status.leases().getFirst().state()).isEqualTo("armed");
            assertThat(status.leases().getFirst().stuck(status.now()))
                    .extracting(one -> one.call().orElseThrow())
                    .containsExactly("syncfs");
            srv.thawByOthers();
            assertThat(client.hear(arm)).isInstanceOf(Reply.Armed.class);
        }
    }

    private static void assertStuck(Reply.Failure failure, String call, String path) {
        assertThat(failure.kind()).as("%s", failure).isEqualTo(Reply.Failure.Kind.STUCK);
        assertThat(failure.message()).contains(call).contains(path).containsPattern("for \\d+ s");
        assertThat(failure.path()).contains(path);
        assertThat(failure.hint().orElseThrow()).contains("sysrq").contains("doctor --frozen");
    }
}
