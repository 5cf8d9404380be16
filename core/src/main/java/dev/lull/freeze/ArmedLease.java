package dev.lull.freeze;

import dev.lull.guard.LeaseView;
import dev.lull.guard.LeaseView.FilesystemView;
import dev.lull.guard.Reply;
import dev.lull.guard.Request;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/** A freeze that is prepared: everything slow is done and nothing is frozen. For one thread. */
public final class ArmedLease implements AutoCloseable {
    private final Freezer freezer;
    private final GuardClient client;
    private final LeaseView armed;
    private final Duration limit;
    private boolean handedOver;

    ArmedLease(Freezer freezer, GuardClient client, LeaseView armed, Duration limit) {
        this.freezer = freezer;
        this.client = client;
        this.armed = armed;
        this.limit = limit;
    }

    /** The lease's id: eight lower-case letters and digits. */
    public String id() {
        return armed.id();
    }

    /** What will be frozen, in freezing order. */
    public List<FilesystemView> filesystems() {
        return armed.filesystems();
    }

    /**
     * Freezes the whole set. Returns when all of it is frozen, or nothing is any more. Can be called once.
     *
     * @throws CannotFreezeException if the kernel refuses, or {@code within} was not enough
     * @throws FrozenByOtherException if one of the set is frozen already
     * @throws NotPermittedException if the kernel does not allow it
     * @throws NotHeldException if it was thawed while it was being frozen
     * @throws GuardUnreachableException if the guard dies or does not answer; another one has then been started to thaw
     *     what it left, or the message says that it could not be
     */
    public Lease freeze() throws FreezeException {
        if (handedOver) {
            throw new IllegalStateException("lease " + id() + " was frozen or closed before");
        }
        handedOver = true;
        try {
            Reply.Frozen frozen =
                    (Reply.Frozen)
                            client.call(new Request.Freeze(id()), List.of(), Optional.of(limit));
            OptionalLong deadline = frozen.deadline();
            return new Lease(freezer, client, armed, deadline);
        } catch (GuardGoneException e) {
            throw takenOver(e);
        } catch (FreezeException e) {
            throw client.closing(e);
        }
    }

    private GuardGoneException takenOver(GuardGoneException e) {
        try {
            freezer.connect().close();
        } catch (FreezeException suppressed) {
            e.addSuppressed(suppressed);
        }
        return e;
    }

    /** Gives the lease up. Does nothing after {@link #freeze()}, whose lease is closed on its own. */
    @Override
    public void close() throws FreezeException {
        if (!handedOver) {
            handedOver = true;
            client.close();
        }
    }
}
