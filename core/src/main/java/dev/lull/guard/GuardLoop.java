package dev.lull.guard;

import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.Peer;
import dev.lull.linux.PollInterest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The guard's one loop: clients, companions, notes from threads, and time. Nothing in it may block: it polls, it reads
 * and writes sockets that never wait, and it writes small files on tmpfs.
 */
final class GuardLoop implements AutoCloseable {
    /** Between two looks at the clock: whoever connects without end must not keep the loop from its deadlines. */
    private static final int ACCEPTED_AT_ONCE = 32;

    /** How often holders and companions are looked at while something can be frozen. */
    private static final Duration LOOK = Duration.ofMillis(100);

    /** poll(2) may come late by a thousandth of its timeout (fs/select.c): the last bit before a deadline is short. */
    private static final Duration PUNCTUAL = Duration.ofMillis(2);

    private final Kernel kernel;
    private final RunDirectory run;
    private final Supervisor supervisor;
    private final Descriptor listener;
    private final Duration idle;
    private final List<String> warnings;
    private final Mailbox mailbox;
    private final Companions companions;
    private final Leases leases;
    private final Registrations registrations;
    private final Admission admission = new Admission();
    private final PolicyWatch policy;
    private final ByteBuffer incoming = ByteBuffer.allocate(16 * 1024);
    private final ForeignThaws foreignThaws;
    private final TakeOver takeOver;
    private final List<Connection> connections = new ArrayList<>();
    private final long upSince;
    private long lastBusy;
    private long lastLook;
    private long acceptAgainAt;
    private boolean stopping;

    GuardLoop(
            Kernel kernel,
            RunDirectory run,
            Expedite expedite,
            Supervisor supervisor,
            Descriptor listener,
            PolicyFile policy,
            Duration idle,
            TakeOver takeOver,
            List<String> warnings)
            throws KernelException {
        this.kernel = kernel;
        this.run = run;
        this.supervisor = supervisor;
        this.listener = listener;
        this.idle = idle;
        this.warnings = new ArrayList<>(warnings);
        expedite.obstacle()
                .ifPresent(why -> this.warnings.add("freezes are not expedited: " + why));
        this.mailbox = new Mailbox(kernel);
        this.companions = new Companions(kernel, mailbox, run.path());
        this.leases = new Leases(kernel, mailbox, run, companions, expedite, admission, takeOver);
        this.policy = PolicyWatch.start(policy, mailbox);
        this.foreignThaws = new ForeignThaws(kernel, mailbox);
        this.registrations = new Registrations(kernel, mailbox);
        this.takeOver = takeOver;
        this.upSince = kernel.bootNanos();
        this.lastBusy = upSince;
    }

    /** Loads what a thaw needs while files can still be read. */
    void warmUp() throws KernelException {
        companions.start();
        // While the companions start, which nothing can be armed without.
        Thread rehearsal = new Thread(null, new Rehearsal(kernel), "rehearsal", 256 * 1024);
        rehearsal.setDaemon(true);
        rehearsal.start();
        try {
            kernel.thaw(mailbox.bell());
        } catch (KernelException e) {
            // ENOTTY: an event descriptor is no filesystem.
            lastLook = kernel.bootNanos();
        }
        kernel.thread(kernel.processId(), kernel.processId());
        Reply status = status(new Caller(new Peer(0, 0, 0), Set.of(), true), kernel.bootNanos());
        Wire.encode(status);
        Wire.encode(Reply.Failure.of(Reply.Failure.Kind.NOT_HELD, "warm", "up"));
    }

    void run() throws KernelException {
        while (!stopping || isAtWork() || connections.stream().anyMatch(Connection::hasOutput)) {
            long now = kernel.bootNanos();
            leases.tick(now);
            registrations.tick(now);
            foreignThaws.tick(now);
            look(now);
            supervisor.turned(now, leases.count());
            if (idleSince(now)) {
                return;
            }
            List<PollInterest> interests = interests();
            int[] ready = kernel.poll(interests, untilNext(now));
            serve(ready);
        }
    }

