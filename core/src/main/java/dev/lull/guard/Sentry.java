package dev.lull.guard;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.LinuxKernel;
import dev.lull.linux.PollInterest;
import dev.lull.linux.ThreadStatus;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.LockSupport;

/**
 * The process that thaws when the guard cannot. It holds its own descriptors and the deadlines, and thaws one grace
 * after a deadline whatever it hears or does not hear; and at once when the guard is dead, or has been stopped.
 *
 * <p>A closed socket alone does not tell: a guard killed with one thread in state D becomes a zombie whose descriptors
 * stay open, and one that is stopped closes nothing. So the guard's state is looked at as well while anything can be
 * frozen.
 */
final class Sentry {
    /** How long after a deadline the sentry thaws. */
    static final Duration GRACE = Duration.ofMillis(900);

    private static final Duration LOOK = Duration.ofMillis(150);

    /** How many looks in a row must find the guard stopped. */
    private static final int LOOKS = 2;

    private static final Duration RETRY = Duration.ofMillis(20);

    private final Kernel kernel;
    private final Descriptor guard;
    private final Path runDirectory;
    private final int guardPid;
    private final Descriptor guardProcess;
    private final Map<Integer, Post> posts = new HashMap<>();
    private final Map<Long, Long> deadlines = new HashMap<>();

    /** Leases of which nothing can be inside FIFREEZE any more: an EINVAL is the last word on them. */
    private final Set<Long> settled = new HashSet<>();

    private final Set<Long> told = new HashSet<>();
    private final Set<Long> certified = new HashSet<>();
    private volatile boolean guardGone;
    private boolean expedited;
    private long lastLook;
    private int looksStopped;

    private Sentry(Kernel kernel, Descriptor guard, Path runDirectory, int guardPid)
            throws KernelException {
        this.runDirectory = runDirectory;
        this.kernel = kernel;
        this.guard = guard;
        this.guardPid = guardPid;
        this.guardProcess = kernel.openProcess(guardPid);
    }

    /** Started by the guard, with its end of a socket as descriptor 0. Arguments: run directory, the guard's pid. */
    public static void main(String[] arguments) throws KernelException {
        run(new LinuxKernel(), Path.of(arguments[0]), Integer.parseInt(arguments[1]));
        Runtime.getRuntime().halt(0);
    }

    static void run(Kernel kernel, Path runDirectory, int guardPid) throws KernelException {
        Descriptor guard = Companion.inheritedSocket(kernel);
        // Interpreted, it takes a millisecond to hear a word, and in a window others need that
        // millisecond: only its thaws go first.
        Hardening.apply(kernel, -1000, 0);
        Hardening.standOn(kernel, runDirectory);
        Sentry sentry = new Sentry(kernel, guard, runDirectory, guardPid);
        sentry.warmUp();
        sentry.run();
    }

    /** Loads every class of the way to a thaw while files can still be read: FITHAW on a socket changes nothing. */
    private void warmUp() throws KernelException {
        Post post = new Post(-1, -1, 0, kernel.duplicate(guard));
        post.thread.start();
        post.order(true);
        post.forget();
        guardState();
        // The rehearsal went first, too.
        kernel.setNiceness(0);
    }

    /** Whatever goes wrong in here, what can be frozen is thawed: a sentry that gives up would break the promise. */
    private void run() {
        try {
            tell(Signal.of(Signal.Kind.READY, 0, 0, kernel.processId()));
            keepWatch();
        } catch (KernelException | RuntimeException e) {
            Companion.leaveNote(runDirectory, "sentry", e);
        }
        thawEverything();
        certify();
        while (anyAtWork()) {
            LockSupport.parkNanos(RETRY.toNanos());
            certify();
        }
        certify();
    }

    /** Returns when the guard is gone. One that is only stopped may go on, and is heard again then. */
    private void keepWatch() throws KernelException {
        while (!guardGone) {
            // All that was said is heard before any deadline is looked at: the latest one counts.
            if (!hear() && !guardGone) {
                GuardState state = lookDue() ? guardState() : GuardState.RUNS;
                guardGone = state == GuardState.DEAD;
                thawOverdue(state == GuardState.STOPPED);
                for (long lease : newlyThawed(told)) {
                    tell(Signal.of(Signal.Kind.THAWED, 0, lease, 0));
                }
                rest();
            }
        }
    }

    /** Nobody can extend, release or prove any lease now. */
    private void thawEverything() {
        if (expedited) {
            try {
                kernel.writeKnob(Expedite.KNOB, "0");
            } catch (KernelException e) {
                // The thaws matter more.
                Companion.leaveNote(runDirectory, "sentry", e);
            }
        }
        for (long lease : List.copyOf(deadlines.keySet())) {
            thaw(lease);
        }
    }

