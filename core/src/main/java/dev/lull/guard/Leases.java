package dev.lull.guard;

import dev.lull.guard.Reply.Failure;
import dev.lull.lease.Effect;
import dev.lull.lease.End;
import dev.lull.lease.LeaseEvent;
import dev.lull.lease.LeaseState;
import dev.lull.lease.Part;
import dev.lull.lease.Timeouts;
import dev.lull.lease.Transition;
import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.ThreadStatus;
import java.io.IOException;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The leases of a guard: what clients, threads, companions and time do to them, and what they have done in turn. Belongs
 * to the guard's loop.
 */
final class Leases {
    /** How long everything but the pre-sync may take in arming. */
    private static final Duration ARMING = Duration.ofSeconds(20);

    /** A canary that has not come back by then sleeps on somebody else's freeze. */
    private static final Duration CANARY_PROBE = Duration.ofSeconds(2);

    /**
     * How long the sentry may be behind with a deadline that has moved on. Far less than its grace, and longer than a
     * window, in which it is not to compete for a processor.
     */
    private static final Duration SENTRY_LATER = Duration.ofMillis(50);

    /** How long grace periods stay expedited while a set is frozen: longer than a window, which then ends without it. */
    private static final Duration EXPEDITED = Duration.ofMillis(50);

    /** How long a freeze may go without a sentry. */
    private static final Duration SENTRY_MISSING = Duration.ofSeconds(5);

    /** How long the companions have to close their descriptors before an end is told. */
    private static final Duration CLEANING = Duration.ofSeconds(1);

    private static final String LETTERS = "abcdefghjkmnpqrstuvwxyz23456789";

    private final Kernel kernel;
    private final RunDirectory run;
    private final Companions companions;
    private final Expedite expedite;
    private final Admission admission;
    private final Preparation preparation;
    private final TakeOver takeOver;
    private final SecureRandom random = new SecureRandom();
    private final AtomicInteger slots = new AtomicInteger();
    private final Map<String, LiveLease> live = new LinkedHashMap<>();

    /** Who asked for several leases to end at once. */
    private final List<Gathering> gatherings = new ArrayList<>();

    private final EndedLeases ended;

    private final Set<String> troubles = new LinkedHashSet<>();
    private final long guardStart;

    private long serials;

    Leases(
            Kernel kernel,
            Mailbox mailbox,
            RunDirectory run,
            Companions companions,
            Expedite expedite,
            Admission admission,
            TakeOver takeOver)
            throws KernelException {
        this.guardStart =
                kernel.thread(kernel.processId(), kernel.processId())
                        .map(ThreadStatus::startTicks)
                        .orElse(0L);
        this.kernel = kernel;
        this.run = run;
        this.companions = companions;
        this.expedite = expedite;
        this.admission = admission;
        this.takeOver = takeOver;
        this.ended = new EndedLeases(run);
        this.preparation = new Preparation(kernel, mailbox, slots);
    }

    boolean isEmpty() {
        return live.isEmpty();
    }

    int count() {
        return live.size();
    }

    /** What an administrator should know, in words. */
    Set<String> troubles() {
        return Collections.unmodifiableSet(troubles);
    }

    /** Those that somebody may see: his own, and root all. */
    List<LeaseView> views(Caller caller, long now) {
        List<LeaseView> views = new ArrayList<>();
        for (LiveLease lease : live.values()) {
            if (caller.mayAct(lease.holder().uid())) {
                views.add(lease.view(now));
            }
        }
        return views;
    }

    // ---- what clients ask

    void arm(Connection connection, Request.Arm arm, long now)
            throws KernelException, WireException {
        List<Descriptor> directories = connection.takeDescriptors(arm.paths().size());
        Optional<Failure> refusal = refusal(connection.caller(), arm);
        if (refusal.isPresent()) {
            Descriptor.closeAll(directories);
            connection.reply(refusal.get());
            return;
        }
        LiveLease lease =
                new LiveLease(
                        newId(),
                        ++serials,
                        arm,
                        admission.permit(connection.caller()),
                        connection,
                        now);
        live.put(lease.id(), lease);
        preparation.start(lease, directories);
    }

    private Optional<Failure> refusal(Caller caller, Request.Arm arm) {
        if (arm.protocol() != Wire.PROTOCOL) {
            return Optional.of(Refusals.otherVersion(arm.protocol()));
        }
        if (arm.paths().isEmpty()) {
            return Optional.of(Failure.of(Failure.Kind.INVALID, "no paths to freeze", ""));
        }
        Optional<Failure> outOfRange =
                Refusals.outOfRange(() -> new Timeouts(arm.within(), arm.timeout()));
        if (outOfRange.isPresent()) {
            return outOfRange;
        }
        return admission.refuses(caller, arm, live.values());
    }

