package dev.lull.guard;

import dev.lull.guard.Reply.Failure;
import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.MountTree;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Processes that have registered to be brought to rest for snapshots, each on a connection of its own, and those that are
 * being brought to rest together for one holder. All go on when the holder says so, when it is gone, or when its time is
 * over. Belongs to the guard's loop.
 */
final class Registrations {
    private static final int MOST = 64;
    private static final int MOST_OF_OTHERS = 32;
    private static final int MOST_OF_ONE = 8;

    private final Kernel kernel;
    private final Mailbox mailbox;
    private final Map<Connection, Registration> registered = new LinkedHashMap<>();
    private final Map<Connection, Gathering> gatherings = new LinkedHashMap<>();
    private int lastId;

    Registrations(Kernel kernel, Mailbox mailbox) {
        this.kernel = kernel;
        this.mailbox = mailbox;
    }

    /** One process. */
    private static final class Registration {
        private final int id;
        private final Connection connection;
        private final Request.Register request;
        private final List<DeviceNumber> devices;
        private ParticipantState state = ParticipantState.IDLE;
        private String message = "";
        private Map<String, String> evidence = Map.of();
        private @Nullable Gathering gathering;

        /** Whether it awaits an order; which it is to be given, and which it has been given and not answered. */
        private boolean waiting;

        private Reply.@Nullable Ordered due;
        private Reply.Ordered.@Nullable Order told;

        /** While an answer is awaited, when that is too late. */
        private long until;

        Registration(
                int id,
                Connection connection,
                Request.Register request,
                List<DeviceNumber> devices) {
            this.id = id;
            this.connection = connection;
            this.request = request;
            this.devices = devices;
        }

        boolean answerAwaited() {
            return state == ParticipantState.COMING_TO_REST || state == ParticipantState.GOING_ON;
        }

        void order(Reply.Ordered order, ParticipantState next, long now) {
            state = next;
            due = order;
            until = now + request.limit().toNanos();
            deliver();
        }

        void deliver() {
            Reply.Ordered order = due;
            if (waiting && order != null) {
                waiting = false;
                due = null;
                told = order.order();
                connection.reply(order);
            }
        }

        void settle(ParticipantState end, String why) {
            state = end;
            message = why;
        }

        ParticipantView view() {
            return new ParticipantView(
                    id,
                    request.name(),
                    connection.peer().pid(),
                    connection.peer().uid(),
                    request.limit().toMillis(),
                    request.paths(),
                    devices.stream().map(DeviceNumber::toString).toList(),
                    state,
                    message,
                    evidence);
        }
    }

    private enum Phase {
        RESTING,
        AT_REST,
        RESUMING,
        OVER
    }

    /** Those that one holder brings to rest. */
    private static final class Gathering {
        private final Connection holder;
        private final List<Registration> members;
        private final Duration longest;
        private Phase phase = Phase.RESTING;

        /** While all are at rest, when they go on of their own accord. */
        private long until;

        private boolean overdue;
        private boolean holderWaits = true;
        private List<ParticipantView> result = List.of();

        Gathering(Connection holder, List<Registration> members, Duration longest) {
            this.holder = holder;
            this.members = members;
            this.longest = longest;
        }
    }

    /** Whether somebody is at rest, or on the way there or back. */
    boolean isAtWork() {
        return gatherings.values().stream().anyMatch(g -> g.phase != Phase.OVER);
    }

    /** What the caller may know of. */
    List<ParticipantView> views(Caller caller) {
        return registered.values().stream()
                .filter(one -> caller.mayAct(one.connection.peer().uid()))
                .map(Registration::view)
                .toList();
    }

    /**
     * Registers the process once it is known what its directories are on.
     *
     * @param directories closed then
     * @param permit what it may
     */
    void register(
            Connection connection,
            Request.Register request,
            List<Descriptor> directories,
            Permit permit) {
        // Asking a filesystem who it is can block.
        Thread thread =
                new Thread(
                        null,
                        () -> mailbox.post(recognize(connection, request, directories, permit)),
                        "recognize",
                        512 * 1024);
        thread.setDaemon(true);
        thread.start();
    }

    private Note.Recognized recognize(
            Connection connection,
            Request.Register request,
            List<Descriptor> directories,
            Permit permit) {
        Set<DeviceNumber> devices = new LinkedHashSet<>();
        Optional<Failure> refusal = Optional.empty();
        try {
            MountTree mounts = new MountTree(kernel.mounts());
            for (int i = 0; i < directories.size() && refusal.isEmpty(); i++) {
                Descriptor directory = directories.get(i);
                DeviceNumber device =
                        Preparation.deviceOf(kernel, directory, connection.peer().pid());
                devices.add(device);
                refusal =
                        permit.refusesParticipant(
                                new Permit.Subject(request.paths().get(i), device),
                                mounts,
                                request.limit());
            }
        } catch (KernelException e) {
            refusal = Optional.of(Refusals.cannot("register", e));
        } finally {
            Descriptor.closeAll(directories);
        }
        return new Note.Recognized(connection, request, List.copyOf(devices), refusal);
    }

