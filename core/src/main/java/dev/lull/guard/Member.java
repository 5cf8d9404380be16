package dev.lull.guard;

import dev.lull.lease.Part;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.Filesystem;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.Mount;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/**
 * One filesystem of a lease in the guard: its descriptors, and the one thread that makes its calls, so that one which is
 * stuck in the kernel delays no other. The thread's calls are measured; everything else belongs to the guard's loop.
 */
final class Member {
    private enum Order {
        PRE_SYNC,
        FREEZE,
        THAW,
        END
    }

    /** A canary that is not asleep by then has been woken, or cannot run. */
    private static final Duration CANARY_SETTLES = Duration.ofSeconds(2);

    private static final Duration THAW_RETRY = Duration.ofMillis(50);
    private static final Duration CANARY_LOOK = Duration.ofNanos(10_000);

    /** How often the canary is looked at before FIFREEZE's return is told without its proof. */
    private static final int CANARY_LOOKS = 10;

    private final Kernel kernel;
    private final Mailbox mailbox;
    private final LiveLease lease;
    private final int slot;
    private final String path;
    private final int seenBy;
    private final Filesystem filesystem;
    private final Descriptor directory;
    private final List<Descriptor> backing;
    private final Descriptor canaryBell;
    private final int level;
    private final LinkedBlockingQueue<Order> orders = new LinkedBlockingQueue<>();
    private final Thread thread;

    /** Since when it is written back; 0 if it is not. */
    private volatile long syncingSince;

    private volatile long freezeCalled;
    private volatile long freezeReturned;
    private volatile long thawCalled;
    private volatile long thawReturned;
    private volatile long giveUpAt;
    private volatile boolean closed;
    private volatile @Nullable Descriptor canaryThread;

    /** Which sleep of the canary's proves the freeze; see {@link dev.lull.linux.ProcessCalls#deepSleep}. */
    private volatile OptionalLong proof = OptionalLong.empty();

    int canaryProcess;
    long canaryTold;
    boolean toldToSentry;
    boolean toldToCanary;
    boolean keptBySentry;
    boolean keptByCanary;
    boolean preSynced;

    /** Nothing of it is frozen by its lease, now or later: neither the sentry nor a successor is to thaw it. */
    boolean over;

    boolean forgottenBySentry;
    boolean forgottenByCanary;

    /**
     * @param path as the user named it
     * @param seenBy a process that sees the mount of {@code directory}
     * @param directory an open directory of the filesystem; owned by the member from now on
     * @param backing the files below the filesystem; owned likewise
     * @param canaryBell the event that sends the canary to sleep; owned likewise
     */
    Member(
            Kernel kernel,
            Mailbox mailbox,
            LiveLease lease,
            int slot,
            String path,
            int seenBy,
            Filesystem filesystem,
            Descriptor directory,
            List<Descriptor> backing,
            Descriptor canaryBell,
            int level) {
        this.kernel = kernel;
        this.mailbox = mailbox;
        this.lease = lease;
        this.slot = slot;
        this.path = path;
        this.seenBy = seenBy;
        this.filesystem = filesystem;
        this.directory = directory;
        this.backing = List.copyOf(backing);
        this.canaryBell = canaryBell;
        this.level = level;
        this.thread = new Thread(null, this::work, "fs-" + slot, 256 * 1024);
        this.thread.setDaemon(true);
    }

    void start() {
        thread.start();
    }

    int slot() {
        return slot;
    }

    String path() {
        return path;
    }

    Filesystem filesystem() {
        return filesystem;
    }

    Descriptor directory() {
        return directory;
    }

    Descriptor canaryBell() {
        return canaryBell;
    }

    int level() {
        return level;
    }

    /** See {@link dev.lull.lease.Terms.Member#provable()}. */
    boolean provable() {
        return !filesystem.readOnly();
    }

    long freezeCalled() {
        return freezeCalled;
    }

    long thawReturned() {
        return thawReturned;
    }

    void preSync() {
        orders.add(Order.PRE_SYNC);
    }

    /** @param giveUpAt when the lease's time to get everything frozen is over */
    void freeze(long giveUpAt) {
        this.giveUpAt = giveUpAt;
        orders.add(Order.FREEZE);
    }

