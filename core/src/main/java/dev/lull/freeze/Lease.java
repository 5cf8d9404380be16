package dev.lull.freeze;

import dev.lull.guard.LeaseView;
import dev.lull.guard.LeaseView.FilesystemView;
import dev.lull.guard.Reply;
import dev.lull.guard.Request;
import dev.lull.guard.Wire;
import dev.lull.guard.WireException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * The right to keep a set frozen until a deadline, held by this process. It ends at the deadline, when it is released or
 * closed, when somebody thaws, or when this process ends. For any thread.
 */
public final class Lease implements AutoCloseable {
    private static final String OPERATION_GONE =
            "the guard that kept the lease is gone, so nobody can say that it was held";

    private final Freezer freezer;
    private final GuardClient client;
    private final LeaseView armed;
    private final Request release;
    private final Request extend;
    private volatile OptionalLong deadline;
    private volatile @Nullable Outcome outcome;
    private volatile boolean closed;

    Lease(Freezer freezer, GuardClient client, LeaseView armed, OptionalLong deadline) {
        this.freezer = freezer;
        this.client = client;
        this.armed = armed;
        this.deadline = deadline;
        this.release = new Request.Release(armed.id());
        this.extend = new Request.Extend(armed.id(), Optional.empty());
    }

    /** Eight lower-case letters and digits. */
    public String id() {
        return armed.id();
    }

    /** What is frozen, in freezing order, as it was when armed. */
    public List<FilesystemView> filesystems() {
        return armed.filesystems();
    }

    /**
     * Sets the deadline to now and the lease's timeout.
     *
     * @throws NotHeldException if the lease has ended: what was made under it must be thrown away
     * @throws GuardUnreachableException if the guard does not answer; the lease is then given up
     */
    public void extend() throws FreezeException {
        extend(extend);
    }

    /**
     * Sets the deadline to now and {@code timeout}: more than zero, at most what the guard's policy allows.
     *
     * @throws InvalidRequestException if {@code timeout} is out of range
     * @throws NotHeldException if the lease has ended: what was made under it must be thrown away
     * @throws GuardUnreachableException if the guard does not answer; the lease is then given up
     */
    public void extend(Duration timeout) throws FreezeException {
        if (timeout.toMillis() <= 0) {
            throw new InvalidRequestException(
                    Trouble.of("extend", "a timeout of " + timeout.toMillis() + " ms")
                            .hint("at least 1 ms"));
        }
        extend(new Request.Extend(id(), Optional.of(timeout)));
    }

    private void extend(Request request) throws FreezeException {
        requireHeld("extend");
        try {
            deadline = ((Reply.Extended) client.call(request)).deadline();
        } catch (NotHeldException e) {
            e.outcome().ifPresent(ended -> outcome = ended);
            throw e;
        } catch (GuardGoneException e) {
            throw lost("extend", e);
        }
    }

    /** How long it still has; empty if it has no timeout. Zero once the deadline is past. */
    public Optional<Duration> left() {
        OptionalLong end = deadline;
        return end.isPresent()
                ? Optional.of(Duration.ofNanos(Math.max(0, end.getAsLong() - freezer.now())))
                : Optional.empty();
    }

    /**
     * Whether the guard says, now, that the set is frozen under this lease. Only {@link Outcome#held()} of the release
     * proves that it was so all the time.
     *
     * @throws FreezeException if the guard is there and does not answer
     */
    public boolean held() throws FreezeException {
        if (outcome != null || closed || client.lost()) {
            return false;
        }
        try {
            return client.status().leases().stream()
                    .anyMatch(lease -> lease.id().equals(id()) && lease.state().equals("frozen"));
        } catch (GuardGoneException e) {
            return false;
        }
    }

    /**
     * Thaws, and tells whether the set had been frozen all the time. What ended the lease earlier is no exception but an
     * outcome with {@link Outcome#held()} false; a second call tells the same again.
     *
     * @throws GuardUnreachableException if the guard does not answer, or is gone and no other can be started to thaw
     */
    public Outcome release() throws FreezeException {
        Outcome known = outcome;
        if (known != null) {
            return known;
        }
        if (closed) {
            throw new IllegalStateException("lease " + id() + " is closed");
        }
        try {
            Reply.Ended ended =
                    (Reply.Ended) client.call(release, List.of(), Optional.of(GuardClient.THAWING));
            return ended(ended);
        } catch (NotHeldException e) {
            return remember(e.outcome().orElseGet(() -> Outcome.unproven(id(), e.getMessage())));
        } catch (GuardGoneException e) {
            takeOver(e);
            return remember(Outcome.unproven(id(), OPERATION_GONE));
        }
    }

