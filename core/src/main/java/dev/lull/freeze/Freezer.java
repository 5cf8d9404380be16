package dev.lull.freeze;

import dev.lull.guard.Reply;
import dev.lull.guard.Request;
import dev.lull.guard.Wire;
import dev.lull.lease.Timeouts;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Freezes filesystems under a lease that always ends:
 *
 * {@snippet :
 * try (FreezeSet set = FreezeSet.of(Path.of("/srv"));
 *         Lease lease = Freezer.system().freeze(set, Timeouts.of(Duration.ofSeconds(30)))) {
 *     takeSnapshot();
 *     if (!lease.release().held()) {
 *         throwSnapshotAway();
 *     }
 * }
 * }
 *
 * The freeze itself is done by the guard, another process, which is started when there is none. A lease ends when it is
 * released, when its time is over, or as soon as this process is gone, whichever comes first. Needs root, or a policy that names the
 * user and a guard that runs. Immutable, for
 * any thread.
 *
 * <p>What runs while the set is frozen must not write to it: this process is checked once, before the freeze, for files
 * that it has open for writing or mapped. Run it with {@code -XX:-UsePerfData} if {@code /tmp} is to be frozen.
 */
public final class Freezer {
    /** Arming writes back what is dirty, which no one can say how long it takes. */
    private static final Duration ARMING = Duration.ofMinutes(30);

    /** On top of {@code within}: until what was frozen is thawed again, and the guard has said so. */
    private static final Duration UNDOING = Duration.ofSeconds(30);

    private final Kernel kernel;
    private final Path directory;
    private final String program;

    private Freezer(Kernel kernel, Path directory, String program) {
        this.kernel = kernel;
        this.directory = directory;
        this.program = program;
    }

    /** The one of this host. */
    public static Freezer system() {
        return on(new LinuxKernel(), GuardClient.DIRECTORY);
    }

    /** One on another kernel, or with a guard that has its socket and its records elsewhere: for tests. */
    public static Freezer on(Kernel kernel, Path directory) {
        return new Freezer(kernel, directory, "java");
    }

    /** The same, calling itself {@code program} where leases are shown: from 1 to 256 characters. */
    public Freezer named(String program) {
        return new Freezer(kernel, directory, program);
    }

    /** What it calls itself. */
    public String program() {
        return program;
    }

    /**
     * Arms and freezes at once.
     *
     * @throws FreezeException as {@link #arm} and {@link ArmedLease#freeze} do
     */
    public Lease freeze(FreezeSet set, Timeouts timeouts) throws FreezeException {
        ArmedLease armed = arm(set, timeouts);
        try {
            return armed.freeze();
        } catch (FreezeException e) {
            try {
                armed.close();
            } catch (FreezeException suppressed) {
                e.addSuppressed(suppressed);
            }
            throw e;
        }
    }

    /**
     * Prepares a freeze: dirty data is written back, the guard made ready. Nothing is frozen and nothing waits. May take
     * as long as the storage takes to write.
     *
     * @param options what to leave out
     * @throws InvalidRequestException if the limits are out of range, or this process itself has files of the set open
     *     for writing or mapped
     * @throws NotPermittedException without root
     * @throws GuardUnreachableException if there is no guard and none can be started
     * @throws FreezeException if the guard fails
     */
    public ArmedLease arm(FreezeSet set, Timeouts timeouts, FreezeOption... options)
            throws FreezeException {
        OwnFiles.requireOutside(kernel, set);
        GuardClient client = GuardClient.connect(kernel, directory);
        try {
            Reply.Armed armed =
                    (Reply.Armed)
                            client.call(
                                    request(set, timeouts, true, Set.of(options)),
                                    descriptors(set),
                                    Optional.of(ARMING));
            warmUp(client, armed);
            return new ArmedLease(this, client, armed.lease(), timeouts.within().plus(UNDOING));
        } catch (FreezeException e) {
            throw client.closing(e);
        }
    }

    /**
     * Freezes under a lease that nobody holds: it lives until it is thawed by name or its time is over, also when this
     * process is gone.
     *
     * @return the lease's id
     * @throws FreezeException as {@link #arm} and {@link ArmedLease#freeze} do
     */
    public String freezeDetached(FreezeSet set, Timeouts timeouts, FreezeOption... options)
            throws FreezeException {
        OwnFiles.requireOutside(kernel, set);
        GuardClient client = GuardClient.connect(kernel, directory);
        try (client) {
            Reply.Armed armed =
                    (Reply.Armed)
                            client.call(
                                    request(set, timeouts, false, Set.of(options)),
                                    descriptors(set),
                                    Optional.of(ARMING));
            Duration limit = timeouts.within().plus(UNDOING);
            client.call(new Request.Freeze(armed.lease().id()), List.of(), Optional.of(limit));
            return armed.lease().id();
        }
    }

    private Request.Arm request(
            FreezeSet set, Timeouts timeouts, boolean attached, Set<FreezeOption> options) {
        return new Request.Arm(
                Wire.PROTOCOL,
                set.members().stream()
                        .map(member -> member.path().toAbsolutePath().toString())
                        .toList(),
                attached,
                timeouts.within(),
                timeouts.timeout(),
                !options.contains(FreezeOption.NO_PRESYNC),
                !options.contains(FreezeOption.NO_EXPEDITE),
                program);
    }

    private static List<Descriptor> descriptors(FreezeSet set) {
        return set.members().stream().map(FreezeSet.Member::directory).toList();
    }

    /**
     * Runs once what will run while writers wait, so that no class is loaded then: a class can lie on the very filesystem
     * that is frozen, and takes milliseconds in any case.
     */
    private static void warmUp(GuardClient client, Reply.Armed armed) throws FreezeException {
        for (int i = 0; i < 3; i++) {
            client.call(new Request.Status());
        }
        Lease.rehearse(armed.lease());
    }

    /** A guard is needed though ours is gone: the next one thaws what it left. */
    GuardClient connect() throws FreezeException {
        return GuardClient.connect(kernel, directory);
    }

    long now() {
        return kernel.bootNanos();
    }
}