    void freeze(Connection connection, String id, long now) throws IOException {
        LiveLease lease = live.get(id);
        if (lease == null) {
            connection.reply(ended.notHeld(id));
        } else if (lease.connection != connection) {
            connection.reply(
                    Failure.of(
                            Failure.Kind.NOT_PERMITTED,
                            "lease " + id + " was armed elsewhere",
                            ""));
        } else if (!lease.isPrepared()
                || lease.awaitingArmed != null
                || !(lease.state() instanceof LeaseState.Armed)) {
            connection.reply(
                    Failure.of(
                            Failure.Kind.INVALID,
                            "lease " + id + " is " + lease.state().word(),
                            ""));
        } else {
            if (!lease.kept()) {
                connection.reply(
                        Failure.of(
                                Failure.Kind.FAILED,
                                "cannot freeze: the sentry or the canary died and is being replaced",
                                "try again"));
                return;
            }
            // Before FIFREEZE: whoever comes after a guard that died must know what to thaw.
            run.record(record(lease, true));
            lease.recorded = true;
            lease.awaitingFrozen = connection;
            tellDeadline(lease, now + lease.request().within().toNanos(), false);
            if (lease.request().expedite()) {
                lease.expediteUntil = OptionalLong.of(Long.MAX_VALUE);
                if (expedite.begin()) {
                    companions.tellSentry(Signal.of(Signal.Kind.EXPEDITED, 0, 0, 1));
                }
            }
            step(lease, new LeaseEvent.Freeze(), now);
        }
    }

    void extend(Connection connection, Request.Extend extend, long now) throws KernelException {
        LiveLease lease = live.get(extend.lease());
        if (lease == null) {
            connection.reply(ended.notHeld(extend.lease()));
            return;
        }
        if (!lease.isPrepared()) {
            connection.reply(notHeld(lease, now));
            return;
        }
        Optional<Failure> refusal =
                extend.timeout()
                        .flatMap(t -> Refusals.outOfRange(() -> Timeouts.of(t)))
                        .or(() -> lease.refusesExtension(extend.timeout(), now));
        if (refusal.isPresent()) {
            connection.reply(refusal.get());
            return;
        }
        step(lease, new LeaseEvent.Extend(extend.timeout()), now);
        if (lease.state() instanceof LeaseState.Frozen frozen) {
            connection.reply(new Reply.Extended(lease.id(), frozen.deadline()));
        } else {
            connection.reply(notHeld(lease, now));
        }
    }

    void release(Connection connection, String id, long now) throws KernelException {
        Optional<LiveLease> lease = heldBy(connection, id);
        if (lease.isPresent()) {
            awaitEnd(lease.get(), connection, now);
            lookAtCanaries(lease.get(), true, now);
            end(lease.get(), new LeaseEvent.Release(), now);
        }
    }

    void abandon(Connection connection, String id, long now) throws KernelException {
        Optional<LiveLease> lease = heldBy(connection, id);
        if (lease.isPresent()) {
            awaitEnd(lease.get(), connection, now);
            end(lease.get(), new LeaseEvent.Cut(End.ABANDONED, "its holder was killed"), now);
        }
    }

    /**
     * A lease that this connection may end as its holder. An attached one is its own connection's, and nobody else can know
     * that its holder is no more.
     *
     * @return empty if it is none such, and then that has been answered
     */
    private Optional<LiveLease> heldBy(Connection connection, String id) throws KernelException {
        LiveLease lease = live.get(id);
        if (lease == null) {
            connection.reply(endOf(id));
            return Optional.empty();
        }
        boolean holder =
                lease.connection == connection
                        || (!lease.request().attached() && mayAct(connection, lease));
        if (holder) {
            return Optional.of(lease);
        }
        connection.reply(
                Failure.of(
                        Failure.Kind.NOT_PERMITTED,
                        "lease " + id + " is attached to process " + lease.holder().pid(),
                        "lull thaw " + id + " revokes it"));
        return Optional.empty();
    }

    void await(Connection connection, String id, long now) {
        LiveLease lease = live.get(id);
        if (lease != null) {
            awaitEnd(lease, connection, now);
            return;
        }
        connection.reply(endOf(id));
    }

    /** Thaws by lease or everything; by path see {@link #thawOn}. */
    void thaw(Connection connection, Request.Thaw thaw, long now) throws KernelException {
        if (thaw.all()) {
            List<LiveLease> all = List.copyOf(live.values());
            if (all.isEmpty()) {
                connection.reply(new Reply.Ended(List.of()));
                return;
            }
            gatherings.add(new Gathering(connection, all));
            for (LiveLease lease : all) {
                thawByName(lease, connection, now);
            }
            for (LiveLease lease : all) {
                if (lease.toldStuck) {
                    tellStuck(lease, now);
                }
            }
            return;
        }
        String id = thaw.lease().orElse("");
        LiveLease lease = live.get(id);
        if (lease == null) {
            connection.reply(ended.notHeld(id));
            return;
        }
        awaitEnd(lease, connection, now);
        thawByName(lease, connection, now);
    }