    /** A guard that ended with a call in the kernel would be a zombie until that returns, and tell nobody of it. */
    private boolean isAtWork() {
        return !leases.isEmpty()
                || !foreignThaws.isEmpty()
                || takeOver.isAtWork()
                || registrations.isAtWork();
    }

    /** Also when stopping: somebody must be able to thaw the leases that it waits for. */
    private boolean accepting() {
        return connections.size() < Admission.MAX_CONNECTIONS
                && kernel.bootNanos() - acceptAgainAt >= 0;
    }

    private List<PollInterest> interests() {
        List<PollInterest> interests = new ArrayList<>(connections.size() + 4);
        interests.add(PollInterest.readable(mailbox.bell()));
        // At the limit, clients wait in the socket's queue.
        interests.add(new PollInterest(listener, accepting() ? PollInterest.IN : 0));
        for (Connection connection : connections) {
            interests.add(
                    new PollInterest(
                            connection.socket(),
                            (connection.listening() ? PollInterest.IN : 0)
                                    | (connection.hasOutput() ? PollInterest.OUT : 0)));
        }
        interests.addAll(companions.interests());
        return interests;
    }

    private void serve(int[] ready) throws KernelException {
        if (ready[0] != 0) {
            kernel.clear(mailbox.bell());
        }
        Note note = mailbox.take();
        while (note != null) {
            handle(note);
            note = mailbox.take();
        }
        if (anyReady(ready, connections.size() + 2)) {
            companions.receive(leases::heard);
        }
        List<Connection> before = List.copyOf(connections);
        for (int i = 0; i < before.size(); i++) {
            int events = ready[i + 2];
            if (events != 0 || before.get(i).hasUnserved()) {
                serve(before.get(i), events);
            }
        }
        for (Connection connection : connections) {
            // Also those that a reply from elsewhere found closed.
            dropIfClosed(connection);
        }
        connections.removeIf(Connection::closed);
        if ((ready[1] & PollInterest.IN) != 0) {
            accept();
        }
    }

    private static boolean anyReady(int[] ready, int from) {
        for (int i = from; i < ready.length; i++) {
            if (ready[i] != 0) {
                return true;
            }
        }
        return false;
    }

    private void handle(Note note) throws KernelException {
        switch (note) {
            case Note.CompanionStarted started ->
                    companions.started(started, leases::sentryReplaced);
            case Note.ForeignThawReturned returned -> foreignThaws.returned(returned);
            case Note.Identified identified -> identified(identified);
            case Note.Recognized recognized -> registrations.recognized(recognized);
            case Note.PolicyRead read -> goBy(read.loaded());
            default -> leases.noted(note);
        }
    }

    private void goBy(PolicyFile.Loaded loaded) {
        admission.goBy(loaded);
        try {
            run.openSocket(admission.opensToOthers());
        } catch (IOException e) {
            warnings.add("cannot let others than root connect: " + e);
        }
    }

    private void accept() {
        for (int i = 0; i < ACCEPTED_AT_ONCE; i++) {
            if (connections.size() >= Admission.MAX_CONNECTIONS) {
                return;
            }
            try {
                admit(kernel.accept(listener));
            } catch (KernelException e) {
                if (!e.errno().equals(Errno.EAGAIN) && !e.errno().equals(Errno.ECONNABORTED)) {
                    // Out of descriptors, or of memory: those who are here come first.
                    acceptAgainAt = kernel.bootNanos() + LOOK.toNanos();
                }
                return;
            }
        }
    }

    private void admit(Descriptor socket) throws KernelException {
        Caller caller;
        try {
            caller = Caller.of(kernel, socket);
        } catch (KernelException e) {
            socket.close();
            return;
        }
        Connection connection = new Connection(kernel, socket, caller);
        admission.refuses(caller, connections).ifPresent(connection::replyAndClose);
        if (!connection.closed()) {
            connections.add(connection);
        }
        lastBusy = kernel.bootNanos();
    }

