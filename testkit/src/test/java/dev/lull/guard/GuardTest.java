package dev.lull.guard;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.lease.End;
import dev.lull.linux.Descriptor;
import dev.lull.linux.KernelException;
import dev.lull.linux.Mount;
import dev.lull.testkit.FakeFilesystem;
import dev.lull.testkit.FakeProcess;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The guard with its sentry and canary, whole, on the fake kernel and under its clock. */
class GuardTest {
    private @TempDir Path directory;
    private GuardHost host;
    private FakeFilesystem srv;

    @BeforeEach
    void boot() throws IOException {
        host = new GuardHost(directory);
        srv = host.filesystem("ext4", "/srv");
    }

    @AfterEach
    void shutDown() {
        host.close();
    }

    @Test
    void freezesAndReleases() throws IOException {
        try (GuardHost.Client client = host.new Client()) {
            String lease = client.freeze(true, srv);
            assertThat(srv.isFrozen()).isTrue();
            assertThat(host.status().leases())
                    .extracting(LeaseView::state)
                    .containsExactly("frozen");
            LeaseView ended = client.release(lease);
            assertThat(ended.state()).isEqualTo("released");
            assertThat(ended.windowNanos()).isPresent();
        }
        assertThat(srv.isFrozen()).isFalse();
        assertThat(host.status().leases()).isEmpty();
        assertThat(host.run.hasRecords()).isFalse();
        assertThat(host.kernel.readKnob(Expedite.KNOB).strip()).isEqualTo("0");
    }

    @Test
    void writesBackBeforeItFreezes() throws IOException {
        try (GuardHost.Client client = host.new Client()) {
            Reply.Armed armed = (Reply.Armed) client.arm(true, srv);
            assertThat(srv.syncs()).isPositive();
            assertThat(srv.checkpoints()).isPositive();
            assertThat(srv.isFrozen()).isFalse();
            client.call(new Request.Freeze(armed.lease().id()));
            assertThat(srv.isFrozen()).isTrue();
        }
    }

    @Test
    void expiresAtTheDeadline() throws IOException {
        try (GuardHost.Client client = host.new Client()) {
            String lease = client.freeze(false, srv);
            host.pass(Duration.ofSeconds(29));
            assertThat(srv.isFrozen()).isTrue();
            host.pass(Duration.ofSeconds(1));
            host.until(() -> !srv.isFrozen());
            assertThat(host.endOf(lease)).isEqualTo(End.EXPIRED);
            Reply.Failure late =
                    (Reply.Failure) client.call(new Request.Extend(lease, Optional.empty()));
            assertThat(late.kind()).isEqualTo(Reply.Failure.Kind.NOT_HELD);
            assertThat(late.errno()).contains("EINVAL");
        }
    }

    @Test
    void isExtendedByItsHolder() throws IOException {
        try (GuardHost.Client client = host.new Client()) {
            String lease = client.freeze(false, srv);
            for (int i = 0; i < 3; i++) {
                host.pass(Duration.ofSeconds(20));
                assertThat(client.call(new Request.Extend(lease, Optional.empty())))
                        .isInstanceOf(Reply.Extended.class);
            }
            assertThat(srv.isFrozen()).isTrue();
            assertThat(client.release(lease).state()).isEqualTo("released");
        }
    }

    /** By whoever saw that: the guard cannot know who is the holder of a detached one. */
    @Test
    void aDetachedLeaseIsAbandonedWhenItsHolderWasKilled() throws IOException {
        try (GuardHost.Client client = host.new Client();
                GuardHost.Client watching = host.new Client()) {
            String lease = client.freeze(false, srv);
            Reply.Ended ended = (Reply.Ended) watching.call(new Request.Abandon(lease));
            assertThat(ended.leases()).extracting(LeaseView::state).containsExactly("abandoned");
            assertThat(srv.isFrozen()).isFalse();
            // Who comes again, or too late, is told how it ended.
            assertThat(watching.call(new Request.Abandon(lease))).isEqualTo(ended);
            assertThat(((Reply.Failure) watching.call(new Request.Abandon("nosuch"))).kind())
                    .isEqualTo(Reply.Failure.Kind.NO_SUCH_LEASE);
        }
    }