    private void awaitEnd(LiveLease lease, Connection connection, long now) {
        if (lease.toldStuck) {
            connection.reply(Refusals.stuck(lease.view(now), now));
        } else {
            lease.awaitingEnd.add(connection);
        }
    }

    /** A detached lease is released by whoever can name it and may; an attached one is revoked. */
    private void thawByName(LiveLease lease, Connection connection, long now)
            throws KernelException {
        lookAtCanaries(lease, true, now);
        if (!lease.request().attached() && mayAct(connection, lease)) {
            end(lease, new LeaseEvent.Release(), now);
        } else {
            end(
                    lease,
                    new LeaseEvent.Cut(End.REVOKED, "thawed by process " + connection.peer().pid()),
                    now);
        }
    }

    /** @return false if no lease holds the filesystem, and nothing was done or answered */
    boolean thawOn(Connection connection, DeviceNumber device, long now) throws KernelException {
        for (LiveLease lease : List.copyOf(live.values())) {
            if (holds(lease, device)) {
                if (!mayAct(connection, lease)) {
                    connection.reply(Refusals.belongsTo(lease.holder().uid(), lease.id()));
                    return true;
                }
                awaitEnd(lease, connection, now);
                thawByName(lease, connection, now);
                return true;
            }
        }
        return false;
    }

    void revokeAll(String reason, long now) throws KernelException {
        for (LiveLease lease : List.copyOf(live.values())) {
            end(lease, new LeaseEvent.Cut(End.REVOKED, reason), now);
        }
    }

    /** The connection is closed: attached leases end, and so do detached ones that were never frozen. */
    void gone(Connection connection) throws KernelException {
        long now = kernel.bootNanos();
        for (LiveLease lease : List.copyOf(live.values())) {
            lease.awaitingEnd.remove(connection);
            if (lease.connection == connection) {
                lease.connection = null;
                boolean unfrozen = !(lease.state() instanceof LeaseState.Frozen);
                if (lease.request().attached() || unfrozen) {
                    end(
                            lease,
                            new LeaseEvent.Cut(End.ABANDONED, "its holder's connection closed"),
                            now);
                }
            }
        }
    }

    private boolean mayAct(Connection connection, LiveLease lease) {
        return connection.caller().mayAct(lease.holder().uid());
    }

    /** Whether a lease, of now or of the past, is somebody else's. */
    Optional<Failure> refuses(Caller caller, String id) {
        if (caller.root()) {
            return Optional.empty();
        }
        LiveLease lease = live.get(id);
        Optional<Integer> owner =
                lease == null
                        ? ended.find(id).map(LeaseView::uid)
                        : Optional.of(lease.holder().uid());
        return owner.filter(uid -> !caller.mayAct(uid)).map(uid -> Refusals.belongsTo(uid, id));
    }

    // ---- what threads tell

    void noted(Note note) throws KernelException {
        long now = kernel.bootNanos();
        switch (note) {
            case Note.Prepared n -> prepared(n, now);
            case Note.Unprepared n -> unprepared(n.lease(), n.failure(), now);
            case Note.PreSynced n -> preSynced(n, now);
            case Note.FreezeReturned n -> freezeReturned(n, now);
            case Note.CanarySettled n -> {
                int index = n.lease().members().indexOf(n.member());
                LeaseEvent event =
                        n.asleep()
                                ? new LeaseEvent.CanaryAsleep(index)
                                : new LeaseEvent.CanaryAwake(index, false);
                step(n.lease(), event, now);
            }
            case Note.ThawReturned n ->
                    step(
                            n.lease(),
                            new LeaseEvent.ThawReturned(
                                    n.lease().members().indexOf(n.member()), n.errno()),
                            now);
            case Note.Closed n -> finish(n.lease(), now);
            case Note.ForeignThawReturned _,
                    Note.CompanionStarted _,
                    Note.Identified _,
                    Note.Recognized _,
                    Note.PolicyRead _ ->
                    throw new IllegalStateException("not about a lease");
        }
    }

    private void freezeReturned(Note.FreezeReturned note, long now) throws KernelException {
        if (note.errno().isPresent()) {
            // Whoever has frozen it, it was not us.
            letGo(note.lease(), note.member());
        }
        int index = note.lease().members().indexOf(note.member());
        step(note.lease(), new LeaseEvent.FreezeReturned(index, note.errno()), now);
        if (note.asleep()) {
            step(note.lease(), new LeaseEvent.CanaryAsleep(index), now);
        }
    }

    private void letGo(LiveLease lease, Member member) {
        member.over = true;
        companions.tellSentry(Signal.of(Signal.Kind.FORGET, member.slot(), lease.serial(), 0));
        rewriteRecord(lease);
    }

    /**
     * One of a set does not thaw; the others have, and may be frozen again by whomever. Not at once: nothing of this is
     * to be done in a window that ends as it should.
     */
    private void letGoOfThawed(LiveLease lease, LeaseState.Thawing thawing, long now) {
        if (now - thawing.since() < Transition.PATIENCE.toNanos()) {
            return;
        }
        for (int i = 0; i < lease.members().size(); i++) {
            if (thawing.parts().get(i).phase() == Part.Phase.DONE && !lease.members().get(i).over) {
                letGo(lease, lease.members().get(i));
            }
        }
    }

