package dev.lull.guard;

import dev.lull.guard.Fault.Blow;
import dev.lull.guard.Fault.Point;
import dev.lull.guard.Fault.Struck;
import dev.lull.guard.Fault.Trouble;
import dev.lull.guard.GuardHost.Role;
import dev.lull.linux.Errno;
import dev.lull.linux.KernelException;
import dev.lull.testkit.FakeFilesystem;
import dev.lull.testkit.FakeProcess;
import dev.lull.testkit.FaultyKernel;
import dev.lull.testkit.Strike;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;

/**
 * The life of a lease over two filesystems, with its holder, guard, sentry and canary on faulty kernels; beside it
 * another lease, of a neighbour, and a filesystem that is in no lease. What breaks a promise is a violation.
 */
final class GuardLife implements AutoCloseable {
    /** Both limits of every lease here. */
    static final Duration LIMIT = Duration.ofSeconds(2);

    /** FITHAW comes by the deadline + 1 s. */
    private static final Duration GRACE = Duration.ofSeconds(1);

    /** What the clock creeps on while processes that can run do what they have to. */
    private static final Duration CREEP = Duration.ofMillis(200);

    private static final Duration LATE = Duration.ofMillis(20);

    /** How often an answer is looked for, some tens of real microseconds each. */
    private static final int PATIENCE = 1500;

    private static final int SLOW_LOOKS = 80_000;

    /** What the clock creeps on at each of these looks. */
    private static final Duration TICK = Duration.ofNanos(50_000);

    /** A machine that is busy needs more looks than that, where an answer is sure to come. */
    private static final Duration REAL_LIMIT = Duration.ofSeconds(10);

    private final Map<Role, FaultyKernel> kernels = new ConcurrentHashMap<>();
    private final Map<FakeProcess, FaultyKernel> sentries = new ConcurrentHashMap<>();
    private final Map<Role, Integer> callsAtStart = new EnumMap<>(Role.class);
    private final Set<Role> hanging = ConcurrentHashMap.newKeySet();
    private final CountDownLatch allOver = new CountDownLatch(1);
    private final List<Fault> faults = new ArrayList<>();
    private final List<String> violations = new ArrayList<>();
    private final GuardHost host;
    private final List<FakeFilesystem> members;
    private final FakeFilesystem neighbours;
    private final FakeFilesystem idle;
    private final GuardHost.Client neighbour;
    private final Holder holder;
    private final String neighboursLease;
    private Optional<String> lease = Optional.empty();
    private boolean frozen;

    GuardLife(Path directory) throws IOException {
        host =
                new GuardHost(
                        directory,
                        (role, own) -> {
                            FaultyKernel faulty = new FaultyKernel(own);
                            kernels.putIfAbsent(role, faulty);
                            if (role == Role.SENTRY) {
                                sentries.put(own.process(), faulty);
                            }
                            return faulty;
                        });
        members = List.of(host.filesystem("ext4", "/srv"), host.filesystem("xfs", "/home"));
        neighbours = host.filesystem("ext4", "/var");
        idle = host.filesystem("xfs", "/opt");
        holder = new Holder(host.run.socket());
        host.startHolder(holder::run);
        neighbour = host.new Client();
        Reply armed = neighbour.arm(true, LIMIT, LIMIT, neighbours);
        if (!(armed instanceof Reply.Armed(LeaseView view))) {
            throw new AssertionError("the neighbour cannot arm: " + armed);
        }
        neighboursLease = view.id();
        neighbour.call(new Request.Freeze(neighboursLease));
        // Until everybody is up and waits for something to do.
        host.until(() -> kernels.containsKey(Role.HOLDER));
        host.pass(CREEP);
        kernels.forEach((role, kernel) -> callsAtStart.put(role, kernel.calls().size()));
    }

    /** What breaks a promise. */
    List<String> violations() {
        return List.copyOf(violations);
    }

    /** How many of the planned faults have come to be. */
    int hits() {
        return kernels.values().stream().mapToInt(FaultyKernel::hits).sum();
    }

    /** @throws AssertionError if a planned fault has not come to be */
    void verifyAllHit() {
        kernels.values().forEach(FaultyKernel::verifyAllHit);
    }

    /** Whether all went as it does when nothing goes wrong. */
    boolean wasWhole() {
        return lease.isPresent() && frozen;
    }

