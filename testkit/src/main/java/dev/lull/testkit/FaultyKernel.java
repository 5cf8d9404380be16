package dev.lull.testkit;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.Execution;
import dev.lull.linux.FileStatus;
import dev.lull.linux.FilesystemSpace;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.LoopDevice;
import dev.lull.linux.LoopStatus;
import dev.lull.linux.Mount;
import dev.lull.linux.Peer;
import dev.lull.linux.PollInterest;
import dev.lull.linux.ProcessEnd;
import dev.lull.linux.ThreadStatus;
import dev.lull.linux.TrappedIoctl;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A kernel some of whose calls fail, are late or hang, as a test planned. Every method that can fail is
 * a point where a fault can be planned, under the method's name. A fault that was planned and never hit
 * fails the test: {@link #close} says so.
 *
 * <pre>{@code
 * try (FaultyKernel kernel = new FaultyKernel(fake)) {
 *     kernel.at("freeze").on("/srv").fail(Errno.EIO);
 *     Hang hang = kernel.at("thaw").call(2).hang();
 *     …
 *     hang.awaitHit();
 *     hang.release();
 * }
 * }</pre>
 *
 * <p>Each fault is hit once, by the first call that it fits; of several that fit the one planned first.
 * Safe for use by several threads.
 */
public final class FaultyKernel implements Kernel, AutoCloseable {
    private static final long REAL_LIMIT_SECONDS = 20;

    private final Kernel kernel;
    private final List<Fault> faults = new ArrayList<>();
    private final List<String> calls = new ArrayList<>();
    private boolean disarmed;

    public FaultyKernel(Kernel kernel) {
        this.kernel = kernel;
    }

    /** Begins the plan of a fault at the method of that name. */
    public Plan at(String method) {
        return new Plan(method);
    }

    /** All calls so far, in order, each as {@code freeze /srv}: a fault can then be planned at every one. */
    public List<String> calls() {
        synchronized (faults) {
            return List.copyOf(calls);
        }
    }

    /** From now on no fault is hit that has not been yet. */
    public void disarm() {
        synchronized (faults) {
            disarmed = true;
        }
    }

    /** How many of the planned faults have been hit. */
    public int hits() {
        synchronized (faults) {
            return (int) faults.stream().filter(fault -> fault.hit).count();
        }
    }

    /** @throws AssertionError naming each fault that was planned and never hit */
    public void verifyAllHit() {
        List<Fault> missed = new ArrayList<>();
        synchronized (faults) {
            for (Fault fault : faults) {
                if (!fault.hit) {
                    missed.add(fault);
                }
            }
        }
        if (!missed.isEmpty()) {
            throw new AssertionError("planned and never hit: " + missed);
        }
    }

    /** Lets go whatever hangs. */
    public void releaseHanging() {
        synchronized (faults) {
            for (Fault fault : faults) {
                fault.released.countDown();
            }
        }
    }

    /** Lets go whatever hangs, so that no thread outlives the test, and then {@link #verifyAllHit}. */
    @Override
    public void close() {
        releaseHanging();
        verifyAllHit();
    }

    /** Where and when a fault is to be. */
    public final class Plan {
        private final String method;
        private String subject = "";
        private int call = 1;
        private boolean afterwards;
        private boolean halfway;

        private Plan(String method) {
            this.method = method;
        }

        /** Only calls on this: a descriptor's name, a path, {@code process 17}. */
        public Plan on(String only) {
            subject = only;
            return this;
        }

        /** The how manieth of the calls that fit from now on; the first if not said. */
        public Plan call(int number) {
            if (number < 1) {
                throw new IllegalArgumentException("calls are counted from 1");
            }
            call = number;
            return this;
        }

        /** Once the call has done its work, instead of before. */
        public Plan afterwards() {
            afterwards = true;
            return this;
        }

        /**
         * Once the call has done half of its work; a message has been sent by half.
         *
         * @throws IllegalArgumentException for another method than {@code send}, which has no half
         */
        public Plan halfway() {
            if (!method.equals("send")) {
                throw new IllegalArgumentException(method + " has no half");
            }
            halfway = true;
            return this;
        }

        /** The call fails. */
        public void fail(Errno errno) {
            plan(errno, Duration.ZERO, null, false);
        }

        /** Something happens first, on the calling thread: somebody is killed, or stopped. */
        public void perform(Runnable blow) {
            plan(null, Duration.ZERO, null, false).blow = blow;
        }

        /** The call is late: it waits until the clock has moved on by {@code duration}. */
        public void delay(Duration duration, FakeClock clock) {
            plan(null, duration, clock, false);
        }

        /** The call hangs until it is released. */
        public Hang hang() {
            return new Hang(plan(null, Duration.ZERO, null, true));
        }

        private Fault plan(
                @Nullable Errno errno, Duration delay, @Nullable FakeClock clock, boolean hangs) {
            Fault fault = new Fault(this, errno, delay, clock, hangs);
            synchronized (faults) {
                faults.add(fault);
            }
            return fault;
        }
    }

    /** A call that hangs. */
    public static final class Hang {
        private final Fault fault;

        private Hang(Fault fault) {
            this.fault = fault;
        }

        /**
         * Waits until a call hangs in it.
         *
         * @throws AssertionError if none does within 20 real seconds
         */
        public void awaitHit() throws InterruptedException {
            if (!fault.reached.await(REAL_LIMIT_SECONDS, TimeUnit.SECONDS)) {
                throw new AssertionError("never hit: " + fault);
            }
        }

        /** Lets the call go on. */
        public void release() {
            fault.released.countDown();
        }
    }

    private static final class Fault {
        private final String method;
        private final String subject;
        private final int call;
        private final boolean afterwards;
        private final boolean halfway;
        private final @Nullable Errno errno;
        private final Duration delay;
        private final @Nullable FakeClock clock;
        private final boolean hangs;
        private final CountDownLatch reached = new CountDownLatch(1);
        private final CountDownLatch released = new CountDownLatch(1);
        private volatile Runnable blow = () -> {};
        private int fitting;
        private boolean hit;

        Fault(
                Plan plan,
                @Nullable Errno errno,
                Duration delay,
                @Nullable FakeClock clock,
                boolean hangs) {
            this.method = plan.method;
            this.subject = plan.subject;
            this.call = plan.call;
            this.afterwards = plan.afterwards;
            this.halfway = plan.halfway;
            this.errno = errno;
            this.delay = delay;
            this.clock = clock;
            this.hangs = hangs;
        }

        /** Counts the call; whether this is the one. */
        boolean fits(String calledMethod, String calledSubject) {
            if (hit
                    || !method.equals(calledMethod)
                    || !(subject.isEmpty() || subject.equals(calledSubject))) {
                return false;
            }
            return ++fitting == call;
        }

        void strike(String on) throws KernelException {
            reached.countDown();
            blow.run();
            if (clock != null) {
                clock.sleep(delay);
            }
            if (hangs) {
                awaitRelease();
            }
            if (errno != null) {
                throw new KernelException(method, on, errno);
            }
        }

        /** As a thread in state D: no interrupt ends it. */
        private void awaitRelease() {
            boolean interrupted = false;
            while (true) {
                try {
                    released.await();
                    break;
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }

        @Override
        public String toString() {
            return method
                    + (subject.isEmpty() ? "" : " on " + subject)
                    + (call == 1 ? "" : ", call " + call);
        }
    }

    /** A call under way, with the fault that is to come at its end. */
    private record Call(String subject, @Nullable Fault fault) {
        void end() throws KernelException {
            if (fault != null) {
                fault.strike(subject);
            }
        }

        boolean halfway() {
            return fault != null && fault.halfway;
        }
    }

    private Call begin(String method, String subject) throws KernelException {
        Fault fault = next(method, subject);
        if (fault == null || fault.afterwards || fault.halfway) {
            return new Call(subject, fault);
        }
        fault.strike(subject);
        return new Call(subject, null);
    }

    private @Nullable Fault next(String method, String subject) {
        synchronized (faults) {
            calls.add(subject.isEmpty() ? method : method + " " + subject);
            Fault next = null;
            for (Fault fault : faults) {
                // All of them count the call, also those that come too late for it.
                if (!disarmed && fault.fits(method, subject) && next == null) {
                    fault.hit = true;
                    next = fault;
                }
            }
            return next;
        }
    }

    // Freezing
    @Override
    public void freeze(Descriptor filesystem) throws KernelException {
        Call call = begin("freeze", filesystem.name());
        kernel.freeze(filesystem);
        call.end();
    }

    @Override
    public void thaw(Descriptor filesystem) throws KernelException {
        Call call = begin("thaw", filesystem.name());
        kernel.thaw(filesystem);
        call.end();
    }

    @Override
    public void syncFilesystem(Descriptor filesystem) throws KernelException {
        Call call = begin("syncFilesystem", filesystem.name());
        kernel.syncFilesystem(filesystem);
        call.end();
    }

    @Override
    public boolean checkpointJournal(Descriptor filesystem) throws KernelException {
        Call call = begin("checkpointJournal", filesystem.name());
        boolean result = kernel.checkpointJournal(filesystem);
        call.end();
        return result;
    }

    @Override
    public void passWriteLock(Descriptor filesystem) throws KernelException {
        Call call = begin("passWriteLock", filesystem.name());
        kernel.passWriteLock(filesystem);
        call.end();
    }

    @Override
    public Optional<String> filesystemUuid(Descriptor filesystem) throws KernelException {
        Call call = begin("filesystemUuid", filesystem.name());
        Optional<String> result = kernel.filesystemUuid(filesystem);
        call.end();
        return result;
    }

    // Files
    @Override
    public Descriptor openDirectory(Path path) throws KernelException {
        Call call = begin("openDirectory", path.toString());
        Descriptor result = kernel.openDirectory(path);
        call.end();
        return result;
    }

    @Override
    public Descriptor openDirectoryBelow(Descriptor root, Path path) throws KernelException {
        Call call = begin("openDirectoryBelow", path.toString());
        Descriptor result = kernel.openDirectoryBelow(root, path);
        call.end();
        return result;
    }

    @Override
    public Descriptor openRead(Path path) throws KernelException {
        Call call = begin("openRead", path.toString());
        Descriptor result = kernel.openRead(path);
        call.end();
        return result;
    }

    @Override
    public Descriptor openReadWrite(Path path) throws KernelException {
        Call call = begin("openReadWrite", path.toString());
        Descriptor result = kernel.openReadWrite(path);
        call.end();
        return result;
    }

    @Override
    public Descriptor createNew(Path path, int mode) throws KernelException {
        Call call = begin("createNew", path.toString());
        Descriptor result = kernel.createNew(path, mode);
        call.end();
        return result;
    }

    @Override
    public Descriptor reopen(Descriptor file) throws KernelException {
        Call call = begin("reopen", file.name());
        Descriptor result = kernel.reopen(file);
        call.end();
        return result;
    }

    @Override
    public Descriptor duplicate(Descriptor file) throws KernelException {
        Call call = begin("duplicate", file.name());
        Descriptor result = kernel.duplicate(file);
        call.end();
        return result;
    }

    @Override
    public FileStatus status(Descriptor file) throws KernelException {
        Call call = begin("status", file.name());
        FileStatus result = kernel.status(file);
        call.end();
        return result;
    }

    @Override
    public FilesystemSpace space(Descriptor file) throws KernelException {
        Call call = begin("space", file.name());
        FilesystemSpace result = kernel.space(file);
        call.end();
        return result;
    }

    @Override
    public void sync(Descriptor file) throws KernelException {
        Call call = begin("sync", file.name());
        kernel.sync(file);
        call.end();
    }

    @Override
    public void touch(Descriptor file) throws KernelException {
        Call call = begin("touch", file.name());
        kernel.touch(file);
        call.end();
    }

    @Override
    public boolean tryLock(Descriptor file) throws KernelException {
        Call call = begin("tryLock", file.name());
        boolean result = kernel.tryLock(file);
        call.end();
        return result;
    }

    @Override
    public void unlock(Descriptor file) throws KernelException {
        Call call = begin("unlock", file.name());
        kernel.unlock(file);
        call.end();
    }

    @Override
    public byte[] read(Descriptor file, long offset, int length) throws KernelException {
        Call call = begin("read", file.name());
        byte[] result = kernel.read(file, offset, length);
        call.end();
        return result;
    }

    @Override
    public void write(Descriptor file, long offset, byte[] bytes) throws KernelException {
        Call call = begin("write", file.name());
        kernel.write(file, offset, bytes);
        call.end();
    }

    // Mounts
    @Override
    public List<Mount> mounts() throws KernelException {
        Call call = begin("mounts", "");
        List<Mount> result = kernel.mounts();
        call.end();
        return result;
    }

    @Override
    public List<Mount> mountsOf(int pid) throws KernelException {
        Call call = begin("mountsOf", "process " + pid);
        List<Mount> result = kernel.mountsOf(pid);
        call.end();
        return result;
    }

    @Override
    public void mount(String source, Path target, String type, long flags, String data)
            throws KernelException {
        Call call = begin("mount", target.toString());
        kernel.mount(source, target, type, flags, data);
        call.end();
    }

    @Override
    public void unmount(Path target, boolean lazily) throws KernelException {
        Call call = begin("unmount", target.toString());
        kernel.unmount(target, lazily);
        call.end();
    }

    // Storage
    @Override
    public void cloneFile(Descriptor source, Descriptor target) throws KernelException {
        Call call = begin("cloneFile", target.name());
        kernel.cloneFile(source, target);
        call.end();
    }

    @Override
    public long allocatedBytes(Descriptor file) throws KernelException {
        Call call = begin("allocatedBytes", file.name());
        long result = kernel.allocatedBytes(file);
        call.end();
        return result;
    }

    @Override
    public boolean isWrittenInPlace(Descriptor file) throws KernelException {
        Call call = begin("isWrittenInPlace", file.name());
        boolean result = kernel.isWrittenInPlace(file);
        call.end();
        return result;
    }

    @Override
    public void writeInPlace(Descriptor emptyFile) throws KernelException {
        Call call = begin("writeInPlace", emptyFile.name());
        kernel.writeInPlace(emptyFile);
        call.end();
    }

    @Override
    public long extents(Descriptor file) throws KernelException {
        Call call = begin("extents", file.name());
        long result = kernel.extents(file);
        call.end();
        return result;
    }

    @Override
    public long sharedBytes(Descriptor file) throws KernelException {
        Call call = begin("sharedBytes", file.name());
        long result = kernel.sharedBytes(file);
        call.end();
        return result;
    }

    @Override
    public void createSubvolumeSnapshot(
            Descriptor subvolume, Descriptor directory, String name, boolean readOnly)
            throws KernelException {
        Call call = begin("createSubvolumeSnapshot", directory.name());
        kernel.createSubvolumeSnapshot(subvolume, directory, name, readOnly);
        call.end();
    }

    @Override
    public void deleteSubvolume(Descriptor directory, String name) throws KernelException {
        Call call = begin("deleteSubvolume", directory.name());
        kernel.deleteSubvolume(directory, name);
        call.end();
    }

    @Override
    public boolean isSubvolume(Descriptor directory) throws KernelException {
        Call call = begin("isSubvolume", directory.name());
        boolean result = kernel.isSubvolume(directory);
        call.end();
        return result;
    }

    @Override
    public List<Path> nestedSubvolumes(Descriptor subvolume) throws KernelException {
        Call call = begin("nestedSubvolumes", subvolume.name());
        List<Path> result = kernel.nestedSubvolumes(subvolume);
        call.end();
        return result;
    }

    @Override
    public List<Path> btrfsDevices(Descriptor filesystem) throws KernelException {
        Call call = begin("btrfsDevices", filesystem.name());
        List<Path> result = kernel.btrfsDevices(filesystem);
        call.end();
        return result;
    }

    @Override
    public LoopDevice attachLoop(Descriptor backingFile, boolean readOnly) throws KernelException {
        Call call = begin("attachLoop", backingFile.name());
        LoopDevice result = kernel.attachLoop(backingFile, readOnly);
        call.end();
        return result;
    }

    @Override
    public void detachLoop(Descriptor loopDevice) throws KernelException {
        Call call = begin("detachLoop", loopDevice.name());
        kernel.detachLoop(loopDevice);
        call.end();
    }

    @Override
    public LoopStatus loopStatus(Descriptor loopDevice) throws KernelException {
        Call call = begin("loopStatus", loopDevice.name());
        LoopStatus result = kernel.loopStatus(loopDevice);
        call.end();
        return result;
    }

    // Sockets
    @Override
    public Descriptor listen(Path path, int mode) throws KernelException {
        Call call = begin("listen", path.toString());
        Descriptor result = kernel.listen(path, mode);
        call.end();
        return result;
    }

    @Override
    public Descriptor accept(Descriptor listener) throws KernelException {
        Call call = begin("accept", listener.name());
        Descriptor result = kernel.accept(listener);
        call.end();
        return result;
    }

    @Override
    public Descriptor connect(Path path) throws KernelException {
        Call call = begin("connect", path.toString());
        Descriptor result = kernel.connect(path);
        call.end();
        return result;
    }

    @Override
    public List<Descriptor> socketPair(String name) throws KernelException {
        Call call = begin("socketPair", name);
        List<Descriptor> result = kernel.socketPair(name);
        call.end();
        return result;
    }

    @Override
    public int send(Descriptor socket, ByteBuffer bytes, List<Descriptor> descriptors)
            throws KernelException {
        Call call = begin("send", socket.name());
        int result =
                call.halfway()
                        ? sendHalf(socket, bytes, descriptors)
                        : kernel.send(socket, bytes, descriptors);
        call.end();
        return result;
    }

    private int sendHalf(Descriptor socket, ByteBuffer bytes, List<Descriptor> descriptors)
            throws KernelException {
        int end = bytes.limit();
        bytes.limit(bytes.position() + (bytes.remaining() + 1) / 2);
        try {
            return kernel.send(socket, bytes, descriptors);
        } finally {
            bytes.limit(end);
        }
    }

    @Override
    public int receive(Descriptor socket, ByteBuffer bytes, List<Descriptor> descriptors)
            throws KernelException {
        Call call = begin("receive", socket.name());
        int result = kernel.receive(socket, bytes, descriptors);
        call.end();
        return result;
    }

    @Override
    public Descriptor inheritedListener(int number) throws KernelException {
        Call call = begin("inheritedListener", "descriptor " + number);
        Descriptor result = kernel.inheritedListener(number);
        call.end();
        return result;
    }

    @Override
    public Descriptor datagramSocket() throws KernelException {
        Call call = begin("datagramSocket", "");
        Descriptor result = kernel.datagramSocket();
        call.end();
        return result;
    }

    @Override
    public Descriptor bindDatagram(String address) throws KernelException {
        Call call = begin("bindDatagram", address);
        Descriptor result = kernel.bindDatagram(address);
        call.end();
        return result;
    }

    @Override
    public boolean sendDatagram(Descriptor socket, String address, byte[] message)
            throws KernelException {
        Call call = begin("sendDatagram", address);
        boolean result = kernel.sendDatagram(socket, address, message);
        call.end();
        return result;
    }

    @Override
    public Peer peer(Descriptor socket) throws KernelException {
        Call call = begin("peer", socket.name());
        Peer result = kernel.peer(socket);
        call.end();
        return result;
    }

    @Override
    public Set<Integer> peerGroups(Descriptor socket) throws KernelException {
        Call call = begin("peerGroups", socket.name());
        Set<Integer> result = kernel.peerGroups(socket);
        call.end();
        return result;
    }

    @Override
    public Descriptor peerProcess(Descriptor socket) throws KernelException {
        Call call = begin("peerProcess", socket.name());
        Descriptor result = kernel.peerProcess(socket);
        call.end();
        return result;
    }

    @Override
    public Descriptor eventDescriptor() throws KernelException {
        Call call = begin("eventDescriptor", "");
        Descriptor result = kernel.eventDescriptor();
        call.end();
        return result;
    }

    @Override
    public void signal(Descriptor event) throws KernelException {
        Call call = begin("signal", event.name());
        kernel.signal(event);
        call.end();
    }

    @Override
    public void clear(Descriptor event) throws KernelException {
        Call call = begin("clear", event.name());
        kernel.clear(event);
        call.end();
    }

    @Override
    public int[] poll(List<PollInterest> interests, @Nullable Duration timeout)
            throws KernelException {
        Call call = begin("poll", "");
        int[] result = kernel.poll(interests, timeout);
        call.end();
        return result;
    }

    // Processes, memory and time
    @Override
    public long bootNanos() {
        return kernel.bootNanos();
    }

    @Override
    public String bootId() throws KernelException {
        Call call = begin("bootId", "");
        String result = kernel.bootId();
        call.end();
        return result;
    }

    @Override
    public int processId() {
        return kernel.processId();
    }

    @Override
    public int threadId() {
        return kernel.threadId();
    }

    @Override
    public int effectiveUser() {
        return kernel.effectiveUser();
    }

    @Override
    public <T> T asUser(int user, UserAction<T> action) throws IOException {
        Call call = begin("asUser", "user " + user);
        T result = kernel.asUser(user, action);
        call.end();
        return result;
    }

    @Override
    public void lockMemory() throws KernelException {
        Call call = begin("lockMemory", "");
        kernel.lockMemory();
        call.end();
    }

    @Override
    public void forbidCoreDumps() throws KernelException {
        Call call = begin("forbidCoreDumps", "");
        kernel.forbidCoreDumps();
        call.end();
    }

    @Override
    public void declareIoFlusher() throws KernelException {
        Call call = begin("declareIoFlusher", "");
        kernel.declareIoFlusher();
        call.end();
    }

    @Override
    public void ignoreQuit() throws KernelException {
        Call call = begin("ignoreQuit", "");
        kernel.ignoreQuit();
        call.end();
    }

    @Override
    public void wakePunctually() throws KernelException {
        Call call = begin("wakePunctually", "");
        kernel.wakePunctually();
        call.end();
    }

    @Override
    public void setNiceness(int nice) throws KernelException {
        Call call = begin("setNiceness", "");
        kernel.setNiceness(nice);
        call.end();
    }

    @Override
    public void holdCompilersBack() throws KernelException {
        Call call = begin("holdCompilersBack", "");
        kernel.holdCompilersBack();
        call.end();
    }

    @Override
    public void changeDirectory(Path directory) throws KernelException {
        Call call = begin("changeDirectory", directory.toString());
        kernel.changeDirectory(directory);
        call.end();
    }

    @Override
    public int spawn(
            Path program,
            List<String> arguments,
            Map<String, String> environment,
            List<Descriptor> descriptors)
            throws KernelException {
        Call call = begin("spawn", program.toString());
        int result = kernel.spawn(program, arguments, environment, descriptors);
        call.end();
        return result;
    }

    @Override
    public void become(
            Path program, List<String> arguments, Map<String, String> environment, int keep)
            throws KernelException {
        Call call = begin("become", program.toString());
        kernel.become(program, arguments, environment, keep);
        call.end();
    }

    @Override
    public void become(Execution execution) throws KernelException {
        Call call = begin("become", "");
        kernel.become(execution);
        call.end();
    }

    @Override
    public Optional<ProcessEnd> endOf(Descriptor process, int pid) throws KernelException {
        Call call = begin("endOf", process.name());
        Optional<ProcessEnd> result = kernel.endOf(process, pid);
        call.end();
        return result;
    }

    @Override
    public Descriptor trapFreezes() throws KernelException {
        Call call = begin("trapFreezes", "");
        Descriptor result = kernel.trapFreezes();
        call.end();
        return result;
    }

    @Override
    public Optional<TrappedIoctl> nextTrapped(Descriptor listener) throws KernelException {
        Call call = begin("nextTrapped", listener.name());
        Optional<TrappedIoctl> result = kernel.nextTrapped(listener);
        call.end();
        return result;
    }

    @Override
    public boolean isPending(Descriptor listener, TrappedIoctl trapped) throws KernelException {
        Call call = begin("isPending", listener.name());
        boolean result = kernel.isPending(listener, trapped);
        call.end();
        return result;
    }

    @Override
    public boolean answer(Descriptor listener, TrappedIoctl trapped, Optional<Errno> failure)
            throws KernelException {
        Call call = begin("answer", listener.name());
        boolean result = kernel.answer(listener, trapped, failure);
        call.end();
        return result;
    }

    @Override
    public boolean letThrough(Descriptor listener, TrappedIoctl trapped) throws KernelException {
        Call call = begin("letThrough", listener.name());
        boolean result = kernel.letThrough(listener, trapped);
        call.end();
        return result;
    }

    @Override
    public Descriptor takeDescriptor(int thread, int number) throws KernelException {
        Call call = begin("takeDescriptor", "thread " + thread);
        Descriptor result = kernel.takeDescriptor(thread, number);
        call.end();
        return result;
    }

    @Override
    public byte[] readMemory(int thread, long address, int length) throws KernelException {
        Call call = begin("readMemory", "thread " + thread);
        byte[] result = kernel.readMemory(thread, address, length);
        call.end();
        return result;
    }

    @Override
    public boolean isAdministrator(int thread) throws KernelException {
        Call call = begin("isAdministrator", "thread " + thread);
        boolean result = kernel.isAdministrator(thread);
        call.end();
        return result;
    }

    @Override
    public OptionalInt reap(int pid) throws KernelException {
        Call call = begin("reap", "process " + pid);
        OptionalInt result = kernel.reap(pid);
        call.end();
        return result;
    }

    @Override
    public void kill(int pid, int signal) throws KernelException {
        Call call = begin("kill", "process " + pid);
        kernel.kill(pid, signal);
        call.end();
    }

    @Override
    public void killGroup(int leader, int signal) throws KernelException {
        Call call = begin("killGroup", "process " + leader);
        kernel.killGroup(leader, signal);
        call.end();
    }

    @Override
    public Descriptor openProcess(int pid) throws KernelException {
        Call call = begin("openProcess", "process " + pid);
        Descriptor result = kernel.openProcess(pid);
        call.end();
        return result;
    }

    @Override
    public void signalProcess(Descriptor process, int signal) throws KernelException {
        Call call = begin("signalProcess", process.name());
        kernel.signalProcess(process, signal);
        call.end();
    }

    @Override
    public Optional<ThreadStatus> thread(int pid, int tid) throws KernelException {
        Call call = begin("thread", "process " + pid);
        Optional<ThreadStatus> result = kernel.thread(pid, tid);
        call.end();
        return result;
    }

    @Override
    public Descriptor openThread(int pid, int tid) throws KernelException {
        Call call = begin("openThread", "process " + pid);
        Descriptor result = kernel.openThread(pid, tid);
        call.end();
        return result;
    }

    @Override
    public OptionalLong deepSleep(Descriptor thread) throws KernelException {
        Call call = begin("deepSleep", thread.name());
        OptionalLong result = kernel.deepSleep(thread);
        call.end();
        return result;
    }

    @Override
    public List<Integer> threads(int pid) throws KernelException {
        Call call = begin("threads", "process " + pid);
        List<Integer> result = kernel.threads(pid);
        call.end();
        return result;
    }

    @Override
    public void writeKnob(Path file, String text) throws KernelException {
        Call call = begin("writeKnob", file.toString());
        kernel.writeKnob(file, text);
        call.end();
    }

    @Override
    public String readKnob(Path file) throws KernelException {
        Call call = begin("readKnob", file.toString());
        String result = kernel.readKnob(file);
        call.end();
        return result;
    }

    @Override
    public List<String> listKnobs(Path directory) throws KernelException {
        Call call = begin("listKnobs", directory.toString());
        List<String> result = kernel.listKnobs(directory);
        call.end();
        return result;
    }
}