    void recognized(Note.Recognized note) {
        Connection connection = note.connection();
        if (connection.closed()) {
            return;
        }
        Optional<Failure> refusal = note.refusal().or(() -> refusal(connection, note.request()));
        if (refusal.isPresent()) {
            connection.reply(refusal.get());
            return;
        }
        lastId++;
        registered.put(
                connection, new Registration(lastId, connection, note.request(), note.devices()));
        connection.reply(new Reply.Registered(lastId));
    }

    private Optional<Failure> refusal(Connection connection, Request.Register request) {
        if (request.protocol() != Wire.PROTOCOL) {
            return Optional.of(Refusals.otherVersion(request.protocol()));
        }
        if (registered.containsKey(connection)) {
            return Optional.of(
                    invalid("this connection has registered already", "use another connection"));
        }
        Caller caller = connection.caller();
        long own = count(one -> one.connection.peer().uid() == caller.peer().uid());
        long others = count(one -> !one.connection.caller().root());
        if (registered.size() >= MOST
                || (!caller.root() && (own >= MOST_OF_ONE || others >= MOST_OF_OTHERS))) {
            return Optional.of(
                    Failure.of(
                            Failure.Kind.FAILED,
                            "too many processes have registered",
                            "lull status shows them"));
        }
        return Optional.empty();
    }

    private long count(Predicate<Registration> which) {
        return registered.values().stream().filter(which).count();
    }

    private static Failure invalid(String message, String hint) {
        return Failure.of(Failure.Kind.INVALID, message, hint);
    }

    /** The process that has registered on this connection wants to know what to do. */
    void await(Connection connection) {
        Registration one = registered.get(connection);
        if (one == null || one.waiting || one.told != null) {
            connection.reply(
                    invalid(
                            one == null
                                    ? "this connection has not registered"
                                    : one.waiting
                                            ? "an order is awaited already"
                                            : "the last order is not answered",
                            "see docs/protocol.md"));
            return;
        }
        one.waiting = true;
        one.deliver();
    }

    void answer(Connection connection, Request.Answer answer, long now) {
        Registration one = registered.get(connection);
        Reply.Ordered.Order told = one == null ? null : one.told;
        if (one == null || told == null) {
            connection.reply(invalid("nothing was asked", "await an order first"));
            return;
        }
        one.told = null;
        connection.reply(new Reply.Done());
        boolean awaited =
                one.state
                        == (told == Reply.Ordered.Order.REST
                                ? ParticipantState.COMING_TO_REST
                                : ParticipantState.GOING_ON);
        if (!awaited) {
            if (one.gathering == null) {
                one.settle(ParticipantState.IDLE, "");
            }
            return;
        }
        if (told == Reply.Ordered.Order.REST) {
            one.evidence = answer.evidence();
        }
        one.settle(
                switch (answer.outcome()) {
                    case FAILED -> ParticipantState.FAILED;
                    case NOT_AT_REST -> ParticipantState.NOT_AT_REST;
                    case DONE ->
                            told == Reply.Ordered.Order.REST
                                    ? ParticipantState.AT_REST
                                    : ParticipantState.IDLE;
                },
                answer.message());
        progress(one.gathering, now);
    }

    /** Brings registered processes to rest for whoever is on this connection. */
    void rest(Connection holder, Request.Rest request, long now) {
        List<Registration> members = new ArrayList<>();
        for (int id : request.participants()) {
            Optional<Registration> one =
                    registered.values().stream().filter(r -> r.id == id).findFirst();
            if (one.isEmpty()) {
                holder.reply(
                        Failure.of(
                                Failure.Kind.FAILED,
                                "a process that was to be brought to rest has disconnected",
                                "try again; lull status shows those that are there"));
                return;
            }
            if (one.get().gathering != null) {
                holder.reply(
                        Failure.of(
                                Failure.Kind.FAILED,
                                one.get().request.name() + " is at rest for another backup",
                                "try again when that is done"));
                return;
            }
            if (one.get().told != null || one.get().due != null) {
                holder.reply(
                        Failure.of(
                                Failure.Kind.FAILED,
                                one.get().request.name()
                                        + " has still not answered what it was asked before",
                                "does process "
                                        + one.get().connection.peer().pid()
                                        + " hang? --without leaves it out"));
                return;
            }
            members.add(one.get());
        }
        if (gatherings.containsKey(holder)) {
            holder.reply(invalid("others are at rest for this connection", "let them go on first"));
            return;
        }
        Gathering gathering = new Gathering(holder, members, request.longest());
        gatherings.put(holder, gathering);
        Reply.Ordered order =
                new Reply.Ordered(Reply.Ordered.Order.REST, longestOf(members, request.longest()));
        for (Registration member : members) {
            member.gathering = gathering;
            member.message = "";
            member.evidence = Map.of();
            member.order(order, ParticipantState.COMING_TO_REST, now);
        }
        progress(gathering, now);
    }