    /** Leases of which the sentry has thawed all, and that are not in {@code reported}; they are added to it. */
    private List<Long> newlyThawed(Set<Long> reported) {
        Set<Long> done = new HashSet<>();
        for (Post post : posts.values()) {
            done.add(post.lease);
        }
        for (Post post : posts.values()) {
            if (!post.thawed) {
                done.remove(post.lease);
            }
        }
        done.removeAll(reported);
        reported.addAll(done);
        return List.copyOf(done);
    }

    /** Tells the guard's successor which leases are thawed already, so that it leaves alone what others froze since. */
    private void certify() {
        for (long lease : newlyThawed(certified)) {
            try {
                RunDirectory.certify(runDirectory, guardPid, lease);
            } catch (IOException e) {
                Companion.leaveNote(runDirectory, "sentry", e);
            }
        }
    }

    /** Takes one signal if there is one. */
    private boolean hear() throws KernelException {
        switch (Signal.receive(kernel, guard)) {
            case Signal.Received.One one -> {
                handle(one.signal());
                return true;
            }
            case Signal.Received.Nothing _ -> {
                return false;
            }
            case Signal.Received.Gone _ -> {
                guardGone = true;
                return false;
            }
        }
    }

    private void handle(Signal signal) throws KernelException {
        switch (signal.kind()) {
            case KEEP -> {
                if (!signal.descriptors().isEmpty()) {
                    Post post =
                            new Post(
                                    signal.slot(),
                                    signal.lease(),
                                    (int) signal.value(),
                                    signal.descriptors().getFirst());
                    posts.put(signal.slot(), post);
                    post.thread.start();
                    tell(Signal.of(Signal.Kind.KEPT, signal.slot(), signal.lease(), 0));
                }
            }
            case DEADLINE -> {
                beginLooking();
                deadlines.put(signal.lease(), signal.value());
                if (signal.slot() == Signal.SETTLED) {
                    settled.add(signal.lease());
                }
            }
            case FORGET -> {
                Post post = posts.remove(signal.slot());
                if (post != null) {
                    post.forget();
                    if (posts.values().stream().noneMatch(p -> p.lease == post.lease)) {
                        deadlines.remove(post.lease);
                        settled.remove(post.lease);
                        told.remove(post.lease);
                    }
                }
                tell(Signal.of(Signal.Kind.FORGOTTEN, signal.slot(), signal.lease(), 0));
            }
            case EXPEDITED -> {
                beginLooking();
                expedited = signal.value() == 1;
            }
            default -> throw new IllegalStateException("a sentry is not told " + signal.kind());
        }
    }

    private enum GuardState {
        RUNS,
        STOPPED,
        DEAD
    }

    /**
     * The guard that has just said so runs. To look at it now takes the processor from the freeze that begins, for longer
     * than that lasts: the kernel's grace periods are no more urgent to the scheduler than this process is.
     */
    private void beginLooking() {
        if (!watches()) {
            lastLook = kernel.bootNanos();
        }
    }

    private boolean watches() {
        return !deadlines.isEmpty() || expedited;
    }

    /** While anything can be frozen, and not at each word: it costs more than hearing one. */
    private boolean lookDue() {
        long now = kernel.bootNanos();
        if (!watches() || now - lastLook < LOOK.toNanos()) {
            return false;
        }
        lastLook = now;
        return true;
    }

    private GuardState guardState() throws KernelException {
        if (guardWhollyGone()) {
            return GuardState.DEAD;
        }
        Optional<ThreadStatus> leader = kernel.thread(guardPid, guardPid);
        if (leader.isEmpty() || leader.get().ending()) {
            return GuardState.DEAD;
        }
        // Once can be somebody who looks with a debugger; a guard that stays stopped keeps no
        // deadline.
        looksStopped = leader.get().stopped() ? looksStopped + 1 : 0;
        return looksStopped > LOOKS ? GuardState.STOPPED : GuardState.RUNS;
    }

    private void thawOverdue(boolean all) throws KernelException {
        long now = kernel.bootNanos();
        List<Long> overdue = new ArrayList<>();
        for (Map.Entry<Long, Long> entry : deadlines.entrySet()) {
            if (all
                    || (entry.getValue() != Long.MAX_VALUE
                            && now - entry.getValue() >= GRACE.toNanos())) {
                overdue.add(entry.getKey());
            }
        }
        for (long lease : overdue) {
            deadlines.remove(lease);
            thaw(lease);
        }
    }