    @Test
    void anAttachedLeaseIsAbandonedByItsOwnConnectionAlone() throws IOException {
        try (GuardHost.Client client = host.new Client();
                GuardHost.Client other = host.new Client()) {
            String lease = client.freeze(true, srv);
            assertThat(((Reply.Failure) other.call(new Request.Abandon(lease))).kind())
                    .isEqualTo(Reply.Failure.Kind.NOT_PERMITTED);
            assertThat(srv.isFrozen()).isTrue();
            assertThat(client.call(new Request.Abandon(lease))).isInstanceOf(Reply.Ended.class);
            assertThat(srv.isFrozen()).isFalse();
        }
    }

    @Test
    void anAttachedLeaseEndsWithItsConnection() throws IOException {
        String lease;
        try (GuardHost.Client client = host.new Client()) {
            lease = client.freeze(true, srv);
        }
        host.until(() -> !srv.isFrozen());
        assertThat(host.endOf(lease)).isEqualTo(End.ABANDONED);
    }

    @Test
    void aDetachedLeaseOutlivesItsConnection() throws IOException {
        String lease;
        try (GuardHost.Client client = host.new Client()) {
            lease = client.freeze(false, srv);
        }
        host.pass(Duration.ofSeconds(2));
        assertThat(srv.isFrozen()).isTrue();
        try (GuardHost.Client other = host.new Client()) {
            Reply.Ended ended =
                    (Reply.Ended)
                            other.call(
                                    new Request.Thaw(
                                            Optional.of(lease), Optional.empty(), false, false));
            assertThat(ended.leases()).extracting(LeaseView::state).containsExactly("released");
        }
        assertThat(srv.isFrozen()).isFalse();
    }

    @Test
    void isLostWhenSomebodyElseThaws() throws IOException {
        try (GuardHost.Client client = host.new Client()) {
            String lease = client.freeze(true, srv);
            srv.thawByOthers();
            assertThat(host.endOf(lease)).isEqualTo(End.LOST);
        }
    }

    @Test
    void isLostWhenSomebodyElseThawsAndFreezesAgain() throws IOException {
        try (GuardHost.Client client = host.new Client()) {
            String lease = client.freeze(true, srv);
            srv.thawByOthers();
            srv.freezeByOthers();
            assertThat(client.release(lease).state()).isEqualTo("lost");
        }
        // That freeze is theirs.
        assertThat(srv.isFrozen()).isTrue();
    }

    /** Just before the deadline, so that nobody has had the time to notice. */
    @Test
    void whatSomebodyElseHasFrozenSinceIsNotThawedAtTheDeadline() throws IOException {
        String lease;
        FakeFilesystem home = host.filesystem("ext4", "/home");
        try (GuardHost.Client client = host.new Client()) {
            lease = client.freeze(false, srv, home);
        }
        long deadline = host.status().leases().getFirst().deadline().orElseThrow();
        host.pass(Duration.ofNanos(deadline - host.clock.nanos() - 5_000_000));
        for (FakeFilesystem one : List.of(srv, home)) {
            one.thawByOthers();
            one.freezeByOthers();
        }
        host.pass(Duration.ofSeconds(2));
        assertThat(srv.isFrozen()).isTrue();
        assertThat(home.isFrozen()).isTrue();
        assertThat(host.endOf(lease)).isNotEqualTo(End.RELEASED);
    }