    /** Where faults can be: how often each process has called what, and how many messages it has sent the other. */
    Map<Point, Integer> calls() {
        Map<Point, Integer> counts = new LinkedHashMap<>();
        kernels.forEach((role, kernel) -> {
            List<String> calls = kernel.calls();
            for (String call : calls.subList(callsAtStart.get(role), calls.size())) {
                String method = call.split(" ", 2)[0];
                if (call.equals("send " + connection(role))) {
                    counts.merge(new Point(role, method, true, 1), 1, Integer::sum);
                } else if (role != Role.HOLDER) {
                    counts.merge(new Point(role, method, false, 1), 1, Integer::sum);
                }
            }
        });
        return counts;
    }

    /** What holder and guard call their ends of a connection. */
    private String connection(Role role) {
        String socket = host.run.socket().toString();
        return role == Role.HOLDER ? socket : "connection to " + socket;
    }

    void plan(Fault fault) {
        faults.add(fault);
        Point point = fault.point();
        FaultyKernel.Plan plan = kernels.get(point.role()).at(point.method()).call(point.call());
        if (point.message()) {
            plan = plan.on(connection(point.role()));
        }
        plan =
                switch (fault.moment()) {
                    case BEFORE -> plan;
                    case HALFWAY -> plan.halfway();
                    case AFTER -> plan.afterwards();
                };
        if (fault.blow() == Trouble.FAIL) {
            plan.fail(Errno.EIO);
        } else {
            plan.perform(() -> strike(fault.blow(), point.role()));
        }
    }

    private void strike(Blow blow, Role caller) {
        switch (blow) {
            case Trouble.FAIL -> throw new IllegalStateException("the kernel's to do");
            case Trouble.HANG -> hang(caller);
            case Trouble.LATE -> host.clock.sleep(LATE);
            case Trouble.TOO_LATE -> {
                hanging.add(caller);
                host.clock.sleep(LIMIT.plus(GRACE.dividedBy(2)));
                hanging.remove(caller);
            }
            case Trouble.HANG_UP -> holder.hangUp();
            case Struck(Strike<Role> strike) ->
                    strike.victims().stream()
                            .flatMap(this::processes)
                            .forEach(process -> {
                                switch (strike.signal()) {
                                    case KILL -> process.kill();
                                    case STOP -> process.stop();
                                }
                            });
        }
    }