    private void serve(Connection connection, int events) throws KernelException {
        if ((events & PollInterest.OUT) != 0) {
            connection.flush();
        }
        boolean open = true;
        try {
            if ((events & ~PollInterest.OUT) != 0 && !connection.closed()) {
                if (connection.listening()) {
                    open = connection.read(incoming);
                    admission.requireRoom(connection, connections);
                } else if (!connection.hasUnserved()) {
                    // Hung up, and nothing that it has said can be served.
                    open = false;
                }
            }
            // One for each turn: whoever calls without end waits for the others, and for the clock.
            byte[] message = connection.next();
            if (message != null) {
                serve(connection, message);
            }
        } catch (WireException e) {
            connection.replyAndClose(
                    Reply.Failure.of(
                            Reply.Failure.Kind.INVALID,
                            e.getMessage() == null ? "malformed message" : e.getMessage(),
                            "see docs/protocol.md"));
            forget(connection);
        }
        if (!open) {
            connection.close();
        }
        dropIfClosed(connection);
    }

    private void dropIfClosed(Connection connection) throws KernelException {
        if (connection.closed()) {
            forget(connection);
        }
    }

    private void forget(Connection connection) throws KernelException {
        leases.gone(connection);
        registrations.gone(connection, kernel.bootNanos());
    }

    private void serve(Connection connection, byte[] message) throws WireException {
        lastBusy = kernel.bootNanos();
        Request request = Wire.request(message);
        try {
            answer(connection, request);
        } catch (IOException | RuntimeException e) {
            connection.reply(
                    Reply.Failure.of(
                            Reply.Failure.Kind.FAILED, "the guard failed: " + e, "this is a bug"));
        }
    }

    private void answer(Connection connection, Request request) throws IOException, WireException {
        long now = kernel.bootNanos();
        Caller caller = connection.caller();
        Optional<Reply.Failure> refusal =
                admission
                        .refuses(caller, request)
                        .or(() -> request.named().flatMap(id -> leases.refuses(caller, id)));
        if (refusal.isPresent()) {
            // What came with the call would be taken for that of the next one.
            connection.dropDescriptors();
            connection.reply(refusal.get());
            return;
        }
        switch (request) {
            case Request.Arm arm -> {
                if (stopping) {
                    connection.reply(
                            Reply.Failure.of(
                                    Reply.Failure.Kind.FAILED,
                                    "the guard is stopping",
                                    "try again"));
                } else {
                    leases.arm(connection, arm, now);
                }
            }
            case Request.Freeze freeze -> leases.freeze(connection, freeze.lease(), now);
            case Request.Extend extend -> leases.extend(connection, extend, now);
            case Request.Release release -> leases.release(connection, release.lease(), now);
            case Request.Abandon abandon -> leases.abandon(connection, abandon.lease(), now);
            case Request.Thaw thaw -> thaw(connection, thaw, now);
            case Request.Status _ -> connection.reply(status(connection.caller(), now));
            case Request.History history ->
                    connection.reply(new Reply.Ended(newest(history.limit())));
            case Request.Wait wait -> leases.await(connection, wait.lease(), now);
            case Request.Register register -> register(connection, register);
            case Request.Await _ -> registrations.await(connection);
            case Request.Answer said -> registrations.answer(connection, said, now);
            case Request.Rest rest -> registrations.rest(connection, rest, now);
            case Request.Resume _ -> registrations.resume(connection, now);
            case Request.Stop stop -> {
                if (stop.now()) {
                    leases.revokeAll("the guard was told to stop", now);
                }
                stopping = true;
                connection.reply(new Reply.Done());
            }
        }
    }

    private void register(Connection connection, Request.Register register) throws WireException {
        registrations.register(
                connection,
                register,
                connection.takeDescriptors(register.paths().size()),
                admission.permit(connection.caller()));
    }

    private void thaw(Connection connection, Request.Thaw thaw, long now)
            throws KernelException, WireException {
        if (thaw.path().isEmpty()) {
            leases.thaw(connection, thaw, now);
            return;
        }
        identify(connection, thaw, connection.takeDescriptors(1).getFirst());
    }