    @Test
    void whatSomebodyElseHasFrozenSinceIsNotThawedWhenItsHolderGoes() throws IOException {
        String lease;
        try (GuardHost.Client client = host.new Client()) {
            lease = client.freeze(true, srv);
            srv.thawByOthers();
            srv.freezeByOthers();
        }
        assertThat(host.endOf(lease)).isNotEqualTo(End.RELEASED);
        assertThat(srv.isFrozen()).isTrue();
    }

    @Test
    void isLostAlsoWhenTheCanarySleepsAgainBeforeTheRelease() throws IOException {
        try (GuardHost.Client client = host.new Client()) {
            String lease = client.freeze(true, srv);
            int canary = host.status().canary().orElseThrow();
            List<Long> first = sleeps(canary);
            assertThat(first).isNotEmpty();
            // A guard that notices in between needs no second sleep, and forbids it.
            FakeProcess guard = host.guardProcess();
            guard.stop();
            srv.thawByOthers();
            srv.freezeByOthers();
            host.until(() -> !sleeps(canary).isEmpty() && !sleeps(canary).equals(first));
            guard.resume();
            assertThat(client.release(lease).state()).isEqualTo("lost");
        }
        assertThat(srv.isFrozen()).isTrue();
    }

    /** The deep sleeps that threads of this process are in, by their number. */
    private List<Long> sleeps(int pid) {
        List<Long> sleeps = new ArrayList<>();
        try {
            for (int tid : host.kernel.threads(pid)) {
                try (Descriptor thread = host.kernel.openThread(pid, tid)) {
                    host.kernel.deepSleep(thread).ifPresent(sleeps::add);
                }
            }
        } catch (KernelException e) {
            throw new IllegalStateException(e);
        }
        return sleeps;
    }

    @Test
    void aSuccessorLeavesAloneWhatOthersFrozeAfterTheSentryThawed() throws IOException {
        String lease;
        try (GuardHost.Client client = host.new Client()) {
            lease = client.freeze(false, srv);
        }
        host.guardProcess().kill();
        host.until(() -> !srv.isFrozen());
        host.until(() ->
                host.kernel.spawned().stream()
                        .filter(p -> p.arguments().stream().anyMatch(a -> a.contains("Sentry")))
                        .allMatch(FakeProcess::hasEnded));
        srv.freezeByOthers();
        host.startGuard();
        assertThat(srv.isFrozen()).isTrue();
        assertThat(host.endOf(lease)).isEqualTo(End.LOST);
        assertThat(host.run.hasRecords()).isFalse();
    }

    @Test
    void aSentryThatThawedForAStoppedGuardGoesOnAndThawsNobodyElse() throws IOException {
        try (GuardHost.Client client = host.new Client()) {
            client.freeze(false, srv);
        }
        FakeProcess guard = host.guardProcess();
        guard.stop();
        host.pass(Duration.ofSeconds(1));
        host.until(() -> !srv.isFrozen());
        srv.freezeByOthers();
        host.pass(Duration.ofSeconds(2));
        assertThat(srv.isFrozen()).isTrue();
        guard.resume();
        host.until(() -> host.status().leases().isEmpty());
        assertThat(srv.isFrozen()).isTrue();
        srv.thawByOthers();
        try (GuardHost.Client client = host.new Client()) {
            assertThat(client.release(client.freeze(true, srv)).state()).isEqualTo("released");
        }
    }

    @Test
    void theSentryLeavesAloneWhatWasRefused() throws IOException {
        FakeFilesystem home = host.filesystem("ext4", "/home");
        srv.freezeTakes(Duration.ofSeconds(5));
        try (GuardHost.Client client = host.new Client()) {
            Reply.Armed armed = (Reply.Armed) client.arm(true, home, srv);
            home.freezeByOthers();
            client.say(new Request.Freeze(armed.lease().id()));
            host.until(() ->
                    host.status().leases().stream().anyMatch(l -> l.state().equals("thawing")));
            host.guardProcess().kill();
            host.pass(Duration.ofSeconds(10));
        }
        host.until(() -> !srv.isFrozen());
        assertThat(home.isFrozen()).isTrue();
    }

