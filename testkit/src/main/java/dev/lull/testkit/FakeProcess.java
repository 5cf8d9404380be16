package dev.lull.testkit;

import dev.lull.linux.Errno;
import dev.lull.linux.KernelException;
import dev.lull.linux.ProcessEnd;
import dev.lull.linux.ThreadStatus;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A process of a {@link FakeKernel}. Its code is Java threads that call {@link #kernel()}; they can be
 * stopped and killed as Linux does it: a killed process with a thread in state D becomes a zombie whose
 * descriptors stay open until that thread wakes. Safe for use by several threads.
 */
public final class FakeProcess {
    private static final int SIGKILL = 9;

    final World world;
    final TreeMap<Integer, OpenFile> files = new TreeMap<>();
    boolean reaped;

    private final int pid;
    private Path program;
    private List<String> arguments;
    private Map<String, String> environment;
    private final FakeKernel kernel;
    private final long startTicks;
    private final Map<Thread, Integer> threads = new LinkedHashMap<>();
    private final Set<Integer> blocked = new HashSet<>();
    private final Map<Integer, Long> sleeps = new HashMap<>();
    private final Map<Integer, BooleanSupplier> sleepers = new HashMap<>();
    private final Map<Thread, OpenFile.Trap> traps = new HashMap<>();
    private OpenFile.@Nullable Trap inheritedTrap;
    private final Map<Long, Byte> memory = new HashMap<>();
    private boolean stopped;
    private OptionalInt killedBy = OptionalInt.empty();
    private OptionalInt status = OptionalInt.empty();
    private @Nullable Throwable failure;

    FakeProcess(
            World world,
            int pid,
            Path program,
            List<String> arguments,
            Map<String, String> environment) {
        this.world = world;
        this.pid = pid;
        this.program = program;
        this.arguments = List.copyOf(arguments);
        this.environment = Map.copyOf(environment);
        this.startTicks = world.clock.nanos() / 10_000_000;
        this.kernel = new FakeKernel(this);
    }

    public int pid() {
        return pid;
    }

    public Path program() {
        synchronized (world) {
            return program;
        }
    }

    public List<String> arguments() {
        synchronized (world) {
            return arguments;
        }
    }

    public Map<String, String> environment() {
        synchronized (world) {
            return environment;
        }
    }

    /** With the world's lock held. */
    void become(Path path, List<String> argv, Map<String, String> variables) {
        program = path;
        arguments = List.copyOf(argv);
        environment = Map.copyOf(variables);
    }

    /** The kernel as this process calls it. */
    public FakeKernel kernel() {
        return kernel;
    }

    /** Stores bytes in its memory; all else of it cannot be read. */
    public void poke(long address, byte... bytes) {
        synchronized (world) {
            for (int i = 0; i < bytes.length; i++) {
                memory.put(address + i, bytes[i]);
            }
        }
    }

    Optional<byte[]> peek(long address, int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            Byte stored = memory.get(address + i);
            if (stored == null) {
                return Optional.empty();
            }
            bytes[i] = stored;
        }
        return Optional.of(bytes);
    }

    /** Whether it has wholly ended, all of its descriptors closed. */
    public boolean hasEnded() {
        synchronized (world) {
            return status.isPresent();
        }
    }

    /** Its exit status once it has ended, 128 + signal if killed. */
    public OptionalInt status() {
        synchronized (world) {
            return status;
        }
    }

    Optional<ProcessEnd> end() {
        if (status.isEmpty()) {
            return Optional.empty();
        }
        return Optional.of(
                killedBy.isPresent()
                        ? new ProcessEnd(0, killedBy.getAsInt())
                        : new ProcessEnd(status.getAsInt(), 0));
    }

    /** What its code threw, if that is how it ended. */
    public Optional<Throwable> failure() {
        synchronized (world) {
            return Optional.ofNullable(failure);
        }
    }

    /** As {@code kill -9}. */
    public void kill() {
        signal(SIGKILL);
    }

    /** As {@code kill -STOP}: its threads go no further in any call of the kernel. */
    public void stop() {
        signal(19);
    }

    /** Whether it is stopped. */
    public boolean isStopped() {
        synchronized (world) {
            return stopped;
        }
    }

    /** As {@code kill -CONT}. */
    public void resume() {
        signal(18);
    }

    /** Ends it with that exit status. */
    public void exit(int exitStatus) {
        synchronized (world) {
            if (status.isEmpty() && killedBy.isEmpty()) {
                end(exitStatus);
            }
        }
    }

    void fail(Throwable thrown) {
        synchronized (world) {
            failure = thrown;
            exit(1);
        }
    }

    /** How many of its threads are in state D. */
    public int blockedThreads() {
        synchronized (world) {
            return blocked.size();
        }
    }

    void signal(int signal) {
        synchronized (world) {
            switch (signal) {
                case 0 -> {}
                case 19 -> stopped = true;
                case 18 -> stopped = false;
                default -> {
                    if (status.isEmpty() && killedBy.isEmpty()) {
                        killedBy = OptionalInt.of(signal);
                        endIfNothingBlocks();
                    }
                }
            }
            world.notifyAll();
        }
    }

    private void endIfNothingBlocks() {
        if (killedBy.isPresent() && blocked.isEmpty()) {
            end(128 + killedBy.getAsInt());
        }
    }

    private void end(int exitStatus) {
        status = OptionalInt.of(exitStatus);
        for (OpenFile file : files.values()) {
            file.release(world);
        }
        files.clear();
        world.notifyAll();
    }

    /** What every call does first. With the world's lock held. */
    void enter() {
        threadId();
        world.await(() -> !stopped || killedBy.isPresent());
        if (isToEnd()) {
            throw new ProcessKilled(pid);
        }
    }

    boolean isToEnd() {
        return killedBy.isPresent() || status.isPresent();
    }

    /** Who hears of the calling thread's freezes; null if nobody. */
    OpenFile.@Nullable Trap trap() {
        return traps.getOrDefault(Thread.currentThread(), inheritedTrap);
    }

    void setTrap(OpenFile.Trap trap) {
        traps.put(Thread.currentThread(), trap);
    }

    void inheritTrap(OpenFile.@Nullable Trap trap) {
        inheritedTrap = trap;
    }

    boolean hasThread(int tid) {
        return tid == pid || threads.containsValue(tid);
    }

    int threadId() {
        Integer known = threads.get(Thread.currentThread());
        if (known != null) {
            return known;
        }
        int tid = threads.isEmpty() ? pid : world.nextId();
        threads.put(Thread.currentThread(), tid);
        return tid;
    }

    /** Sleeps in state D until {@code awake}; nothing else wakes it. With the world's lock held. */
    void block(BooleanSupplier awake) {
        if (awake.getAsBoolean()) {
            return;
        }
        int tid = threadId();
        blocked.add(tid);
        // Between two sleeps of this kind a thread has waited for something else as well.
        sleeps.merge(tid, 2L, Long::sum);
        sleepers.put(tid, awake);
        world.notifyAll();
        world.await(awake);
        blocked.remove(tid);
        sleepers.remove(tid);
        endIfNothingBlocks();
        world.notifyAll();
        enter();
    }

    /** Sleeps in state D until the clock says {@code nanos}. */
    void blockUntil(long nanos) {
        if (world.clock.nanos() >= nanos) {
            return;
        }
        world.clock.fallAsleep(nanos);
        try {
            block(() -> world.clock.nanos() >= nanos);
        } finally {
            world.clock.wakeUp(nanos);
        }
    }

    /** A thread that was woken does not sleep, even if it has not run yet. */
    OptionalLong deepSleep(int tid) {
        BooleanSupplier awake = sleepers.get(tid);
        return awake == null || awake.getAsBoolean()
                ? OptionalLong.empty()
                : OptionalLong.of(sleeps.getOrDefault(tid, 0L));
    }

    Optional<ThreadStatus> thread(int tid) {
        if (reaped) {
            return Optional.empty();
        }
        boolean killPending = killedBy.isPresent() && killedBy.getAsInt() == SIGKILL;
        if (blocked.contains(tid)) {
            return Optional.of(new ThreadStatus('D', startTicks, killPending, false));
        }
        if (tid == pid && (status.isPresent() || killedBy.isPresent())) {
            return Optional.of(new ThreadStatus('Z', startTicks, false, false));
        }
        if (status.isPresent() || killedBy.isPresent()) {
            return Optional.empty();
        }
        if (tid == pid) {
            return Optional.of(new ThreadStatus(stateOf(threadOf(tid)), startTicks, false, false));
        }
        Thread thread = threadOf(tid);
        return thread == null || !thread.isAlive()
                ? Optional.empty()
                : Optional.of(new ThreadStatus(stateOf(thread), startTicks, false, false));
    }

    @SuppressWarnings("ReferenceEquality") // which thread it is, not what it is like
    private char stateOf(@Nullable Thread thread) {
        if (stopped) {
            return 'T';
        }
        return Thread.currentThread().equals(thread) ? 'R' : 'S';
    }

    private @Nullable Thread threadOf(int tid) {
        for (Map.Entry<Thread, Integer> entry : threads.entrySet()) {
            if (entry.getValue() == tid) {
                return entry.getKey();
            }
        }
        return null;
    }

    List<Integer> threadIds() {
        List<Integer> ids = new ArrayList<>();
        if (thread(pid).isPresent()) {
            ids.add(pid);
        }
        for (int tid : threads.values()) {
            if (tid != pid && thread(tid).isPresent()) {
                ids.add(tid);
            }
        }
        return ids;
    }

    /** Gives a file the lowest free number, as Linux does. */
    int install(OpenFile file) {
        int number = 3;
        while (files.containsKey(number)) {
            number++;
        }
        file.acquire();
        files.put(number, file);
        return number;
    }

    OpenFile file(int number, String operation, String subject) throws KernelException {
        OpenFile file = files.get(number);
        if (file == null) {
            throw new KernelException(operation, subject, Errno.EBADF);
        }
        return file;
    }

    @Override
    public String toString() {
        return "process " + pid + " (" + program + ")";
    }
}
