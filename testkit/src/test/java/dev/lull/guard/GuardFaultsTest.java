package dev.lull.guard;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.guard.GuardHost.Role;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.KernelException;
import dev.lull.linux.PollInterest;
import dev.lull.testkit.FakeFilesystem;
import dev.lull.testkit.FakeProcess;
import dev.lull.testkit.FaultyKernel;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * One lease's life, again and again: each time one call into the kernel, by guard, sentry or canary, fails or hangs, or
 * somebody is killed or stopped just then. The calls are those that a life without faults has made, so none is forgotten;
 * a fault that was not hit fails the test.
 */
class GuardFaultsTest {
    /** Both limits of every lease here. */
    private static final Duration LIMIT = Duration.ofSeconds(2);

    /** FITHAW comes by the deadline + 1 s. */
    private static final Duration GRACE = Duration.ofSeconds(1);

    /** What the clock creeps on while processes that can run do what they have to. */
    private static final Duration CREEP = Duration.ofMillis(200);

    /** Of each method, so many calls: the first are in different places, the later ones the same loop again. */
    private static final int CALLS = 2;

    /** How often a call of the client's is looked for an answer to, some tens of real microseconds each. */
    private static final int PATIENCE = 1500;

    private @TempDir Path directory;

    /** What happens at a call. */
    private enum Blow {
        FAIL,
        HANG,
        KILL_ITSELF,
        KILL_GUARD,
        KILL_SENTRY,
        KILL_GUARD_AND_CANARY,
        KILL_SENTRY_AND_CANARY,
        KILL_GUARD_AND_SENTRY,
        STOP_GUARD,
        STOP_SENTRY,
        CLIENT_LEAVES
    }

    private record Point(Role role, String method, int call) {}

    /** A host with the first guard, sentry and canary on faulty kernels. */
    private static final class Scene implements AutoCloseable {
        private final Map<Role, FaultyKernel> kernels = new ConcurrentHashMap<>();
        private final Map<Role, Integer> callsAtStart = new EnumMap<>(Role.class);
        private final GuardHost host;
        private final FakeFilesystem srv;
        private final GuardHost.Client client;
        private volatile boolean clientLeft;
        private Optional<String> lease = Optional.empty();
        private int thawsWhenFrozen = -1;
        private final List<String> violations = new ArrayList<>();

        Scene(Path directory) throws IOException {
            host =
                    new GuardHost(
                            directory,
                            (role, own) -> {
                                FaultyKernel faulty = new FaultyKernel(own);
                                return kernels.putIfAbsent(role, faulty) == null ? faulty : own;
                            });
            srv = host.filesystem("ext4", "/srv");
            client = host.new Client();
            // Until everybody is up and waits for something to do.
            host.pass(CREEP);
            kernels.forEach((role, kernel) -> callsAtStart.put(role, kernel.calls().size()));
        }

        Map<Role, Map<String, Integer>> calls() {
            Map<Role, Map<String, Integer>> counts = new EnumMap<>(Role.class);
            kernels.forEach((role, kernel) -> {
                Map<String, Integer> count = new LinkedHashMap<>();
                List<String> calls = kernel.calls();
                for (String call : calls.subList(callsAtStart.get(role), calls.size())) {
                    count.merge(call.split(" ", 2)[0], 1, Integer::sum);
                }
                counts.put(role, count);
            });
            return counts;
        }

        private List<FakeProcess> processes(Role role) {
            return host.kernel.spawned().stream().filter(p -> GuardHost.role(p) == role).toList();
        }

        private void kill(Role... roles) {
            for (Role role : roles) {
                processes(role).forEach(FakeProcess::kill);
            }
        }

        private boolean able(Role role) {
            return processes(role).stream().anyMatch(p -> !p.hasEnded());
        }

        void plan(Point point, Blow blow) {
            FaultyKernel.Plan plan =
                    kernels.get(point.role()).at(point.method()).call(point.call());
            switch (blow) {
                case FAIL -> plan.fail(Errno.EIO);
                case HANG -> plan.hang();
                case KILL_ITSELF -> plan.perform(() -> kill(point.role()));
                case KILL_GUARD -> plan.perform(() -> kill(Role.GUARD));
                case KILL_SENTRY -> plan.perform(() -> kill(Role.SENTRY));
                case KILL_GUARD_AND_CANARY -> plan.perform(() -> kill(Role.GUARD, Role.CANARY));
                case KILL_SENTRY_AND_CANARY -> plan.perform(() -> kill(Role.SENTRY, Role.CANARY));
                case KILL_GUARD_AND_SENTRY -> plan.perform(() -> kill(Role.GUARD, Role.SENTRY));
                case STOP_GUARD -> plan.perform(() -> stop(Role.GUARD));
                case STOP_SENTRY -> plan.perform(() -> stop(Role.SENTRY));
                case CLIENT_LEAVES -> plan.perform(() -> clientLeft = true);
            }
        }

        private void stop(Role role) {
            processes(role).forEach(FakeProcess::stop);
        }

        /** An answer, if there is one before long. */
        private Optional<Reply> call(Request request, Descriptor... passed) {
            if (clientLeft) {
                leave();
                return Optional.empty();
            }
            try {
                client.say(request, passed);
                ByteBuffer bytes = ByteBuffer.allocate(1 << 16);
                Frames frames = new Frames(Wire.MAX_REPLY);
                for (int look = 0; look < PATIENCE && !clientLeft; look++) {
                    host.clock.advance(Duration.ofNanos(50_000));
                    if (host.kernel
                                    .poll(
                                            List.of(PollInterest.readable(client.socket())),
                                            Duration.ZERO)[0]
                            == 0) {
                        LockSupport.parkNanos(20_000);
                        continue;
                    }
                    bytes.clear();
                    if (host.kernel.receive(client.socket(), bytes, new ArrayList<>()) < 0) {
                        return Optional.empty();
                    }
                    bytes.flip();
                    byte[] message = frames.next(bytes);
                    if (message != null) {
                        return Optional.of(Wire.reply(message, request));
                    }
                }
            } catch (KernelException | WireException e) {
                return Optional.empty();
            }
            return Optional.empty();
        }