    /** Asking a filesystem who it is can block as well as a thaw: a dead server's, a suspended disk's. */
    private void identify(Connection connection, Request.Thaw thaw, Descriptor directory) {
        int pid = connection.peer().pid();
        Thread thread =
                new Thread(
                        null,
                        () -> {
                            Optional<DeviceNumber> device = Optional.empty();
                            try {
                                device = Optional.of(Preparation.deviceOf(kernel, directory, pid));
                            } catch (KernelException e) {
                                // One that cannot say who it is belongs to no lease of ours.
                                device = Optional.empty();
                            }
                            mailbox.post(new Note.Identified(connection, thaw, directory, device));
                        },
                        "identify",
                        256 * 1024);
        thread.setDaemon(true);
        thread.start();
    }

    private void identified(Note.Identified note) throws KernelException {
        String path = note.thaw().path().orElse("");
        long now = kernel.bootNanos();
        if (note.device().isPresent()
                && leases.thawOn(note.connection(), note.device().get(), now)) {
            note.directory().close();
        } else if (note.thaw().foreign()) {
            foreignThaws.start(note.connection(), path, note.directory(), now);
        } else {
            note.directory().close();
            note.connection()
                    .reply(
                            Reply.Failure.of(
                                    Reply.Failure.Kind.NO_SUCH_LEASE,
                                    "no lease holds " + path,
                                    "if somebody else froze it: lull thaw --foreign " + path));
        }
    }

    /** As many as were asked for and fit into a reply. */
    private List<LeaseView> newest(int limit) throws IOException {
        List<LeaseView> newest = new ArrayList<>();
        int bytes = 0;
        for (LeaseView lease : run.history(limit)) {
            bytes += Wire.encode(lease).length;
            if (bytes > Wire.MAX_REPLY / 2) {
                break;
            }
            newest.add(lease);
        }
        return newest;
    }

    private Reply status(Caller caller, long now) {
        List<String> told = new ArrayList<>(warnings);
        admission.trouble().ifPresent(told::add);
        told.addAll(companions.troubles());
        told.addAll(leases.troubles());
        told.addAll(foreignThaws.stuck(now));
        told.addAll(takeOver.troubles());
        told.addAll(takeOver.atWork(now));
        supervisor.trouble().ifPresent(told::add);
        return new Reply.GuardStatus(
                Guard.version(),
                Wire.PROTOCOL,
                kernel.processId(),
                companions.sentryPid(),
                companions.canaryPid(),
                upSince,
                now,
                leases.views(caller, now),
                registrations.views(caller),
                // What concerns the machine is for its administrator.
                caller.root() ? told : List.of());
    }

    /** Looks for holders that died without closing anything, and companions that cannot be relied on. */
    private void look(long now) throws KernelException {
        boolean due = !leases.isEmpty() && now - lastLook >= LOOK.toNanos();
        if (due || companions.lookDue()) {
            lastLook = now;
            leases.lookAtHolders(now);
            leases.lookAtCanaries(now);
            leases.lookAtSentry(now);
            companions.look(leases::sentryLost, leases::canaryLost);
        }
    }

    private boolean idleSince(long now) {
        if (isAtWork() || !connections.isEmpty()) {
            lastBusy = now;
            return false;
        }
        return stopping || (!idle.isZero() && now - lastBusy >= idle.toNanos());
    }

    private Duration untilNext(long now) {
        if (connections.stream().anyMatch(Connection::hasUnserved)) {
            return Duration.ZERO;
        }
        long next = Math.min(leases.nextTick().orElse(Long.MAX_VALUE), registrations.nextTick());
        long left = isAtWork() ? LOOK.toNanos() : Math.max(idle.toNanos() - (now - lastBusy), 0);
        if (!isAtWork() && idle.isZero()) {
            left = Duration.ofHours(1).toNanos();
        }
        long untilTick = next == Long.MAX_VALUE ? next : next - now;
        if (untilTick > 2 * PUNCTUAL.toNanos()) {
            untilTick -= PUNCTUAL.toNanos();
        }
        long untilPing = supervisor.untilDue(now);
        return Duration.ofNanos(Math.max(Math.min(Math.min(left, untilTick), untilPing), 0));
    }

    @Override
    public void close() throws KernelException {
        policy.close();
        for (Connection connection : connections) {
            connection.close();
        }
        // With a lease alive this is no orderly end: the sentry must outlive it, and thaw.
        if (leases.isEmpty()) {
            companions.close();
        }
    }
}