    /** From a process's own rest, which may come before that of the others. */
    private static Duration longestOf(List<Registration> members, Duration longest) {
        return members.stream()
                .map(member -> member.request.limit())
                .max(Duration::compareTo)
                .map(longest::plus)
                .orElse(longest);
    }

    /** Lets those go on that are at rest for this connection. */
    void resume(Connection holder, long now) {
        Gathering gathering = gatherings.get(holder);
        if (gathering == null || gathering.holderWaits) {
            holder.reply(
                    invalid(
                            gathering == null
                                    ? "nobody is at rest for this connection"
                                    : "the last call is not answered",
                            "bring them to rest first"));
            return;
        }
        gathering.holderWaits = true;
        if (gathering.phase == Phase.AT_REST) {
            letGoOn(gathering, now);
        } else if (gathering.phase == Phase.OVER) {
            tellEnd(gathering);
        }
    }

    private void letGoOn(Gathering gathering, long now) {
        gathering.phase = Phase.RESUMING;
        for (Registration member : gathering.members) {
            boolean neverAsked =
                    member.due != null && member.due.order() == Reply.Ordered.Order.REST;
            if (neverAsked) {
                member.due = null;
            } else if (member.state != ParticipantState.GONE) {
                member.order(
                        new Reply.Ordered(Reply.Ordered.Order.RESUME, Duration.ZERO),
                        ParticipantState.GOING_ON,
                        now);
            }
        }
        progress(gathering, now);
    }

    /** Goes on once nobody's answer is awaited any more. */
    private void progress(@Nullable Gathering gathering, long now) {
        if (gathering == null || gathering.members.stream().anyMatch(Registration::answerAwaited)) {
            return;
        }
        if (gathering.phase == Phase.RESTING) {
            gathering.phase = Phase.AT_REST;
            gathering.until = now + gathering.longest.toNanos();
            gathering.holderWaits = false;
            gathering.holder.reply(new Reply.Heard(viewsOf(gathering)));
            if (gathering.holder.closed()) {
                letGoOn(gathering, now);
            }
        } else if (gathering.phase == Phase.RESUMING) {
            end(gathering);
        }
    }

    private void end(Gathering gathering) {
        gathering.phase = Phase.OVER;
        if (gathering.overdue) {
            tellThatItWasTooSoon(gathering);
        }
        gathering.result = viewsOf(gathering);
        for (Registration member : gathering.members) {
            member.gathering = null;
            if (member.told == null) {
                member.settle(ParticipantState.IDLE, "");
            }
        }
        if (gathering.holder.closed()) {
            gatherings.remove(gathering.holder);
        } else if (gathering.holderWaits) {
            tellEnd(gathering);
        }
    }

    private void tellEnd(Gathering gathering) {
        gatherings.remove(gathering.holder);
        gathering.holder.reply(new Reply.Heard(gathering.result));
    }

    private static void tellThatItWasTooSoon(Gathering gathering) {
        for (Registration member : gathering.members) {
            if (member.state == ParticipantState.IDLE) {
                member.settle(
                        ParticipantState.NOT_AT_REST,
                        "it was let go on after "
                                + gathering.longest.toMillis()
                                + " ms, because nobody had done so by then");
            }
        }
    }

    private static List<ParticipantView> viewsOf(Gathering gathering) {
        return gathering.members.stream().map(Registration::view).toList();
    }

    /** A connection has gone: a process that had registered, or one that others are at rest for. */
    void gone(Connection connection, long now) {
        Registration one = registered.remove(connection);
        if (one != null && one.gathering != null) {
            one.settle(ParticipantState.GONE, "it disconnected");
            progress(one.gathering, now);
        }
        Gathering gathering = gatherings.get(connection);
        if (gathering == null) {
            return;
        }
        switch (gathering.phase) {
            case OVER -> gatherings.remove(connection);
            case RESTING, AT_REST -> letGoOn(gathering, now);
            case RESUMING -> {}
        }
    }

    /** What is too late by now. */
    void tick(long now) {
        for (Gathering gathering : List.copyOf(gatherings.values())) {
            for (Registration member : gathering.members) {
                if (member.answerAwaited() && now - member.until >= 0) {
                    member.settle(
                            ParticipantState.LATE,
                            "it did not answer within "
                                    + member.request.limit().toMillis()
                                    + " ms");
                    progress(gathering, now);
                }
            }
            if (gathering.phase == Phase.AT_REST && now - gathering.until >= 0) {
                gathering.overdue = true;
                letGoOn(gathering, now);
            }
        }
    }

    /** When {@link #tick} is due, CLOCK_BOOTTIME nanoseconds; {@link Long#MAX_VALUE} for never. */
    long nextTick() {
        long next = Long.MAX_VALUE;
        for (Gathering gathering : gatherings.values()) {
            if (gathering.phase == Phase.AT_REST) {
                next = Math.min(next, gathering.until);
            }
            for (Registration member : gathering.members) {
                if (member.answerAwaited()) {
                    next = Math.min(next, member.until);
                }
            }
        }
        return next;
    }
}
