package dev.lull.guard;

import dev.lull.lease.End;
import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
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
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/** A host of the fake kernel on which the whole guard runs: guard, sentry and canary, each a process of its own. */
final class GuardHost implements AutoCloseable {
    private static final Duration REAL_LIMIT = Duration.ofSeconds(20);
    private static final Duration TICK = Duration.ofNanos(20_000);

    final FakeClock clock = new FakeClock();
    final FakeKernel kernel = FakeKernel.boot(clock);
    final RunDirectory run;
    private final Path directory;
    private final List<FakeFilesystem> filesystems = new ArrayList<>();

    /** What the processes are, by what they are called here. */
    enum Role {
        GUARD,
        SENTRY,
        CANARY,
        HOLDER
    }

    /** Puts something between a process and its kernel. */
    interface Dressing {
        Kernel dress(Role role, FakeKernel own);
    }

    private final Dressing dressing;
    private final AtomicInteger running = new AtomicInteger();
    private volatile Consumer<Kernel> holder = _ -> {};

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

    /** Starts a client that is a process of its own. */
    FakeProcess startHolder(Consumer<Kernel> program) throws KernelException {
        holder = program;
        return process(
                kernel.spawn(Path.of("/bin/holder"), List.of("holder"), Map.of(), List.of()));
    }

    private void program(FakeProcess process) {
        running.incrementAndGet();
        try {
            Kernel own = dressing.dress(role(process), process.kernel());
            switch (role(process)) {
                case GUARD -> guard(own);
                case SENTRY ->
                        Sentry.run(own, directory, Integer.parseInt(process.arguments().getLast()));
                case CANARY -> Canary.run(own, directory);
                case HOLDER -> holder.accept(own);
            }
        } catch (IOException e) {
            throw new IllegalStateException(e);
        } finally {
            running.decrementAndGet();
        }
    }

    static Role role(FakeProcess process) {
        if (process.arguments().contains("guard")) {
            return Role.GUARD;
        }
        if (process.arguments().contains("holder")) {
            return Role.HOLDER;
        }
        return process.arguments().stream().anyMatch(a -> a.contains("Sentry"))
                ? Role.SENTRY
                : Role.CANARY;
    }

    private void guard(Kernel own) throws IOException {
        RunDirectory its = new RunDirectory(own, directory);
        List<String> warnings = new ArrayList<>();
        for (LeaseRecord record : its.records(new ArrayList<>())) {
            for (LeaseRecord.Place place : record.places()) {
                // The directory is a real one, and the mount is not.
                kernel.directory(its.again(record, DeviceNumber.parse(place.device())));
            }
        }
        TakeOver takeOver = new TakeOver(own, its);
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
                                policyFile(),
                                idle,
                                takeOver,
                                warnings)) {
            loop.warmUp();
            loop.run();
        }
    }

    /** Of this host's own users: {@code alice} is 1000, {@code bob} 1001, the group {@code backup} 34. */
    private PolicyFile policyFile() throws IOException {
        Files.writeString(
                directory.resolve("passwd"),
                "alice:x:1000:1000:::\nbob:x:1001:1001:::\nroot:x:0:0:::\n");
        Files.writeString(directory.resolve("group"), "backup:x:34:\n");
        return new PolicyFile(
                directory.resolve("policy"),
                new Accounts(directory.resolve("passwd"), directory.resolve("group")),
                (int) Files.getAttribute(directory, "unix:uid"));
    }

    /** Writes the policy; the guard reads it some seconds later. */
    void policy(String text) throws IOException {
        Path fresh = directory.resolve("policy.new");
        Files.writeString(fresh, text);
        Files.move(fresh, directory.resolve("policy"), StandardCopyOption.ATOMIC_MOVE);
    }

    /** Another process, of some user; its calls are made by the test. */
    FakeKernel processOf(int user, Integer... groups) {
        FakeKernel other = kernel.another("client");
        other.user(user);
        other.groups(groups);
        return other;
    }

    /** Ends every process, so that nothing is written to the directory any more. */
    @Override
    public void close() {
        filesystems.forEach(FakeFilesystem::letGo);
        filesystems.forEach(FakeFilesystem::thawByOthersIfFrozen);
        kernel.spawned().forEach(FakeProcess::kill);
        until(() -> kernel.spawned().stream().allMatch(FakeProcess::hasEnded));
        // Its code runs on until its next call of the kernel, and may write a file on its way
        // there.
        until(() -> running.get() == 0);
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

    /** A client, in the test's own process unless said otherwise. */
    final class Client implements AutoCloseable {
        private final FakeKernel kernel;
        private final Descriptor socket;
        private final Frames frames = new Frames(Wire.MAX_REPLY);
        private final ByteBuffer received = ByteBuffer.allocate(1 << 16).limit(0);

        Client() throws KernelException {
            this(GuardHost.this.kernel);
        }

        /** In another process. */
        Client(FakeKernel kernel) throws KernelException {
            this.kernel = kernel;
            this.socket = kernel.connect(run.socket());
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
            List<Reply> got = new ArrayList<>();
            List<IOException> failed = new ArrayList<>();
            until(() -> {
                try {
                    heard(asked).ifPresent(got::add);
                } catch (IOException e) {
                    failed.add(e);
                }
                return !got.isEmpty() || !failed.isEmpty();
            });
            if (!failed.isEmpty()) {
                throw failed.getFirst();
            }
            return got.getFirst();
        }

        /**
         * The reply, if all of it has come.
         *
         * @throws IOException if none will come
         */
        Optional<Reply> heard(Request asked) throws IOException {
            try {
                byte[] message = frames.next(received);
                if (message == null) {
                    if (kernel.poll(List.of(PollInterest.readable(socket)), Duration.ZERO)[0]
                            == 0) {
                        return Optional.empty();
                    }
                    int count = kernel.receive(socket, received.clear(), new ArrayList<>());
                    received.flip();
                    if (count < 0) {
                        throw new IOException("the guard closed the connection");
                    }
                    message = frames.next(received);
                }
                return message == null ? Optional.empty() : Optional.of(Wire.reply(message, asked));
            } catch (WireException e) {
                throw new IOException(e);
            }
        }

        Reply call(Request request, Descriptor... passed) throws IOException {
            say(request, passed);
            return hear(request);
        }

        Reply arm(boolean attached, FakeFilesystem... filesystems) throws IOException {
            return arm(attached, Optional.of(Duration.ofSeconds(30)), filesystems);
        }

        Reply arm(boolean attached, Optional<Duration> timeout, FakeFilesystem... filesystems)
                throws IOException {
            return arm(attached, Duration.ofSeconds(10), timeout, filesystems);
        }

        Reply arm(
                boolean attached, Duration within, Duration timeout, FakeFilesystem... filesystems)
                throws IOException {
            return arm(attached, within, Optional.of(timeout), filesystems);
        }

        private Reply arm(
                boolean attached,
                Duration within,
                Optional<Duration> timeout,
                FakeFilesystem... filesystems)
                throws IOException {
            List<String> paths = new ArrayList<>();
            Descriptor[] directories = new Descriptor[filesystems.length];
            for (int i = 0; i < filesystems.length; i++) {
                paths.add(filesystems[i].mountPoint().toString());
                directories[i] = kernel.openDirectory(filesystems[i].mountPoint());
            }
            Request.Arm arm =
                    new Request.Arm(
                            Wire.PROTOCOL, paths, attached, within, timeout, true, true, "test");
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