    private void rewriteRecord(LiveLease lease) {
        try {
            run.record(record(lease, true));
        } catch (IOException e) {
            // The one written before the freeze stands.
            troubles.add("cannot keep a record: " + e.getMessage());
        }
    }

    private void prepared(Note.Prepared note, long now) throws KernelException {
        LiveLease lease = note.lease();
        if (live.get(lease.id()) != lease) {
            // It ended while it was being prepared, and nobody waits for it.
            note.members().forEach(Member::start);
            note.members().forEach(Member::end);
            return;
        }
        lease.prepared(note.members(), note.max());
        note.members().forEach(Member::start);
        Optional<LiveLease> other = holderOf(lease);
        if (other.isPresent()) {
            Member shared =
                    lease.members().stream()
                            .filter(m -> holds(other.get(), m.filesystem().device()))
                            .findFirst()
                            .orElseThrow();
            unprepared(lease, Refusals.heldBy(other.get(), shared.path(), now), now);
            return;
        }
        for (Member member : lease.members()) {
            Optional<String> left = takeOver.atWorkOn(member.filesystem().device(), now);
            if (left.isPresent()) {
                unprepared(lease, Refusals.stillStuck(member.path(), left.get()), now);
                return;
            }
        }
        try {
            run.record(record(lease, false));
            lease.recorded = true;
        } catch (IOException e) {
            unprepared(
                    lease,
                    Failure.of(Failure.Kind.FAILED, "cannot keep a record: " + e.getMessage(), ""),
                    now);
            return;
        }
        for (Member member : lease.members()) {
            if (!member.provable()) {
                member.keptByCanary = true;
            }
        }
        introduce(lease);
        if (lease.ended()) {
            finish(lease, now);
        }
    }

    /** Hands the members to the companions that are ready and do not have them yet. */
    private void introduce(LiveLease lease) {
        if (!lease.isPrepared() || lease.ended()) {
            return;
        }
        boolean retold = false;
        for (Member member : lease.members()) {
            if (!member.toldToSentry && !member.over && companions.sentryReady()) {
                member.toldToSentry = true;
                companions.tellSentry(
                        new Signal(
                                Signal.Kind.KEEP,
                                member.slot(),
                                lease.serial(),
                                member.level(),
                                List.of(member.directory())));
                retold = true;
            }
            if (!member.toldToCanary && member.provable() && companions.canaryReady()) {
                member.toldToCanary = true;
                member.canaryProcess = companions.canaryPid().orElse(0);
                member.canaryTold = kernel.bootNanos();
                companions.tellCanary(
                        new Signal(
                                Signal.Kind.KEEP,
                                member.slot(),
                                lease.serial(),
                                0,
                                List.of(member.directory(), member.canaryBell())));
            }
        }
        if (retold) {
            retellDeadline(lease);
        }
    }

    private Optional<LiveLease> holderOf(LiveLease lease) {
        return live.values().stream()
                .filter(other -> other != lease && !other.ended())
                .filter(other ->
                        lease.members().stream()
                                .anyMatch(m -> holds(other, m.filesystem().device())))
                .findFirst();
    }

    private static boolean holds(LiveLease lease, DeviceNumber device) {
        return lease.members().stream()
                .filter(m -> !(m.over && (m.forgottenBySentry || !m.toldToSentry)))
                .anyMatch(m -> m.filesystem().device().equals(device));
    }

    private void unprepared(LiveLease lease, Failure failure, long now) throws KernelException {
        Connection waiting = lease.awaitingArmed;
        lease.awaitingArmed = null;
        if (waiting != null) {
            waiting.reply(failure);
        }
        if (!lease.ended()) {
            lease.endUnprepared(new LeaseState.Ended(End.FAILED, failure.message(), List.of()));
        }
        finish(lease, now);
    }

    private void preSynced(Note.PreSynced note, long now) throws KernelException {
        if (note.errno().isPresent() && note.lease().awaitingArmed != null) {
            unprepared(
                    note.lease(), Refusals.notWrittenBack(note.member(), note.errno().get()), now);
            return;
        }
        note.member().preSynced = true;
        replyIfArmed(note.lease(), now);
    }

    private void replyIfArmed(LiveLease lease, long now) {
        Connection waiting = lease.awaitingArmed;
        if (waiting != null
                && !lease.ended()
                && lease.members().stream().allMatch(m -> m.preSynced)) {
            lease.awaitingArmed = null;
            waiting.reply(new Reply.Armed(lease.view(now)));
        }
    }

    // ---- what companions tell

