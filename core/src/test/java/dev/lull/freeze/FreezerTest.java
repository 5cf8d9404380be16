package dev.lull.freeze;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import dev.lull.guard.LeaseView;
import dev.lull.guard.Reply;
import dev.lull.guard.Reply.Failure.Kind;
import dev.lull.guard.Request;
import dev.lull.lease.End;
import dev.lull.lease.Timeouts;
import dev.lull.linux.LinuxKernel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The client's side of the protocol. The other side is played, so nothing is ever frozen. */
class FreezerTest {
    private static final String ID = "k3x9p2aa";
    private final LinuxKernel kernel = new LinuxKernel();

    @TempDir private Path directory;
    private ScriptedGuard guard;
    private FreezeSet set;
    private Freezer freezer;

    @BeforeEach
    void start() throws Exception {
        guard = new ScriptedGuard(directory, this::behave);
        set = FreezeSet.of(Path.of("/proc"));
        freezer = Freezer.on(kernel, directory).named("test");
    }

    @AfterEach
    void stop() throws Exception {
        set.close();
        guard.close();
    }

    private Optional<byte[]> behave(Request request) {
        return ScriptedGuard.reply(
                switch (request) {
                    case Request.Status _ -> status(1, "frozen");
                    case Request.Arm _ -> new Reply.Armed(lease("armed"));
                    case Request.Freeze _ -> new Reply.Frozen(ID, deadline());
                    case Request.Extend _ -> new Reply.Extended(ID, deadline());
                    case Request.Release _, Request.Wait _ ->
                            new Reply.Ended(List.of(lease("released")));
                    default -> new Reply.Done();
                });
    }

    private OptionalLong deadline() {
        return OptionalLong.of(kernel.bootNanos() + Duration.ofSeconds(30).toNanos());
    }

    private static Reply.GuardStatus status(int protocol, String state) {
        return new Reply.GuardStatus(
                "test",
                protocol,
                1,
                Optional.empty(),
                Optional.empty(),
                0,
                0,
                List.of(lease(state)),
                List.of(),
                List.of());
    }

    private static LeaseView lease(String state) {
        return new LeaseView(
                ID,
                state,
                "for a test",
                true,
                "test",
                1,
                0,
                10_000,
                OptionalLong.of(30_000),
                OptionalLong.empty(),
                0,
                OptionalLong.empty(),
                state.equals("released") ? OptionalLong.of(612_000) : OptionalLong.empty(),
                List.of());
    }

    private static Reply.Failure failure(Kind kind, Optional<LeaseView> lease) {
        return new Reply.Failure(
                kind,
                "it is refused: EBUSY",
                Optional.of("EBUSY"),
                Optional.of("/srv"),
                Optional.of("do something else"),
                lease);
    }

    @Test
    void aLeaseIsFrozenExtendedAndReleased() throws Exception {
        try (Lease lease = freezer.freeze(set, Timeouts.DEFAULT)) {
            assertThat(lease.id()).isEqualTo(ID);
            assertThat(lease.held()).isTrue();
            assertThat(lease.left().orElseThrow())
                    .isBetween(Duration.ofSeconds(20), Duration.ofSeconds(30));
            lease.extend();
            lease.extend(Duration.ofSeconds(5));
            Outcome outcome = lease.release();
            assertThat(outcome.held()).isTrue();
            assertThat(outcome.window()).contains(Duration.ofNanos(612_000));
            assertThat(lease.release()).isSameAs(outcome);
            assertThat(lease.held()).isFalse();
            assertThatThrownBy(lease::extend)
                    .isInstanceOfSatisfying(
                            NotHeldException.class, e -> assertThat(e.errno()).contains("EINVAL"));
        }
        assertThat(guard.requests())
                .contains(
                        new Request.Arm(
                                1,
                                List.of("/proc"),
                                true,
                                Duration.ofSeconds(10),
                                Optional.of(Duration.ofSeconds(30)),
                                true,
                                true,
                                "test"),
                        new Request.Extend(ID, Optional.empty()),
                        new Request.Extend(ID, Optional.of(Duration.ofSeconds(5))));
    }

