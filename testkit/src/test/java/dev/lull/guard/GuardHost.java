package dev.lull.guard;

import dev.lull.lease.End;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.PollInterest;
import dev.lull.testkit.FakeClock;
import dev.lull.testkit.FakeFilesystem;
import dev.lull.testkit.FakeKernel;
import dev.lull.testkit.FakeProcess;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** A host of the fake kernel on which the whole guard runs: guard, sentry and canary, each a process of its own. */
final class GuardHost implements AutoCloseable {
    private static final Duration REAL_LIMIT = Duration.ofSeconds(20);
    private static final Duration TICK = Duration.ofNanos(20_000);

    final FakeClock clock = new FakeClock();
    final FakeKernel kernel = FakeKernel.boot(clock);
    final RunDirectory run;
    private final Path directory;
    private final List<FakeFilesystem> filesystems = new ArrayList<>();

    /** What the three processes are, by what they are called here. */
    enum Role {
        GUARD,
        SENTRY,
        CANARY
    }

    /** Puts something between a process and its kernel. */
    interface Dressing {
        Kernel dress(Role role, FakeKernel own);
    }

    private final Dressing dressing;

    /** How long the next guard stays without leases; zero is for ever. */
    volatile Duration idle = Duration.ZERO;

    GuardHost(Path directory) throws IOException {
        this(directory, (_, own) -> own);
    }

    GuardHost(Path directory, Dressing dressing) throws IOException {
        this.directory = directory;
        this.dressing = dressing;
        this.run = new RunDirectory(kernel, directory);
        Files.createDirectories(directory.resolve("leases"));
        kernel.filesystem("tmpfs", directory);
        kernel.knob(Path.of("/sys/kernel/rcu_normal"), "0\n");
        kernel.knob(Expedite.KNOB, "0\n");
        kernel.directory(Path.of("/dev"));
        kernel.createNew(Path.of("/dev/null"), 0666).close();
        kernel.onSpawn(this::program);
        startGuard();
    }

    void startGuard() throws KernelException {
        kernel.spawn(Path.of("/bin/guard"), List.of("guard"), Map.of(), List.of());
        until(() -> status().sentry().isPresent() && status().canary().isPresent());
    }