    void heard(String companion, Signal signal) throws KernelException {
        boolean sentry = companion.equals(Companions.SENTRY);
        long now = kernel.bootNanos();
        switch (signal.kind()) {
            case READY -> {
                for (LiveLease lease : List.copyOf(live.values())) {
                    introduce(lease);
                }
            }
            case KEPT -> kept(sentry, signal, now);
            case AWAKE -> {
                for (LiveLease lease : List.copyOf(live.values())) {
                    int index = index(lease, signal.slot());
                    // It may have been awake for long, on its way to the freeze.
                    if (index >= 0
                            && lease.atWork()
                            && lease.members().get(index).witness() == Member.Witness.WOKE) {
                        step(lease, new LeaseEvent.CanaryAwake(index, true), now);
                    }
                }
            }
            case FORGOTTEN -> forgotten(sentry, signal, now);
            case THAWED -> {
                for (LiveLease lease : List.copyOf(live.values())) {
                    if (lease.serial() == signal.lease()) {
                        thawedBySentry(lease, now);
                    }
                }
            }
            default -> throw new IllegalStateException("a companion does not say " + signal.kind());
        }
    }

    /** The guard did not run when it should have. What is frozen there by now, somebody else froze. */
    private void thawedBySentry(LiveLease lease, long now) throws KernelException {
        for (int i = 0; i < lease.members().size(); i++) {
            step(lease, new LeaseEvent.CanaryAwake(i, true), now);
        }
    }

    private void kept(boolean sentry, Signal signal, long now) {
        for (LiveLease lease : live.values()) {
            int index = index(lease, signal.slot());
            if (index < 0 || lease.ended()) {
                continue;
            }
            Member member = lease.members().get(index);
            if (sentry) {
                member.keptBySentry = true;
            } else {
                member.keptBy((int) signal.value());
            }
            if (lease.awaitingArmed != null && lease.kept()) {
                startPreSync(lease, now);
            }
        }
    }

    private void startPreSync(LiveLease lease, long now) {
        for (Member member : lease.members()) {
            if (lease.request().presync()) {
                member.preSync();
            } else {
                member.preSynced = true;
            }
        }
        replyIfArmed(lease, now);
    }

    private void forgotten(boolean sentry, Signal signal, long now) throws KernelException {
        for (LiveLease lease : List.copyOf(live.values())) {
            int index = index(lease, signal.slot());
            if (index >= 0) {
                Member member = lease.members().get(index);
                if (sentry) {
                    member.forgottenBySentry = true;
                } else {
                    member.forgottenByCanary = true;
                }
                if (lease.ended()) {
                    finish(lease, now);
                }
            }
        }
    }

    private static int index(LiveLease lease, int slot) {
        for (int i = 0; i < lease.members().size(); i++) {
            if (lease.members().get(i).slot() == slot) {
                return i;
            }
        }
        return -1;
    }

    /** The sentry is gone; another one is being started, and takes everything over when it is ready. */
    void sentryLost() throws KernelException {
        for (LiveLease lease : live.values()) {
            for (Member member : lease.members()) {
                member.toldToSentry = false;
                member.keptBySentry = false;
                member.forgottenBySentry = lease.ended();
            }
            if (lease.ended()) {
                lease.cleaningSince = 0;
            }
        }
        sentryReplaced();
    }

    /** A sentry that is being replaced and does not come, or does not answer, is none. */
    void lookAtSentry(long now) throws KernelException {
        for (LiveLease lease : List.copyOf(live.values())) {
            boolean kept = lease.members().stream().allMatch(m -> m.keptBySentry || m.over);
            if (kept || !lease.atWork()) {
                lease.sentryMissingSince = 0;
            } else if (lease.sentryMissingSince == 0) {
                lease.sentryMissingSince = now;
            } else if (now - lease.sentryMissingSince >= SENTRY_MISSING.toNanos()) {
                end(
                        lease,
                        new LeaseEvent.Cut(End.REVOKED, "its sentry died and no other came"),
                        now);
            }
        }
    }

    /** What already sleeps goes on proving; a lease that is only armed needs the successor. */
    void canaryLost() {
        for (LiveLease lease : live.values()) {
            for (Member member : lease.members()) {
                if (lease.ended()) {
                    member.forgottenByCanary = true;
                } else if (!lease.atWork()) {
                    member.toldToCanary = false;
                    member.keptByCanary = !member.provable();
                }
            }
        }
    }

    /** Without a sentry nothing may stay frozen: its promise is the guard's. */
    void sentryReplaced() throws KernelException {
        if (companions.sentryHoped()) {
            return;
        }
        long now = kernel.bootNanos();
        for (LiveLease lease : List.copyOf(live.values())) {
            end(lease, new LeaseEvent.Cut(End.REVOKED, "no sentry can be started"), now);
        }
    }

    // ---- time

    OptionalLong nextTick() {
        long next = Long.MAX_VALUE;
        for (LiveLease lease : live.values()) {
            next = Math.min(next, lease.expediteUntil.orElse(Long.MAX_VALUE));
            OptionalLong tick = lease.state().nextTick();
            if (tick.isPresent()) {
                next = Math.min(next, tick.getAsLong());
            }
        }
        return next == Long.MAX_VALUE ? OptionalLong.empty() : OptionalLong.of(next);
    }

