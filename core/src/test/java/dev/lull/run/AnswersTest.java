package dev.lull.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.freeze.ScriptedGuard;
import dev.lull.guard.LeaseView;
import dev.lull.guard.Reply;
import dev.lull.guard.Reply.Failure;
import dev.lull.guard.Request;
import dev.lull.lease.Timeouts;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.LinuxKernel;
import dev.lull.linux.TrappedIoctl;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a program is told of its freeze, and what the guard. The guard is played, and so are the calls of the trap. */
class AnswersTest {
    private static final String ID = "k3x9p2aa";

    private final LinuxKernel real = new LinuxKernel();
    private final List<Optional<Errno>> answers = new ArrayList<>();

    /** What the next answers fail with. */
    private final List<Errno> failures = new ArrayList<>();

    private boolean callerWaits = true;

    @TempDir private Path directory;
    private ScriptedGuard guard;
    private Failure frozen = Failure.of(Failure.Kind.FAILED, "unused", "");
    private boolean freezes = true;
    private boolean knowsAbandon = true;

    @BeforeEach
    void start() throws Exception {
        guard = new ScriptedGuard(directory, this::behave);
    }

    @AfterEach
    void stop() throws Exception {
        guard.close();
    }

    private Optional<byte[]> behave(Request request) {
        return ScriptedGuard.reply(
                switch (request) {
                    case Request.Status _ ->
                            new Reply.GuardStatus(
                                    "test",
                                    1,
                                    1,
                                    Optional.empty(),
                                    Optional.empty(),
                                    0,
                                    0,
                                    List.of(),
                                    List.of(),
                                    List.of());
                    case Request.Arm _ -> new Reply.Armed(lease("armed"));
                    case Request.Freeze _ ->
                            freezes ? new Reply.Frozen(ID, OptionalLong.empty()) : frozen;
                    case Request.Abandon _ ->
                            knowsAbandon
                                    ? new Reply.Ended(List.of(lease("abandoned")))
                                    : Failure.of(
                                            Failure.Kind.INVALID, "no such method: Abandon", "");
                    default -> new Reply.Ended(List.of(lease("released")));
                });
    }

    private static LeaseView lease(String state) {
        return new LeaseView(
                ID,
                state,
                "for a test",
                false,
                "test",
                1,
                0,
                10_000,
                OptionalLong.of(30_000),
                OptionalLong.empty(),
                0,
                OptionalLong.empty(),
                OptionalLong.empty(),
                List.of());
    }

    @Test
    void aCallerThatIsToldHoldsItsLease() throws Exception {
        HeldLeases held = freeze();
        assertThat(answers).containsExactly(Optional.empty());
        assertThat(held.isEmpty()).isFalse();
        assertThat(guard.requests()).doesNotContain(new Request.Abandon(ID));
    }

    /** What would stay frozen until its timeout, and in nobody's hands. */
    @Test
    void aCallerThatIsToldOfAFailureHoldsNothing() throws Exception {
        failures.add(Errno.EMFILE);
        freeze();
        assertThat(answers).containsExactly(Optional.of(Errno.EIO));
        assertThat(guard.requests()).contains(new Request.Abandon(ID));
    }

    @Test
    void aCallerThatIsGoneHoldsNothing() throws Exception {
        callerWaits = false;
        freeze();
        assertThat(guard.requests()).contains(new Request.Abandon(ID));
    }

    @Test
    void aGuardThatDoesNotKnowAbandonThaws() throws Exception {
        knowsAbandon = false;
        callerWaits = false;
        freeze();
        assertThat(guard.requests())
                .containsSubsequence(
                        new Request.Abandon(ID),
                        new Request.Thaw(Optional.of(ID), Optional.empty(), false, false));
    }

    /** The kernel's own words are passed on; it has none for what happens to a lease. */
    @ParameterizedTest
    @CsvSource({
        "CANNOT_FREEZE,ETIMEDOUT,EBUSY",
        "CANNOT_FREEZE,ESTALE,EBUSY",
        "CANNOT_FREEZE,,EBUSY",
        "CANNOT_FREEZE,EOPNOTSUPP,EOPNOTSUPP",
        "CANNOT_FREEZE,EIO,EIO",
        "NOT_HELD,EINVAL,EBUSY",
        "FROZEN_BY_OTHER,EBUSY,EBUSY",
        "NOT_PERMITTED,,EPERM",
        "STUCK,,EIO",
    })
    void aRefusalIsOneOfTheKernels(Failure.Kind kind, String errno, String told) throws Exception {
        freezes = false;
        frozen =
                new Failure(
                        kind,
                        "refused",
                        Optional.ofNullable(errno),
                        Optional.empty(),
                        Optional.empty(),
                        Optional.empty());
        freeze();
        assertThat(answers).containsExactly(Errno.named(told));
    }

    private HeldLeases freeze() throws KernelException {
        Kernel kernel = playing();
        SystemLog log = new SystemLog(kernel, directory);
        HeldLeases held = new HeldLeases(kernel, directory, log);
        TrappedIoctl ioctl =
                new TrappedIoctl(1, real.processId(), 3, TrappedIoctl.Request.FREEZE, 0);
        RunLimits limits =
                new RunLimits(Optional.of(Timeouts.DEFAULT_WITHIN), Duration.ofMinutes(5));
        try (Descriptor listener = real.eventDescriptor()) {
            new FreezeIoctl(kernel, directory, listener, ioctl, limits, held, () -> {}, log).run();
        }
        return held;
    }

    private Kernel playing() {
        return (Kernel)
                Proxy.newProxyInstance(
                        Kernel.class.getClassLoader(),
                        new Class<?>[] {Kernel.class},
                        (_, method, arguments) ->
                                switch (method.getName()) {
                                    case "isAdministrator", "isPending" -> true;
                                    case "takeDescriptor" -> real.openDirectory(directory);
                                    // It says nothing in this machine's log.
                                    case "sendDatagram" -> true;
                                    case "answer" -> answer((Optional<?>) arguments[2]);
                                    default -> {
                                        try {
                                            yield method.invoke(real, arguments);
                                        } catch (InvocationTargetException e) {
                                            throw e.getCause();
                                        }
                                    }
                                });
    }

    private boolean answer(Optional<?> failure) throws KernelException {
        if (!failures.isEmpty()) {
            throw new KernelException("answer", "listener", failures.removeFirst());
        }
        answers.add(failure.map(Errno.class::cast));
        return callerWaits;
    }
}