    private void program(FakeProcess process) {
        try {
            Kernel own = dressing.dress(role(process), process.kernel());
            switch (role(process)) {
                case GUARD -> guard(own);
                case SENTRY ->
                        Sentry.run(own, directory, Integer.parseInt(process.arguments().getLast()));
                case CANARY -> Canary.run(own, directory);
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    static Role role(FakeProcess process) {
        if (process.arguments().contains("guard")) {
            return Role.GUARD;
        }
        return process.arguments().stream().anyMatch(a -> a.contains("Sentry"))
                ? Role.SENTRY
                : Role.CANARY;
    }

    private void guard(Kernel own) throws IOException {
        RunDirectory its = new RunDirectory(own, directory);
        List<String> warnings = new ArrayList<>();
        TakeOver takeOver = new TakeOver(own, its, warnings);
        takeOver.run();
        Expedite expedite = new Expedite(own, its.expediteMarker());
        expedite.recover();
        kernel.removeSocket(its.socket());
        try (Descriptor listener = own.listen(its.socket(), 0600);
                GuardLoop loop =
                        new GuardLoop(
                                own,
                                its,
                                expedite,
                                Supervisor.of(own, Map.of()),
                                listener,
                                idle,
                                takeOver,
                                warnings)) {
            loop.warmUp();
            loop.run();
        }
    }

    /** Ends every process, so that nothing is written to the directory any more. */
    @Override
    public void close() {
        filesystems.forEach(FakeFilesystem::letGo);
        filesystems.stream().filter(FakeFilesystem::isFrozen).forEach(FakeFilesystem::thawByOthers);
        kernel.spawned().forEach(FakeProcess::kill);
        until(() -> kernel.spawned().stream().allMatch(FakeProcess::hasEnded));
    }

    /** A filesystem of this host's. */
    FakeFilesystem filesystem(String type, String mountPoint) {
        FakeFilesystem made = kernel.filesystem(type, Path.of(mountPoint));
        filesystems.add(made);
        return made;
    }

    /** Waits for something that needs no time but the processes' own, letting the clock creep on meanwhile. */
    void until(BooleanSupplier condition) {
        long limit = System.nanoTime() + REAL_LIMIT.toNanos();
        int ticks = 0;
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - limit > 0) {
                throw new AssertionError(
                        "did not come to be; "
                                + kernel.spawned()
                                + kernel.spawned().stream().map(FakeProcess::failure).toList());
            }
            // The longer it takes, the longer it may be meant to take.
            ticks++;
            clock.advance(TICK.multipliedBy(1 + ticks / 200));
            LockSupport.parkNanos(20_000);
        }
    }

    /** Moves the clock on in steps that let everybody keep up. */
    void pass(Duration duration) {
        long end = clock.nanos() + duration.toNanos();
        while (clock.nanos() - end < 0) {
            clock.advance(
                    Duration.ofNanos(
                            Math.min(Duration.ofMillis(10).toNanos(), end - clock.nanos())));
            LockSupport.parkNanos(100_000);
        }
    }

    Reply.GuardStatus status() {
        try (Client client = new Client()) {
            return (Reply.GuardStatus) client.call(new Request.Status());
        } catch (IOException e) {
            return new Reply.GuardStatus(
                    "",
                    0,
                    0,
                    Optional.empty(),
                    Optional.empty(),
                    0,
                    0,
                    List.of(),
                    List.of(String.valueOf(e)));
        }
    }

    FakeProcess process(int pid) {
        return kernel.spawned().stream().filter(p -> p.pid() == pid).findFirst().orElseThrow();
    }

    FakeProcess guardProcess() {
        return process(status().pid());
    }

    LeaseView ended(String lease) throws IOException {
        until(() -> {
            try {
                return run.history(10).stream().anyMatch(view -> view.id().equals(lease));
            } catch (IOException e) {
                return false;
            }
        });
        return run.history(10).stream()
                .filter(view -> view.id().equals(lease))
                .findFirst()
                .orElseThrow();
    }

    End endOf(String lease) throws IOException {
        return End.ofWord(ended(lease).state());
    }

    /** A client in the test's own process. */
    final class Client implements AutoCloseable {
        private final Descriptor socket;
        private final Frames frames = new Frames(Wire.MAX_REPLY);

        Client() throws KernelException {
            socket = kernel.connect(run.socket());
        }

        Descriptor socket() {
            return socket;
        }

        void say(Request request, Descriptor... passed) throws KernelException {
            ByteBuffer bytes = ByteBuffer.wrap(Wire.encode(request));
            kernel.send(socket, bytes, List.of(passed));
        }

        /** Waits for a reply, with the clock creeping on. */
        Reply hear(Request asked) throws IOException {
            ByteBuffer bytes = ByteBuffer.allocate(1 << 16);
            Map<String, byte[]> got = new HashMap<>();
            until(() -> {
                try {
                    if (kernel.poll(List.of(PollInterest.readable(socket)), Duration.ZERO)[0]
                            == 0) {
                        return false;
                    }
                    bytes.clear();
                    if (kernel.receive(socket, bytes, new ArrayList<>()) < 0) {
                        got.put("end", new byte[0]);
                        return true;
                    }
                    bytes.flip();
                    byte[] message = frames.next(bytes);
                    if (message != null) {
                        got.put("message", message);
                    }
                    return message != null;
                } catch (KernelException | WireException e) {
                    throw new IllegalStateException(e);
                }
            });
            byte[] message = got.get("message");
            if (message == null) {
                throw new IOException("the guard closed the connection");
            }
            try {
                return Wire.reply(message, asked);
            } catch (WireException e) {
                throw new IOException(e);
            }
        }

        Reply call(Request request, Descriptor... passed) throws IOException {
            say(request, passed);
            return hear(request);
        }

        Reply arm(boolean attached, FakeFilesystem... filesystems) throws IOException {
            List<String> paths = new ArrayList<>();
            Descriptor[] directories = new Descriptor[filesystems.length];
            for (int i = 0; i < filesystems.length; i++) {
                paths.add(filesystems[i].mountPoint().toString());
                directories[i] = kernel.openDirectory(filesystems[i].mountPoint());
            }
            Request.Arm arm =
                    new Request.Arm(
                            Wire.PROTOCOL,
                            paths,
                            attached,
                            Duration.ofSeconds(10),
                            Optional.of(Duration.ofSeconds(30)),
                            true,
                            true,
                            "test");
            Reply reply = call(arm, directories);
            for (Descriptor directory : directories) {
                directory.close();
            }
            return reply;
        }

        /** Arms and freezes; answers the lease's id. */
        String freeze(boolean attached, FakeFilesystem... filesystems) throws IOException {
            String lease = ((Reply.Armed) arm(attached, filesystems)).lease().id();
            call(new Request.Freeze(lease));
            return lease;
        }

        LeaseView release(String lease) throws IOException {
            return ((Reply.Ended) call(new Request.Release(lease))).leases().getFirst();
        }

        @Override
        public void close() throws KernelException {
            socket.close();
        }
    }
}