    void tick(long now) throws KernelException {
        tellWhatIsDue(now);
        for (LiveLease lease : List.copyOf(live.values())) {
            OptionalLong next = lease.state().nextTick();
            if (next.isPresent() && now - next.getAsLong() >= 0) {
                step(lease, new LeaseEvent.Tick(), now);
            }
            if (lease.awaitingArmed != null) {
                lookAtArming(lease, now);
            }
            if (lease.ended()) {
                finish(lease, now);
            } else if (lease.state() instanceof LeaseState.Thawing thawing) {
                letGoOfThawed(lease, thawing, now);
                boolean stuck =
                        now - thawing.since() >= LeaseView.STUCK.toNanos()
                                && !lease.view(now).stuck(now).isEmpty();
                if (stuck && !lease.toldStuck) {
                    tellStuck(lease, now);
                }
                lease.toldStuck = stuck;
            }
        }
    }

    private void lookAtArming(LiveLease lease, long now) throws KernelException {
        boolean preSyncing = lease.isPrepared() && lease.kept();
        if (lease.isPrepared() && !preSyncing) {
            for (Member member : lease.members()) {
                if (member.toldToCanary
                        && !member.keptByCanary
                        && now - member.canaryTold >= CANARY_PROBE.toNanos()) {
                    unprepared(lease, Refusals.frozenBySomebody(member), now);
                    return;
                }
            }
        }
        boolean late = !preSyncing && now - lease.beganNanos() >= ARMING.toNanos();
        if (late && !lease.isPrepared()) {
            Duration since = Duration.ofNanos(now - lease.beganNanos());
            unprepared(lease, Refusals.notPrepared(lease.request().paths(), since), now);
        } else if (late) {
            String missing =
                    companions.sentryHoped() && companions.canaryHoped()
                            ? "sentry and canary do not answer"
                            : "sentry or canary cannot be started";
            unprepared(
                    lease,
                    Failure.of(
                            Failure.Kind.FAILED,
                            companions
                                    .lastTrouble()
                                    .map(why -> "cannot arm: " + missing + ": " + why)
                                    .orElse("cannot arm: " + missing),
                            "lull status"),
                    now);
        }
    }

    private void tellStuck(LiveLease lease, long now) {
        lease.toldStuck = true;
        Failure failure = Refusals.stuck(lease.view(now), now);
        for (Connection waiting : List.copyOf(lease.awaitingEnd)) {
            waiting.reply(failure);
        }
        lease.awaitingEnd.clear();
        for (Gathering gathering : gatherings) {
            gathering.stuck(lease, failure);
        }
        gatherings.removeIf(Gathering::answered);
        Connection freezing = lease.awaitingFrozen;
        lease.awaitingFrozen = null;
        if (freezing != null) {
            freezing.reply(failure);
        }
    }

    /** Nobody need ask for a lease to learn that it is lost. */
    void lookAtCanaries(long now) throws KernelException {
        for (LiveLease lease : List.copyOf(live.values())) {
            lookAtCanaries(lease, false, now);
        }
    }

    /** A killed process with a thread in state D closes nothing until the thaw; it is a dead holder all the same. */
    void lookAtHolders(long now) throws KernelException {
        for (LiveLease lease : List.copyOf(live.values())) {
            if (!lease.request().attached() || lease.holder().pid() == 0 || lease.ended()) {
                continue;
            }
            Optional<ThreadStatus> leader;
            try {
                leader = kernel.thread(lease.holder().pid(), lease.holder().pid());
            } catch (KernelException e) {
                // Out of descriptors, say: the next look will tell.
                troubles.add("cannot look at a holder: " + e.getMessage());
                continue;
            }
            if (leader.isEmpty() || leader.get().ending()) {
                end(lease, new LeaseEvent.Cut(End.ABANDONED, "its holder died"), now);
            }
        }
    }

    // ---- proof

    /**
     * A canary that does not sleep has been woken by somebody else's thaw.
     *
     * @param last whether our own thaw is next: then a canary that cannot be looked at proves nothing, and never will
     */
    private void lookAtCanaries(LiveLease lease, boolean last, long now) throws KernelException {
        if (!(lease.state() instanceof LeaseState.Frozen)) {
            return;
        }
        for (int i = 0; i < lease.members().size(); i++) {
            Member member = lease.members().get(i);
            if (!member.provable()) {
                continue;
            }
            switch (member.witness()) {
                case WOKE -> step(lease, new LeaseEvent.CanaryAwake(i, true), now);
                case UNKNOWN -> {
                    if (last) {
                        step(lease, new LeaseEvent.CanaryAwake(i, false), now);
                    }
                }
                case ASLEEP -> {}
            }
        }
    }

    // ---- steps and their effects