    /** Lowest filesystems first, each waited for a little: one that is stuck must not keep the others. */
    private void thaw(long lease) {
        List<Post> stack = new ArrayList<>();
        for (Post post : posts.values()) {
            if (post.lease == lease) {
                stack.add(post);
            }
        }
        stack.sort((a, b) -> Integer.compare(b.level, a.level));
        for (int i = 0; i < stack.size(); i++) {
            if (i > 0 && stack.get(i).level < stack.get(i - 1).level) {
                awaitThawed(stack.subList(0, i));
            }
            stack.get(i).order(settled.contains(lease));
        }
    }

    private void awaitThawed(List<Post> below) {
        long until = kernel.bootNanos() + Duration.ofMillis(50).toNanos();
        while (kernel.bootNanos() - until < 0 && below.stream().anyMatch(p -> !p.tried)) {
            LockSupport.parkNanos(Duration.ofMillis(1).toNanos());
        }
    }

    private boolean anyAtWork() {
        return posts.values().stream().anyMatch(p -> p.ordered && p.thread.isAlive());
    }

    private void rest() throws KernelException {
        List<PollInterest> interest =
                List.of(PollInterest.readable(guard), PollInterest.readable(guardProcess));
        Duration timeout = null;
        if (anyAtWork()) {
            timeout = RETRY;
        } else if (watches()) {
            timeout = LOOK;
            long now = kernel.bootNanos();
            for (long deadline : deadlines.values()) {
                if (deadline != Long.MAX_VALUE) {
                    long left = Math.max(deadline + GRACE.toNanos() - now, 0);
                    timeout = left < timeout.toNanos() ? Duration.ofNanos(left) : timeout;
                }
            }
        }
        if (kernel.poll(interest, timeout)[1] != 0) {
            // What the guard said before it died comes first: it may have said that all is thawed.
            boolean more = true;
            while (more) {
                more = hear();
            }
            guardGone = true;
        }
    }

    private void tell(Signal signal) throws KernelException {
        try {
            // A guard that does not listen will notice the deadlines all the same.
            boolean _ = signal.send(kernel, guard);
        } catch (KernelException e) {
            if (!e.errno().equals(Errno.EPIPE) && !e.errno().equals(Errno.ECONNRESET)) {
                throw e;
            }
            guardGone = true;
        }
    }

    private boolean guardWhollyGone() throws KernelException {
        return kernel.poll(List.of(PollInterest.readable(guardProcess)), Duration.ZERO)[0] != 0;
    }

    /** One filesystem's descriptor and the thread that thaws it. */
    private final class Post implements Runnable {
        private final long lease;
        private final int level;
        private final Descriptor filesystem;
        private final Thread thread;
        private volatile boolean ordered;
        private volatile boolean settled;
        private volatile boolean forgotten;
        private volatile boolean tried;
        private volatile boolean thawed;

        Post(int slot, long lease, int level, Descriptor filesystem) {
            this.lease = lease;
            this.level = level;
            this.filesystem = filesystem;
            this.thread = new Thread(null, this, "sentry-" + slot, Companion.STACK);
            this.thread.setDaemon(true);
        }

        /** @param nothingFreezing whether none of its lease can be inside FIFREEZE */
        void order(boolean nothingFreezing) {
            settled = nothingFreezing;
            ordered = true;
            LockSupport.unpark(thread);
        }

        void forget() throws KernelException {
            forgotten = true;
            LockSupport.unpark(thread);
            // At once where the thread cannot be using it: whoever is told of the end may unmount.
            if (!ordered) {
                filesystem.close();
            }
        }

        @Override
        public void run() {
            while (!ordered && !forgotten) {
                LockSupport.park(this);
            }
            try (filesystem) {
                if (ordered && !forgotten) {
                    goFirst();
                }
                while (ordered && !forgotten && !thawed) {
                    thawed = callThaw();
                    if (!thawed) {
                        LockSupport.parkNanos(RETRY.toNanos());
                    }
                }
            } catch (KernelException e) {
                tried = true;
                Companion.leaveNote(runDirectory, "sentry", e);
            }
        }

        private void goFirst() {
            try {
                kernel.setNiceness(Hardening.FIRST);
            } catch (KernelException e) {
                // Where that is not permitted it thaws as soon as it can.
                Companion.leaveNote(runDirectory, "sentry", e);
            }
        }

        /**
         * One FITHAW. EINVAL is "not frozen" and also "still freezing": while a thread of the guard can be inside
         * FIFREEZE the freeze can yet complete, and is thawed then. Any other error leaves it frozen.
         */
        private boolean callThaw() throws KernelException {
            boolean last = settled || guardWhollyGone();
            try {
                kernel.thaw(filesystem);
                return true;
            } catch (KernelException e) {
                return last && e.errno().equals(Errno.EINVAL);
            } finally {
                tried = true;
            }
        }
    }
}