    void thaw() {
        orders.add(Order.THAW);
    }

    /** Ends the thread and closes the descriptors; at once, unless a call is stuck. */
    void end() {
        orders.add(Order.END);
    }

    /** Whether the descriptors are closed. */
    boolean closed() {
        return closed;
    }

    private void work() {
        while (true) {
            Order order;
            try {
                order = orders.take();
            } catch (InterruptedException e) {
                // Nobody interrupts this thread; a filesystem without its thread could not be
                // thawed.
                continue;
            }
            switch (order) {
                case PRE_SYNC ->
                        mailbox.post(
                                new Note.PreSynced(
                                        lease,
                                        this,
                                        attempt(() ->
                                                writeBack(() ->
                                                        PreSync.rounds(
                                                                kernel, directory, backing)))));
                case FREEZE -> freezeAndProve();
                case THAW ->
                        mailbox.post(new Note.ThawReturned(lease, this, attempt(this::callThaw)));
                case END -> {
                    closeAll();
                    closed = true;
                    mailbox.post(new Note.Closed(lease));
                    return;
                }
            }
        }
    }

    private interface Call {
        void run() throws KernelException;
    }

    private void writeBack(Call call) throws KernelException {
        syncingSince = kernel.bootNanos();
        try {
            call.run();
        } finally {
            syncingSince = 0;
        }
    }

    private static Optional<Errno> attempt(Call call) {
        try {
            call.run();
            return Optional.empty();
        } catch (KernelException e) {
            return Optional.of(e.errno());
        }
    }

    /**
     * The canary is sent on its way before FIFREEZE: the first level of the freeze puts it to sleep, so that nothing is
     * left to be waited for when the call returns.
     */
    private void freezeAndProve() {
        proof = OptionalLong.empty();
        if (lease.request().presync()) {
            Optional<Errno> errno =
                    attempt(() -> writeBack(() -> PreSync.once(kernel, directory, backing)));
            if (errno.isPresent()) {
                mailbox.post(new Note.FreezeReturned(lease, this, errno, false));
                return;
            }
        }
        if (kernel.bootNanos() - giveUpAt >= 0) {
            // The write-back has taken all the time there was: nobody need wait for a freeze now.
            Optional<Errno> late = Optional.of(Errno.ETIMEDOUT);
            mailbox.post(new Note.FreezeReturned(lease, this, late, false));
            return;
        }
        if (!provable() && isWritable()) {
            mailbox.post(new Note.FreezeReturned(lease, this, Optional.of(Errno.ESTALE), false));
            return;
        }
        boolean rung = provable() && attempt(() -> kernel.signal(canaryBell)).isEmpty();
        Optional<Errno> errno = attempt(this::callFreeze);
        boolean asleep = errno.isEmpty() && rung && fallsAsleep(CANARY_LOOKS);
        mailbox.post(new Note.FreezeReturned(lease, this, errno, asleep));
        if (errno.isEmpty() && provable() && !asleep) {
            mailbox.post(
                    new Note.CanarySettled(lease, this, rung && fallsAsleep(Integer.MAX_VALUE)));
        }
    }

    /** Remounted since it was armed: it would be held without a canary, and nobody could say that it was. */
    private boolean isWritable() {
        try {
            List<Mount> table = Preparation.tableOf(kernel, directory, seenBy).mounts();
            return !Filesystem.of(kernel, directory, table).readOnly();
        } catch (KernelException e) {
            return true;
        }
    }

    /**
     * Waits for the canary to sleep. Once FIFREEZE has returned nobody is between the freeze's doors: a thread in state D
     * there waits for the thaw.
     *
     * @param looks how often to look at most; gives up earlier when something else is to be done, for then the freeze is
     *     over anyhow
     */
    private boolean fallsAsleep(int looks) {
        long until = kernel.bootNanos() + CANARY_SETTLES.toNanos();
        OptionalLong before = OptionalLong.empty();
        for (int look = 0; look < looks; look++) {
            OptionalLong now;
            try {
                now = canarySleep();
            } catch (KernelException e) {
                now = OptionalLong.empty();
            }
            if (now.isPresent() && now.equals(before)) {
                proof = now;
                return true;
            }
            if (!orders.isEmpty() || kernel.bootNanos() - until >= 0) {
                return false;
            }
            if (now.isEmpty()) {
                attempt(() -> kernel.poll(List.of(), CANARY_LOOK));
            }
            before = now;
        }
        return false;
    }