    private void end(LiveLease lease, LeaseEvent event, long now) throws KernelException {
        if (lease.ended()) {
            return;
        }
        if (lease.isPrepared()) {
            step(lease, event, now);
        } else {
            LeaseEvent.Cut cut =
                    event instanceof LeaseEvent.Cut given
                            ? given
                            : new LeaseEvent.Cut(End.FAILED, "released before it was armed");
            // The preparation is still at work and finds out when it is done.
            lease.endUnprepared(new LeaseState.Ended(cut.end(), cut.reason(), List.of()));
        }
    }

    private void step(LiveLease lease, LeaseEvent event, long now) throws KernelException {
        LeaseState before = lease.state();
        Transition transition = lease.step(event, now);
        List<Integer> thawedByOthers = new ArrayList<>();
        for (Effect effect : transition.effects()) {
            Member member = lease.members().get(effect.member());
            switch (effect) {
                case Effect.CallFreeze _ ->
                        member.freeze(((LeaseState.Freezing) lease.state()).giveUpAt());
                case Effect.CallThaw _ -> {
                    if (isSomebodyElses(lease, member)) {
                        thawedByOthers.add(effect.member());
                    } else {
                        member.thaw();
                    }
                }
            }
        }
        LeaseState after = lease.state();
        // The holder first: the rest of this is no part of the window.
        Connection waiting = lease.awaitingFrozen;
        if (after instanceof LeaseState.Frozen frozen && waiting != null) {
            lease.awaitingFrozen = null;
            waiting.reply(new Reply.Frozen(lease.id(), frozen.deadline()));
        }
        if (after instanceof LeaseState.Frozen frozen && !after.equals(before)) {
            tellLater(lease, frozen.deadline().orElse(Long.MAX_VALUE), now);
        }
        if (lease.expediteUntil.equals(OptionalLong.of(Long.MAX_VALUE))
                && !(after instanceof LeaseState.Freezing)
                && noneFreezing(lease)) {
            lease.expediteUntil = OptionalLong.of(now + EXPEDITED.toNanos());
        }
        if (after instanceof LeaseState.Ended) {
            finish(lease, now);
        }
        for (int member : thawedByOthers) {
            step(lease, new LeaseEvent.ThawReturned(member, Optional.of(Errno.EINVAL)), now);
        }
    }

    /**
     * Whether what is frozen there, if anything is, is not ours: somebody else has thawed it, since the last look. Not asked
     * at a release, which has just looked, and has a window to end.
     */
    private static boolean isSomebodyElses(LiveLease lease, Member member) {
        boolean released =
                lease.state() instanceof LeaseState.Thawing thawing
                        && thawing.end() == End.RELEASED;
        return !released && member.provable() && member.witness() == Member.Witness.WOKE;
    }

    /**
     * The sentry may hear of a later deadline a little later: what it knows is on the safe side until then. So a window
     * is not lengthened, and a holder that extends all the time does not flood it.
     */
    private void tellLater(LiveLease lease, long deadline, long now) {
        if (deadline < lease.sentryKnows) {
            tellDeadline(lease, deadline, true);
        } else if (lease.sentryDue == 0) {
            lease.sentryDue = now + SENTRY_LATER.toNanos();
        }
    }

    private void tellWhatIsDue(long now) {
        for (LiveLease lease : live.values()) {
            if (lease.expediteUntil.isPresent() && now - lease.expediteUntil.getAsLong() >= 0) {
                endExpediting(lease);
            }
            if (lease.sentryDue != 0 && now - lease.sentryDue >= 0) {
                retellDeadline(lease);
            }
        }
    }

    private void endExpediting(LiveLease lease) {
        if (lease.expediteUntil.isPresent()) {
            lease.expediteUntil = OptionalLong.empty();
            if (expedite.end()) {
                companions.tellSentry(Signal.of(Signal.Kind.EXPEDITED, 0, 0, 0));
            }
        }
    }

    private static boolean noneFreezing(LiveLease lease) {
        return lease.parts().stream().noneMatch(p -> p.phase() == Part.Phase.FREEZING);
    }

    /** @param settled whether nothing of the lease can be inside FIFREEZE any more */
    private void tellDeadline(LiveLease lease, long deadline, boolean settled) {
        lease.sentryKnows = deadline;
        lease.sentryDue = 0;
        companions.tellSentry(
                Signal.of(
                        Signal.Kind.DEADLINE,
                        settled ? Signal.SETTLED : 0,
                        lease.serial(),
                        deadline));
    }

    /** Tells a successor of the sentry what its predecessor knew. */
    private void retellDeadline(LiveLease lease) {
        switch (lease.state()) {
            case LeaseState.Freezing freezing -> tellDeadline(lease, freezing.giveUpAt(), false);
            case LeaseState.Frozen frozen ->
                    tellDeadline(lease, frozen.deadline().orElse(Long.MAX_VALUE), true);
            case LeaseState.Thawing thawing ->
                    tellDeadline(lease, thawing.since(), noneFreezing(lease));
            case LeaseState.Armed _, LeaseState.Ended _ -> lease.sentryDue = 0;
        }
    }