    @Test
    void whatIsLeftOutIsSaid() throws Exception {
        freezer.freezeDetached(
                set,
                new Timeouts(Duration.ofSeconds(1), Optional.empty()),
                FreezeOption.NO_PRESYNC,
                FreezeOption.NO_EXPEDITE);
        assertThat(guard.requests())
                .contains(
                        new Request.Arm(
                                1,
                                List.of("/proc"),
                                false,
                                Duration.ofSeconds(1),
                                Optional.empty(),
                                false,
                                false,
                                "test"));
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void aRefusalIsTheExceptionThatACallerCanActOn(Kind kind) {
        guard.now(request ->
                request instanceof Request.Freeze
                        ? ScriptedGuard.reply(failure(kind, Optional.of(lease("failed"))))
                        : behave(request));
        Class<?> expected =
                switch (kind) {
                    case INVALID -> InvalidRequestException.class;
                    case NO_SUCH_LEASE, NOT_HELD -> NotHeldException.class;
                    case CANNOT_FREEZE -> CannotFreezeException.class;
                    case FROZEN_BY_OTHER -> FrozenByOtherException.class;
                    case NOT_PERMITTED -> NotPermittedException.class;
                    case STUCK, OTHER_VERSION -> GuardUnreachableException.class;
                    case FAILED -> FreezeException.class;
                };
        assertThatThrownBy(() -> freezer.freeze(set, Timeouts.DEFAULT))
                .isExactlyInstanceOf(expected)
                .hasMessage("it is refused: EBUSY")
                .isInstanceOfSatisfying(
                        FreezeException.class,
                        e -> {
                            assertThat(e.operation()).isEqualTo("freeze");
                            assertThat(e.errno()).contains("EBUSY");
                            assertThat(e.path()).contains("/srv");
                            assertThat(e.hint()).contains("do something else");
                        });
    }

    @Test
    void anEndedLeaseSaysHowItEnded() throws Exception {
        try (Lease lease = freezer.freeze(set, Timeouts.DEFAULT)) {
            guard.now(request ->
                    request instanceof Request.Extend
                            ? ScriptedGuard.reply(
                                    failure(Kind.NOT_HELD, Optional.of(lease("expired"))))
                            : behave(request));
            assertThatThrownBy(lease::extend)
                    .isInstanceOfSatisfying(
                            NotHeldException.class,
                            e -> assertThat(e.outcome().map(Outcome::end)).contains(End.EXPIRED));
            assertThat(lease.release().held()).isFalse();
            assertThat(lease.release().end()).isEqualTo(End.EXPIRED);
        }
    }

    @Test
    void aGuardThatIsGoneHoldsNothing() throws Exception {
        try (Lease lease = freezer.freeze(set, Timeouts.DEFAULT)) {
            guard.now(request ->
                    request instanceof Request.Extend ? Optional.empty() : behave(request));
            assertThatThrownBy(lease::extend).isInstanceOf(NotHeldException.class);
            assertThat(lease.held()).isFalse();
            assertThat(lease.release().end()).isEqualTo(End.LOST);
        }
    }

    @Test
    void aGuardThatGoesDuringTheReleaseHasNotProvenIt() throws Exception {
        try (Lease lease = freezer.freeze(set, Timeouts.DEFAULT)) {
            guard.now(request ->
                    request instanceof Request.Release ? Optional.empty() : behave(request));
            assertThat(lease.release().held()).isFalse();
        }
    }

    @Test
    void aLeaseThatIsOnlyClosedIsWaitedFor() throws Exception {
        freezer.freeze(set, Timeouts.DEFAULT).close();
        assertThat(guard.requests())
                .contains(new Request.Wait(ID))
                .doesNotContain(new Request.Release(ID));
    }

    @Test
    void anArmedLeaseThatIsClosedWasNeverFrozen() throws Exception {
        try (ArmedLease armed = freezer.arm(set, Timeouts.DEFAULT)) {
            assertThat(armed.id()).isEqualTo(ID);
        }
        assertThat(guard.requests()).doesNotContain(new Request.Freeze(ID));
    }

    @Test
    void aGuardOfAnotherVersionIsNotUsed() {
        guard.now(_ -> ScriptedGuard.reply(status(2, "frozen")));
        assertThatThrownBy(() -> freezer.arm(set, Timeouts.DEFAULT))
                .isInstanceOf(GuardUnreachableException.class)
                .hasMessageContaining("protocol 2");
    }

    @Test
    void garbageIsNoGuard() {
        guard.now(_ -> Optional.of("HTTP/1.1 400 Bad Request\0".getBytes(StandardCharsets.UTF_8)));
        assertThatThrownBy(() -> freezer.arm(set, Timeouts.DEFAULT))
                .isInstanceOf(GuardUnreachableException.class)
                .hasMessageContaining("not understood");
    }

    @Test
    void aReplyWithoutEndIsCutOff() {
        guard.now(_ -> Optional.of("x".repeat(1 << 21).getBytes(StandardCharsets.US_ASCII)));
        assertThatThrownBy(() -> freezer.arm(set, Timeouts.DEFAULT))
                .isInstanceOf(GuardUnreachableException.class)
                .hasMessageContaining("longer than");
    }

    @Test
    void aGuardThatDoesNotAnswerIsNotWaitedForForEver() throws Exception {
        try (GuardClient client = GuardClient.connect(kernel, directory)) {
            guard.now(_ -> Optional.of(new byte[0]));
            assertThatThrownBy(() ->
                            client.call(
                                    new Request.Status(),
                                    List.of(),
                                    Optional.of(Duration.ofMillis(50))))
                    .isInstanceOf(GuardUnreachableException.class)
                    .hasMessageContaining("does not answer");
        }
    }

    @Test
    void closingEndsACallUnderWay() throws Exception {
        GuardClient client = GuardClient.connect(kernel, directory);
        guard.now(_ -> Optional.of(new byte[0]));
        Thread closer =
                Thread.ofPlatform()
                        .start(() -> {
                            await().until(() -> guard.requests().contains(new Request.Wait(ID)));
                            try {
                                client.close();
                            } catch (FreezeException e) {
                                throw new AssertionError(e);
                            }
                        });
        assertThatThrownBy(() -> client.call(new Request.Wait(ID), List.of(), Optional.empty()))
                .isInstanceOf(GuardUnreachableException.class);
        closer.join();
    }

    @Test
    void aDirectoryThatOthersCanWriteToIsNotTrusted() throws Exception {
        assertThat(directory.toFile().setWritable(true, false)).isTrue();
        assertThatThrownBy(() -> freezer.arm(set, Timeouts.DEFAULT))
                .isInstanceOf(GuardUnreachableException.class)
                .hasMessageContaining("can be written to by others");
        assertThat(guard.requests()).isEmpty();
    }
}