    @Test
    void leavesSomebodyElsesFreezeAlone() throws IOException {
        srv.freezeByOthers();
        try (GuardHost.Client client = host.new Client()) {
            Reply.Failure refused = (Reply.Failure) client.arm(true, srv);
            assertThat(refused.kind()).isEqualTo(Reply.Failure.Kind.FROZEN_BY_OTHER);
            assertThat(refused.errno()).contains("EBUSY");
        }
        assertThat(srv.isFrozen()).isTrue();
    }

    @Test
    void freezesTheUpperOfAStackFirstWhateverTheOrderOfNames() throws IOException {
        FakeFilesystem image = host.kernel.filesystemOn(srv, "ext4", Path.of("/image"));
        try (GuardHost.Client client = host.new Client()) {
            Reply.Armed armed = (Reply.Armed) client.arm(true, srv, image);
            assertThat(armed.lease().filesystems())
                    .extracting(LeaseView.FilesystemView::path)
                    .containsExactly("/image", "/srv");
            client.call(new Request.Freeze(armed.lease().id()));
            assertThat(srv.isFrozen()).isTrue();
            assertThat(image.isFrozen()).isTrue();
            assertThat(client.release(armed.lease().id()).state()).isEqualTo("released");
        }
    }

    @Test
    void undoesAllWhenOneOfTheSetCannotFreeze() throws IOException {
        FakeFilesystem home = host.filesystem("ext4", "/home");
        home.freezable(false);
        try (GuardHost.Client client = host.new Client()) {
            Reply.Armed armed = (Reply.Armed) client.arm(true, srv, home);
            Reply.Failure refused =
                    (Reply.Failure) client.call(new Request.Freeze(armed.lease().id()));
            assertThat(refused.kind()).isEqualTo(Reply.Failure.Kind.CANNOT_FREEZE);
            assertThat(refused.path()).contains("/home");
        }
        assertThat(srv.isFrozen()).isFalse();
    }

    @Test
    void aFreezeThatComesLateIsThawedAtOnce() throws IOException {
        srv.freezeTakes(Duration.ofSeconds(40));
        try (GuardHost.Client client = host.new Client()) {
            Reply.Armed armed = (Reply.Armed) client.arm(true, srv);
            Request.Freeze freeze = new Request.Freeze(armed.lease().id());
            client.say(freeze);
            host.until(() ->
                    !host.status().leases().isEmpty()
                            && host.status().leases().getFirst().state().equals("freezing"));
            host.pass(Duration.ofSeconds(14));
            Reply.Failure stuck = (Reply.Failure) client.hear(freeze);
            assertThat(stuck.kind()).isEqualTo(Reply.Failure.Kind.STUCK);
            host.pass(Duration.ofSeconds(30));
            assertThat(host.endOf(armed.lease().id())).isEqualTo(End.FAILED);
        }
        assertThat(srv.isFrozen()).isFalse();
        assertThat(srv.freezes()).isEqualTo(1);
    }

    @Test
    void theSentryThawsWhenTheGuardIsKilled() throws IOException {
        try (GuardHost.Client client = host.new Client()) {
            client.freeze(false, srv);
        }
        host.guardProcess().kill();
        host.until(() -> !srv.isFrozen());
    }

    @Test
    void theSentryThawsWhenTheGuardStaysStopped() throws IOException {
        try (GuardHost.Client client = host.new Client()) {
            client.freeze(false, srv);
        }
        // Until the sentry knows the deadline, and not only until when all has to be frozen.
        host.pass(Duration.ofMillis(200));
        long stopped = host.clock.nanos();
        host.guardProcess().stop();
        host.pass(Duration.ofSeconds(1));
        host.until(() -> !srv.isFrozen());
        assertThat(Duration.ofNanos(host.clock.nanos() - stopped))
                .as("long before the deadline")
                .isLessThan(Duration.ofSeconds(25));
    }