    /**
     * Waits, on a connection of its own, until the lease has ended for whatever reason.
     *
     * @throws GuardUnreachableException if the guard is gone and no other can be started to thaw
     */
    public Outcome awaitEnd() throws FreezeException {
        Outcome known = outcome;
        if (known != null) {
            return known;
        }
        try (GuardClient second = freezer.connect()) {
            return ended(
                    (Reply.Ended) second.call(new Request.Wait(id()), List.of(), Optional.empty()));
        } catch (NotHeldException e) {
            return remember(e.outcome().orElseGet(() -> Outcome.unproven(id(), e.getMessage())));
        } catch (GuardGoneException e) {
            takeOver(e);
            return remember(Outcome.unproven(id(), OPERATION_GONE));
        }
    }

    /** Thaws if that has not been done: the lease is then {@code abandoned}. Returns when it has ended. Idempotent. */
    @Override
    public void close() throws FreezeException {
        if (closed) {
            return;
        }
        closed = true;
        client.close();
        if (outcome == null) {
            awaitThaw();
        }
    }

    private void awaitThaw() throws FreezeException {
        try (GuardClient second = freezer.connect()) {
            ended(
                    (Reply.Ended)
                            second.call(
                                    new Request.Wait(id()),
                                    List.of(),
                                    Optional.of(GuardClient.THAWING)));
        } catch (NotHeldException e) {
            // The guard knows no such lease any more: it has ended, or a new guard took over.
            remember(e.outcome().orElseGet(() -> Outcome.unproven(id(), e.getMessage())));
        } catch (GuardGoneException e) {
            takeOver(e);
        }
    }

    private Outcome ended(Reply.Ended reply) throws FreezeException {
        for (LeaseView lease : reply.leases()) {
            Outcome end = lease.id().equals(id()) ? Outcome.of(lease) : null;
            if (end != null) {
                return remember(end);
            }
        }
        throw new GuardUnreachableException(
                Trouble.of("release", "the guard did not say how lease " + id() + " ended")
                        .hint("see lull status"));
    }

    private Outcome remember(Outcome ended) {
        Outcome known = outcome;
        if (known == null) {
            outcome = ended;
            return ended;
        }
        return known;
    }

    private void requireHeld(String operation) throws NotHeldException {
        Outcome known = outcome;
        if (known != null) {
            throw new NotHeldException(
                    Trouble.of(
                                    operation,
                                    "lease "
                                            + id()
                                            + " has ended: "
                                            + known.end().word()
                                            + ": EINVAL")
                            .errno("EINVAL"),
                    Optional.of(known));
        }
    }

    private NotHeldException lost(String operation, GuardGoneException e) {
        Outcome end = remember(Outcome.unproven(id(), OPERATION_GONE));
        try {
            takeOver(e);
        } catch (FreezeException failed) {
            e.addSuppressed(failed);
        }
        return new NotHeldException(
                Trouble.of(operation, "lease " + id() + ": " + OPERATION_GONE + ": EINVAL")
                        .errno("EINVAL")
                        .because(e),
                Optional.of(end));
    }

    /** The next guard thaws what the dead one left, as the first thing that it does. */
    private void takeOver(GuardGoneException e) throws FreezeException {
        try {
            freezer.connect().close();
        } catch (FreezeException failed) {
            failed.addSuppressed(e);
            throw failed;
        }
    }

    /** Runs what a release will run, as far as that goes without the guard, so that its classes are loaded. */
    static void rehearse(LeaseView armed) {
        Request request = new Request.Release(armed.id());
        try {
            for (int i = 0; i < 20; i++) {
                Wire.encode(request);
                Wire.encode(new Request.Freeze(armed.id()));
                byte[] frozen = Wire.encode(new Reply.Frozen(armed.id(), OptionalLong.of(1)));
                Wire.reply(message(frozen), new Request.Freeze(armed.id()));
                byte[] ended = Wire.encode(new Reply.Ended(List.of(armed)));
                if (Wire.reply(message(ended), request) instanceof Reply.Ended reply) {
                    Outcome.of(reply.leases().getFirst());
                }
            }
        } catch (WireException e) {
            throw new IllegalStateException("our own message is not understood", e);
        }
    }

    private static byte[] message(byte[] encoded) {
        return Arrays.copyOf(encoded, encoded.length - 1);
    }
}