    /** As a thread in state D: no interrupt ends it. */
    private void hang(Role caller) {
        hanging.add(caller);
        boolean interrupted = false;
        while (true) {
            try {
                allOver.await();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private Stream<FakeProcess> processes(Role role) {
        return host.kernel.spawned().stream().filter(p -> GuardHost.role(p) == role);
    }

    /** An answer, if there is one before long. */
    private Optional<Reply> call(Request request, FakeFilesystem... passed) {
        Holder.Call call = holder.ask(request, passed);
        look(call::over, () -> hits() > 0);
        call.giveUp();
        return call.answer();
    }

    /**
     * Looks until it is so, or it has been looked often enough.
     *
     * @param unsure whether it may also never be so
     */
    private void look(BooleanSupplier condition, BooleanSupplier unsure) {
        long limit = System.nanoTime() + REAL_LIMIT.toNanos();
        for (int looks = 0; !condition.getAsBoolean(); looks++) {
            if (looks >= PATIENCE && (unsure.getAsBoolean() || System.nanoTime() - limit > 0)) {
                return;
            }
            // Later on more slowly: the deadline is not to come before the answer.
            if (looks < PATIENCE || (looks < SLOW_LOOKS && looks % 8 == 0)) {
                host.clock.advance(TICK);
            }
            LockSupport.parkNanos(20_000);
        }
    }

    /** Freezes, extends, releases; and looks for the promises at the end. */
    void live() throws IOException {
        Reply armed =
                call(
                                new Request.Arm(
                                        Wire.PROTOCOL,
                                        members.stream()
                                                .map(m -> m.mountPoint().toString())
                                                .toList(),
                                        true,
                                        LIMIT,
                                        Optional.of(LIMIT),
                                        true,
                                        true,
                                        "test"),
                                members.toArray(FakeFilesystem[]::new))
                        .orElse(null);
        if (armed instanceof Reply.Armed(LeaseView view)) {
            lease = Optional.of(view.id());
            if (call(new Request.Freeze(view.id())).orElse(null) instanceof Reply.Frozen) {
                frozen = true;
                expectFrozenWhole();
                host.pass(CREEP);
                call(new Request.Extend(view.id(), Optional.empty()));
                host.pass(CREEP);
            }
            release(view.id());
        }
        neighbourReleases();
        host.pass(LIMIT.plus(GRACE).plus(CREEP));
        expectThawed();
        afterwards();
    }

    /** What is thawed again by now, since the answer was late, was frozen too. */
    private void expectFrozenWhole() {
        for (FakeFilesystem member : members) {
            if (member.freezes() == 0) {
                violations.add("told to be frozen, and was not: " + member);
            }
        }
    }

    private void release(String id) {
        boolean said =
                call(new Request.Release(id)).orElse(null)
                                instanceof Reply.Ended(List<LeaseView> views)
                        && views.getFirst().state().equals("released");
        for (FakeFilesystem member : members) {
            if (said && !frozen) {
                violations.add("released, and was never told to be frozen");
            } else if (said && (member.freezes() != 1 || member.thaws() != 1)) {
                violations.add("released, and was thawed " + member.thaws() + " times: " + member);
            }
        }
    }

    private void neighbourReleases() throws IOException {
        boolean unharmed = faults.stream().allMatch(Fault::isOfTheHolderOnly);
        List<IOException> failures = new ArrayList<>();
        Optional<Reply> answer = answerToNeighbour(unharmed, failures);
        boolean said =
                answer.orElse(null) instanceof Reply.Ended(List<LeaseView> views)
                        && views.getFirst().state().equals("released");
        if (said && (neighbours.freezes() != 1 || neighbours.thaws() != 1)) {
            violations.add("the neighbour's was thawed " + neighbours.thaws() + " times");
        }
        if (unharmed && !said) {
            violations.add("the neighbour's lease is harmed: " + answer + " " + failures);
        }
        neighbour.close();
    }

    private Optional<Reply> answerToNeighbour(boolean sure, List<IOException> failed) {
        Request release = new Request.Release(neighboursLease);
        List<Reply> heard = new ArrayList<>();
        try {
            neighbour.say(release);
        } catch (IOException e) {
            failed.add(e);
            return Optional.empty();
        }
        look(
                () -> {
                    try {
                        neighbour.heard(release).ifPresent(heard::add);
                    } catch (IOException e) {
                        failed.add(e);
                    }
                    return !heard.isEmpty() || !failed.isEmpty();
                },
                () -> !sure);
        return heard.stream().findFirst();
    }

    /** Killed, stopped or hanging, both of them: then nobody can, until a command comes. */
    private void expectThawed() {
        boolean somebody = runs(Role.GUARD) || processes(Role.SENTRY).anyMatch(this::knows);
        if (somebody) {
            // The clock stands still: whoever has to do something now may be waiting for a
            // processor.
            expectNoneFrozen("at the deadline + 1 s, though somebody could thaw", Duration.ZERO);
        }
        if (idle.freezes() > 0) {
            violations.add("frozen, and in no lease: " + idle);
        }
    }

    private List<FakeFilesystem> all() {
        List<FakeFilesystem> all = new ArrayList<>(members);
        all.add(neighbours);
        all.add(idle);
        return all;
    }

    private boolean runs(Role role) {
        return !hanging.contains(role) && processes(role).anyMatch(GuardLife::runs);
    }

    private static boolean runs(FakeProcess process) {
        return !process.hasEnded() && !process.isStopped();
    }

    /**
     * Whether this sentry can thaw. The successor of one that was killed says that it is ready, and then of each
     * filesystem that it has it: a guard that is stopped or killed in this very moment leaves it with nothing.
     */
    private boolean knows(FakeProcess sentry) {
        FaultyKernel kernel = sentries.get(sentry);
        if (kernel == null || !runs(sentry)) {
            return false;
        }
        if (kernel.equals(kernels.get(Role.SENTRY))) {
            return !hanging.contains(Role.SENTRY);
        }
        long said = kernel.calls().stream().filter(call -> call.startsWith("send ")).count();
        return said > members.size() + 1;
    }

    /** Whatever hangs goes on, who is stopped too, and a command comes: nothing is frozen after it. */
    private void afterwards() throws KernelException {
        kernels.values().forEach(FaultyKernel::disarm);
        allOver.countDown();
        hanging.clear();
        host.kernel.spawned().forEach(FakeProcess::resume);
        host.pass(GRACE.plus(CREEP));
        if (!runs(Role.GUARD)) {
            host.startGuard();
            host.pass(CREEP);
        }
        expectNoneFrozen("after all that hung went on, and a command came", TICK);
    }

    /** @param tick what the clock creeps on while it is waited for */
    private void expectNoneFrozen(String when, Duration tick) {
        long limit = System.nanoTime() + REAL_LIMIT.toNanos();
        while (all().stream().anyMatch(FakeFilesystem::isFrozen)) {
            if (System.nanoTime() - limit > 0) {
                all().stream()
                        .filter(FakeFilesystem::isFrozen)
                        .forEach(f -> violations.add("frozen " + when + ": " + f));
                return;
            }
            host.clock.advance(tick);
            LockSupport.parkNanos(100_000);
        }
    }

    @Override
    public void close() {
        allOver.countDown();
        holder.end();
        host.close();
    }
}