    @Test
    void aSentryThatIsKilledIsReplaced() throws IOException {
        try (GuardHost.Client client = host.new Client()) {
            String lease = client.freeze(false, srv);
            int sentry = host.status().sentry().orElseThrow();
            host.process(sentry).kill();
            host.pass(Duration.ofSeconds(1));
            host.until(() -> host.status().sentry().filter(pid -> pid != sentry).isPresent());
            assertThat(srv.isFrozen()).isTrue();
            host.pass(Duration.ofSeconds(1));
            host.guardProcess().kill();
            host.until(() -> !srv.isFrozen());
            assertThat(lease).isNotEmpty();
        }
    }

    @Test
    void aSuccessorThawsWhatGuardAndSentryLeft() throws IOException {
        String lease;
        try (GuardHost.Client client = host.new Client()) {
            lease = client.freeze(false, srv);
        }
        int sentry = host.status().sentry().orElseThrow();
        int guard = host.status().pid();
        host.process(sentry).kill();
        host.process(guard).kill();
        host.pass(Duration.ofSeconds(2));
        assertThat(srv.isFrozen()).isTrue();
        assertThat(host.run.hasRecords()).isTrue();
        host.startGuard();
        assertThat(srv.isFrozen()).isFalse();
        assertThat(host.endOf(lease)).isEqualTo(End.LOST);
        assertThat(host.run.hasRecords()).isFalse();
    }

    /** The freeze itself keeps the superblock, and its device leads to it. */
    @ParameterizedTest
    @ValueSource(strings = {"ext4", "xfs", "btrfs"})
    void aSuccessorThawsWhatIsMountedNowhereAnyMore(String type) throws IOException {
        FakeFilesystem home = host.filesystem(type, "/home");
        String lease;
        try (GuardHost.Client client = host.new Client()) {
            lease = client.freeze(false, srv, home);
        }
        host.kernel.unmount(home.mountPoint(), true);
        killGuardAndSentry();
        List<Mount> mounts = host.kernel.mounts();
        host.startGuard();
        host.until(() -> !home.isFrozen());
        assertThat(srv.isFrozen()).isFalse();
        assertThat(home.mountings()).isEqualTo(2);
        assertThat(host.endOf(lease)).isEqualTo(End.LOST);
        assertThat(host.run.hasRecords()).isFalse();
        assertThat(host.kernel.mounts()).isEqualTo(mounts);
    }

    @Test
    void aSuccessorThawsWhatAnotherMountCovers() throws IOException {
        String lease;
        try (GuardHost.Client client = host.new Client()) {
            lease = client.freeze(false, srv);
        }
        FakeFilesystem cover = host.filesystem("ext4", "/srv");
        cover.freezeByOthers();
        killGuardAndSentry();
        host.startGuard();
        host.until(() -> !srv.isFrozen());
        assertThat(cover.isFrozen()).isTrue();
        assertThat(host.endOf(lease)).isEqualTo(End.LOST);
    }

    /** Its device may be anybody's by now. */
    @ParameterizedTest
    @ValueSource(strings = {"ext4", "xfs", "btrfs"})
    void whatIsUnmountedAndThawedIsNotMountedAgain(String type) throws IOException {
        FakeFilesystem home = host.filesystem(type, "/home");
        String lease;
        try (GuardHost.Client client = host.new Client()) {
            lease = client.freeze(false, home);
        }
        killGuardAndSentry();
        host.kernel.unmount(home.mountPoint(), true);
        home.thawByOthers();
        host.startGuard();
        assertThat(host.endOf(lease)).isEqualTo(End.LOST);
        assertThat(home.mountings()).isEqualTo(1);
        assertThat(host.run.hasRecords()).isFalse();
        assertThat(host.status().warnings()).noneMatch(line -> line.contains("may be frozen"));
    }