        private void leave() {
            try {
                client.close();
            } catch (KernelException e) {
                throw new IllegalStateException(e);
            }
        }

        /** Freezes, extends, releases; and looks for the promises at the end. */
        void live() throws IOException {
            Reply armed;
            try (Descriptor directory = host.kernel.openDirectory(srv.mountPoint())) {
                Request.Arm arm =
                        new Request.Arm(
                                Wire.PROTOCOL,
                                List.of(srv.mountPoint().toString()),
                                true,
                                LIMIT,
                                Optional.of(LIMIT),
                                true,
                                true,
                                "test");
                armed = call(arm, directory).orElse(null);
            }
            if (armed instanceof Reply.Armed(LeaseView view)) {
                lease = Optional.of(view.id());
                if (call(new Request.Freeze(view.id())).orElse(null) instanceof Reply.Frozen) {
                    thawsWhenFrozen = srv.thaws();
                    host.pass(CREEP);
                    call(new Request.Extend(view.id(), Optional.empty()));
                    host.pass(CREEP);
                }
                release(view.id());
            }
            if (clientLeft) {
                leave();
            }
            host.pass(LIMIT.plus(GRACE).plus(CREEP));
            expectThawed("by the deadline + 1 s");
            afterwards();
        }

        private void release(String id) {
            boolean said =
                    call(new Request.Release(id)).orElse(null)
                                    instanceof Reply.Ended(List<LeaseView> views)
                            && views.getFirst().state().equals("released");
            if (said && thawsWhenFrozen < 0) {
                violations.add("released, and was never frozen");
            } else if (said && srv.thaws() != thawsWhenFrozen + 1) {
                violations.add(
                        "released, and was thawed " + (srv.thaws() - thawsWhenFrozen) + " times");
            }
        }

        private void expectThawed(String when) {
            boolean somebody = able(Role.GUARD) || able(Role.SENTRY);
            if (somebody && srv.isFrozen() && !bothHeldUp()) {
                violations.add("frozen, though somebody could thaw " + when);
            }
        }

        /** Killed or stopped, both of them: then nobody can, until a command comes. */
        private boolean bothHeldUp() {
            return !runs(Role.GUARD) && !runs(Role.SENTRY);
        }

        private boolean runs(Role role) {
            return processes(role).stream().anyMatch(p -> !p.hasEnded() && !p.isStopped());
        }

        /** Whatever hangs goes on, who is stopped too, and a command comes: nothing is frozen after it. */
        private void afterwards() throws KernelException {
            kernels.values().forEach(FaultyKernel::releaseHanging);
            host.kernel.spawned().forEach(FakeProcess::resume);
            host.pass(GRACE.plus(CREEP));
            if (!runs(Role.GUARD)) {
                host.startGuard();
                host.pass(CREEP);
            }
            if (srv.isFrozen()) {
                violations.add("frozen after all that hung went on, and a command came");
            }
        }

        @Override
        public void close() {
            host.close();
        }
    }

    private Path fresh(int number) throws IOException {
        return Files.createDirectory(directory.resolve("run-" + number));
    }

    private Set<Point> points() throws IOException {
        Map<Role, Map<String, Integer>> least = new HashMap<>();
        for (int dry = 0; dry < 3; dry++) {
            try (Scene scene = new Scene(fresh(-1 - dry))) {
                scene.live();
                assertThat(scene.violations).isEmpty();
                assertThat(scene.lease).isPresent();
                assertThat(scene.thawsWhenFrozen).isNotNegative();
                Map<Role, Map<String, Integer>> calls = scene.calls();
                boolean first = least.isEmpty();
                calls.forEach((role, counts) -> {
                    if (first) {
                        least.put(role, counts);
                    } else {
                        least.get(role).keySet().retainAll(counts.keySet());
                        counts.forEach((method, count) ->
                                least.get(role)
                                        .computeIfPresent(method, (_, n) -> Math.min(n, count)));
                    }
                });
            }
        }
        Set<Point> points = new LinkedHashSet<>();
        least.forEach((role, counts) ->
                counts.forEach((method, count) -> {
                    for (int call = 1; call <= Math.min(count, CALLS); call++) {
                        points.add(new Point(role, method, call));
                    }
                }));
        return points;
    }

    @Test
    @Timeout(600)
    void nothingStaysFrozenAndNothingIsCalledHeldThatWasNot() throws IOException {
        List<String> violations = new ArrayList<>();
        int number = 0;
        for (Point point : points()) {
            for (Blow blow : Blow.values()) {
                try (Scene scene = new Scene(fresh(number++))) {
                    scene.plan(point, blow);
                    scene.live();
                    scene.violations.forEach(
                            what -> violations.add(point + " " + blow + ": " + what));
                    scene.kernels.get(point.role()).verifyAllHit();
                } catch (AssertionError e) {
                    violations.add(point + " " + blow + ": " + e.getMessage());
                }
            }
        }
        System.out.println(
                "guard faults: "
                        + number
                        + " lives, each with one fault; violations: "
                        + violations.size());
        assertThat(violations).isEmpty();
    }
}