    /** What the canary tells of the freeze since it was proved. */
    enum Witness {
        /** It has slept all the time: it was held. */
        ASLEEP,
        /** It has woken, and nothing but a thaw wakes it: somebody else thawed. */
        WOKE,
        /** It cannot be looked at, or may have been falling asleep when it was proved: neither proves anything. */
        UNKNOWN
    }

    Witness witness() {
        if (proof.isEmpty()) {
            return Witness.UNKNOWN;
        }
        try {
            OptionalLong now = canarySleep();
            if (proof.equals(now)) {
                return Witness.ASLEEP;
            }
            // Whoever has woken gives its processor up once more at least on its way into the next
            // sleep. One further is the sleep that it was still falling into when it was proved.
            boolean same = now.isPresent() && now.getAsLong() == proof.getAsLong() + 1;
            return same ? Witness.UNKNOWN : Witness.WOKE;
        } catch (KernelException e) {
            return Witness.UNKNOWN;
        }
    }

    private OptionalLong canarySleep() throws KernelException {
        Descriptor thread = canaryThread;
        return thread == null ? OptionalLong.empty() : kernel.deepSleep(thread);
    }

    /** The canary has sent this thread of its, in the place of a predecessor's. Before the freeze only. */
    void keptBy(int thread) {
        keptByCanary = true;
        try {
            closeCanaryThread();
            canaryThread = kernel.openThread(canaryProcess, thread);
        } catch (KernelException e) {
            // It died just now, which its guard will notice; it proves nothing until then.
            canaryThread = null;
        }
    }

    private void closeCanaryThread() throws KernelException {
        Descriptor thread = canaryThread;
        if (thread != null) {
            thread.close();
        }
    }

    private void callFreeze() throws KernelException {
        freezeCalled = kernel.bootNanos();
        try {
            kernel.freeze(directory);
        } finally {
            freezeReturned = kernel.bootNanos();
        }
    }

    /** Any errno but EINVAL leaves it frozen (fs/super.c, thaw_super): it is tried until it is not. */
    private void callThaw() throws KernelException {
        thawCalled = kernel.bootNanos();
        while (true) {
            try {
                kernel.thaw(directory);
                thawReturned = kernel.bootNanos();
                return;
            } catch (KernelException e) {
                thawReturned = kernel.bootNanos();
                if (e.errno().equals(Errno.EINVAL)) {
                    throw e;
                }
            }
            kernel.poll(List.of(), THAW_RETRY);
        }
    }

    private void closeAll() {
        List<Descriptor> all = new ArrayList<>(backing);
        all.add(directory);
        all.add(canaryBell);
        Descriptor watched = canaryThread;
        if (watched != null) {
            all.add(watched);
        }
        for (Descriptor descriptor : all) {
            try {
                descriptor.close();
            } catch (KernelException e) {
                // close(2) frees the number whatever it answers; there is nothing to undo.
                continue;
            }
        }
    }

    /** As it is told to clients. */
    LeaseView.FilesystemView view(Optional<Part> part, long now) {
        long syncing = syncingSince;
        return new LeaseView.FilesystemView(
                path,
                filesystem.device().toString(),
                filesystem.type(),
                filesystem.source(),
                filesystem.uuid(),
                syncing != 0 ? "syncing" : part.map(p -> word(p.phase())).orElse("idle"),
                syncing != 0 ? syncing : part.map(Part::since).orElse(now),
                span(freezeCalled, freezeReturned),
                span(thawCalled, thawReturned),
                part.flatMap(Part::errno).map(Errno::name));
    }

    private static String word(Part.Phase phase) {
        return switch (phase) {
            case PROVEN -> "frozen";
            default -> phase.name().toLowerCase(Locale.ROOT);
        };
    }

    private static OptionalLong span(long from, long to) {
        return to == 0 ? OptionalLong.empty() : OptionalLong.of(to - from);
    }
}