    /** A loop device that was detached carries another image by now, and somebody else has frozen that. */
    @Test
    void whatHasComeToItsDeviceSinceIsNotThawed() throws IOException {
        FakeFilesystem gone = host.kernel.filesystemOn(srv, "ext4", Path.of("/home"));
        String lease;
        try (GuardHost.Client client = host.new Client()) {
            lease = client.freeze(false, gone);
        }
        killGuardAndSentry();
        gone.thawByOthers();
        host.kernel.unmount(gone.mountPoint(), true);
        FakeFilesystem other = host.kernel.filesystemOn(srv, "ext4", Path.of("/home"));
        assertThat(other.device()).isEqualTo(gone.device());
        other.freezeByOthers();
        host.kernel.unmount(other.mountPoint(), true);
        host.startGuard();
        assertThat(host.endOf(lease)).isEqualTo(End.LOST);
        assertThat(other.isFrozen()).isTrue();
        assertThat(host.run.hasRecords()).isFalse();
    }

    private void killGuardAndSentry() {
        int sentry = host.status().sentry().orElseThrow();
        int guard = host.status().pid();
        host.process(sentry).kill();
        host.process(guard).kill();
        host.pass(Duration.ofSeconds(2));
    }

    @Test
    void aRecordThatCannotBeReadDoesNotKeepASuccessorFromTheOthers() throws IOException {
        try (GuardHost.Client client = host.new Client()) {
            client.freeze(false, srv);
        }
        host.process(host.status().sentry().orElseThrow()).kill();
        host.guardProcess().kill();
        Path unreadable = Files.createDirectory(directory.resolve("leases").resolve("a"));
        host.startGuard();
        host.until(() -> !srv.isFrozen());
        assertThat(host.status().warnings())
                .anyMatch(warning -> warning.contains(unreadable.toString()));
    }

    @Test
    void aSuccessorLeavesAloneWhatWasOnlyArmed() throws IOException {
        try (GuardHost.Client client = host.new Client()) {
            client.arm(true, srv);
            host.process(host.status().sentry().orElseThrow()).kill();
            host.guardProcess().kill();
        }
        srv.freezeByOthers();
        host.startGuard();
        assertThat(srv.isFrozen()).isTrue();
    }

    @Test
    void garbageOnTheSocketHarmsNobodyElse() throws IOException {
        try (GuardHost.Client holder = host.new Client();
                GuardHost.Client rude = host.new Client()) {
            String lease = holder.freeze(true, srv);
            ByteBuffer garbage =
                    ByteBuffer.wrap("GET / HTTP/1.1\0{{{\0".getBytes(StandardCharsets.US_ASCII));
            host.kernel.send(rude.socket(), garbage, List.of());
            Reply.Failure told = (Reply.Failure) rude.hear(new Request.Status());
            assertThat(told.kind()).isEqualTo(Reply.Failure.Kind.INVALID);
            assertThat(holder.release(lease).state()).isEqualTo("released");
        }
    }

    @Test
    void anotherLeaseCannotHaveTheSameFilesystem() throws IOException {
        try (GuardHost.Client one = host.new Client();
                GuardHost.Client two = host.new Client()) {
            String lease = one.freeze(true, srv);
            Reply.Failure refused = (Reply.Failure) two.arm(true, srv);
            assertThat(refused.kind()).isEqualTo(Reply.Failure.Kind.FROZEN_BY_OTHER);
            assertThat(refused.hint().orElseThrow()).contains(lease);
        }
    }