    /**
     * Puts an ended lease away: first everybody closes their descriptors, so that the filesystem can be unmounted by
     * whoever is told of the end.
     */
    private void finish(LiveLease lease, long now) throws KernelException {
        if (!live.containsKey(lease.id())) {
            return;
        }
        if (lease.cleaningSince == 0) {
            if (!lease.isPrepared() && lease.awaitingArmed != null) {
                // Cut while its preparation was at work, which will come here again.
                return;
            }
            lease.cleaningSince = now;
            lease.endedNow();
            endExpediting(lease);
            for (Member member : lease.members()) {
                companions.tellSentry(
                        Signal.of(Signal.Kind.FORGET, member.slot(), lease.serial(), 0));
                companions.tellCanary(
                        Signal.of(Signal.Kind.FORGET, member.slot(), lease.serial(), 0));
                member.forgottenBySentry |= !member.toldToSentry;
                member.forgottenByCanary |= !member.toldToCanary;
                member.end();
            }
        }
        boolean clean =
                lease.members().stream()
                        .allMatch(m -> m.forgottenBySentry && m.forgottenByCanary && m.closed());
        if (clean || now - lease.cleaningSince >= CLEANING.toNanos()) {
            putAway(lease, now);
        }
    }

    private void putAway(LiveLease lease, long now) {
        live.remove(lease.id());
        LeaseView view = lease.view(now);
        try {
            if (lease.recorded) {
                ended.add(view);
                run.forget(lease.id());
            }
        } catch (IOException e) {
            // tmpfs is full or gone: the end itself stands, and is told.
            troubles.add("cannot keep the history: " + e.getMessage());
        }
        Connection arming = lease.awaitingArmed;
        lease.awaitingArmed = null;
        if (arming != null) {
            arming.reply(Refusals.notFrozen(view));
        }
        Connection freezing = lease.awaitingFrozen;
        lease.awaitingFrozen = null;
        if (freezing != null) {
            freezing.reply(Refusals.notFrozen(view));
        }
        for (Connection waiting : lease.awaitingEnd) {
            waiting.reply(new Reply.Ended(List.of(view)));
        }
        for (Gathering gathering : gatherings) {
            gathering.ended(lease, view);
        }
        gatherings.removeIf(Gathering::answered);
    }

    // ---- small things

    /** Answers one client when several leases have ended. */
    private static final class Gathering {
        private final Connection connection;
        private final Set<LiveLease> expected;
        private final List<LeaseView> views = new ArrayList<>();
        private final List<Failure> stuck = new ArrayList<>();
        private boolean answered;

        Gathering(Connection connection, List<LiveLease> expected) {
            this.connection = connection;
            this.expected = new LinkedHashSet<>(expected);
        }

        void ended(LiveLease lease, LeaseView view) {
            if (expected.remove(lease)) {
                views.add(view);
                answerIfComplete();
            }
        }

        /** It will not end soon; the others are waited for all the same. */
        void stuck(LiveLease lease, Failure failure) {
            if (expected.remove(lease)) {
                stuck.add(failure);
                answerIfComplete();
            }
        }

        private void answerIfComplete() {
            if (expected.isEmpty()) {
                answered = true;
                connection.reply(
                        stuck.isEmpty()
                                ? new Reply.Ended(views)
                                : Refusals.stuck(stuck, views.size()));
            }
        }

        boolean answered() {
            return answered;
        }
    }

    /** For somebody who asks for the end of a lease that has ended already. */
    private Reply endOf(String id) {
        Optional<LeaseView> past = ended.find(id);
        return past.isPresent() ? new Reply.Ended(List.of(past.get())) : Refusals.noSuchLease(id);
    }

    private static Failure notHeld(LiveLease lease, long now) {
        return lease.state() instanceof LeaseState.Armed
                ? Failure.of(Failure.Kind.INVALID, "lease " + lease.id() + " is not frozen yet", "")
                : Refusals.notHeld(lease.view(now));
    }

    private LeaseRecord record(LiveLease lease, boolean freezing) throws KernelException {
        List<LeaseRecord.Place> places = new ArrayList<>();
        for (Member member : lease.members()) {
            if (member.over) {
                continue;
            }
            places.add(
                    new LeaseRecord.Place(
                            member.filesystem().device().toString(),
                            member.filesystem().uuid().orElse("-"),
                            member.filesystem().uniqueMountId(),
                            member.level()));
        }
        return new LeaseRecord(
                kernel.bootId(),
                kernel.processId(),
                guardStart,
                lease.serial(),
                freezing,
                places,
                lease.view(kernel.bootNanos()));
    }

    private String newId() {
        StringBuilder id = new StringBuilder();
        for (int i = 0; i < 8; i++) {
            id.append(LETTERS.charAt(random.nextInt(LETTERS.length())));
        }
        return live.containsKey(id.toString()) ? newId() : id.toString();
    }
}