    /** A subvolume's number is not the filesystem's: under it, no successor would find it. */
    @Test
    void aSubvolumeThatWasUnmountedSinceItWasOpenedIsRefused() throws IOException {
        FakeFilesystem home = host.filesystem("btrfs", "/home");
        try (GuardHost.Client client = host.new Client();
                Descriptor top = host.kernel.openDirectory(home.mountPoint())) {
            host.kernel.unmount(home.mountPoint(), true);
            Request.Arm arm =
                    new Request.Arm(
                            Wire.PROTOCOL,
                            List.of("/home"),
                            true,
                            Duration.ofSeconds(10),
                            Optional.of(Duration.ofSeconds(30)),
                            true,
                            true,
                            "test");
            Reply.Failure refused = (Reply.Failure) client.call(arm, top);
            assertThat(refused.kind()).isEqualTo(Reply.Failure.Kind.INVALID);
            assertThat(refused.message()).isEqualTo("/home has been unmounted");
            assertThat(home.isFrozen()).isFalse();
        }
    }

    @Test
    void twoNamesOfOneFilesystemAreOne() throws IOException {
        try (GuardHost.Client client = host.new Client()) {
            Reply.Armed armed = (Reply.Armed) client.arm(true, srv, srv);
            assertThat(armed.lease().filesystems()).hasSize(1);
        }
    }

    @Test
    void nobodyKeepsTheFilesystemOpenAfterTheEnd() throws IOException {
        try (GuardHost.Client client = host.new Client()) {
            String warm = client.freeze(true, srv);
            client.release(warm);
            int before = openDescriptors();
            assertThat(before).isPositive();
            String lease = client.freeze(true, srv);
            client.release(lease);
            host.until(() -> openDescriptors() == before);
        }
    }

    private int openDescriptors() {
        Reply.GuardStatus status = host.status();
        int open = 0;
        for (int pid :
                List.of(
                        status.pid(),
                        status.sentry().orElseThrow(),
                        status.canary().orElseThrow())) {
            open += host.process(pid).kernel().openDescriptors();
        }
        return open;
    }

    /** Its name is that of a guard's pid, which a later guard can have. */
    @Test
    void aCertificateOfNoLeaseIsNotKeptForALaterOne() throws IOException {
        Path stale = Files.createFile(directory.resolve("thawed-99-1"));
        host.guardProcess().kill();
        host.until(() -> host.kernel.spawned().stream().allMatch(FakeProcess::hasEnded));
        host.startGuard();
        assertThat(stale).doesNotExist();
    }

    /** It was armed without a canary, since nobody can write to it; now somebody can. */
    @Test
    void whatIsRemountedWritableAfterArmingIsNotHeldWithoutProof() throws IOException {
        srv.readOnly(true);
        try (GuardHost.Client client = host.new Client()) {
            String lease = ((Reply.Armed) client.arm(true, srv)).lease().id();
            srv.readOnly(false);
            assertThat(client.call(new Request.Freeze(lease)))
                    .isInstanceOfSatisfying(
                            Reply.Failure.class,
                            failure -> {
                                assertThat(failure.errno()).contains("ESTALE");
                                assertThat(failure.hint())
                                        .hasValueSatisfying(
                                                hint -> assertThat(hint).contains("remounted"));
                            });
            assertThat(srv.isFrozen()).isFalse();
            assertThat(host.endOf(lease)).isEqualTo(End.FAILED);
        }
    }

    @Test
    void whatIsReadOnlyIsHeldWithoutACanary() throws IOException {
        srv.readOnly(true);
        try (GuardHost.Client client = host.new Client()) {
            String lease = client.freeze(true, srv);
            assertThat(srv.isFrozen()).isTrue();
            assertThat(client.release(lease).state()).isEqualTo("released");
        }
    }

    @Test
    void aHalfMessageIsNoMessage() throws IOException {
        try (GuardHost.Client slow = host.new Client();
                Descriptor unused = host.kernel.eventDescriptor()) {
            host.kernel.send(
                    slow.socket(),
                    ByteBuffer.wrap("{\"method\":".getBytes(StandardCharsets.US_ASCII)),
                    List.of());
            assertThat(host.status().leases()).isEmpty();
            assertThat(unused.isOpen()).isTrue();
        }
    }
}
