package dev.lull.run;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.PollInterest;
import dev.lull.linux.ProcessEnd;
import dev.lull.linux.ThreadStatus;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** A process, until it has ended in one way or the other. For one thread at a time. */
final class WatchedProcess {
    /** What has become of it. */
    enum Fate {
        ALIVE,
        ENDED,
        /** By a signal; perhaps a thread of it still hangs on what is frozen. */
        KILLED
    }

    private final Kernel kernel;
    private final int pid;
    private final Descriptor process;
    private final SystemLog log;
    private boolean dying;
    private boolean unseen;

    /** @param process a pidfd of it, which belongs to this object from now on */
    WatchedProcess(Kernel kernel, int pid, Descriptor process, SystemLog log) {
        this.kernel = kernel;
        this.pid = pid;
        this.process = process;
        this.log = log;
    }

    /** What is readable once it has ended. Empty where its end has not been found out: who polled it would spin. */
    Optional<PollInterest> interest() {
        return unseen || !isWatched()
                ? Optional.empty()
                : Optional.of(PollInterest.readable(process));
    }

    boolean isWatched() {
        return process.isOpen();
    }

    /**
     * Looks once; what is not {@link Fate#ALIVE} any more is not to be looked at again. Never waits. What cannot be looked
     * at, for want of descriptors, say, counts as alive until the next look.
     */
    Fate look() {
        Fate fate;
        try {
            fate = fate();
        } catch (KernelException e) {
            if (!unseen) {
                log.error("cannot look at process " + pid + ": " + e.getMessage());
            }
            unseen = true;
            return Fate.ALIVE;
        }
        unseen = false;
        if (fate != Fate.ALIVE) {
            close();
        }
        return fate;
    }

    private Fate fate() throws KernelException {
        boolean ended = kernel.poll(List.of(PollInterest.readable(process)), Duration.ZERO)[0] != 0;
        // A leader that is a zombie tells already, though another thread of it hangs on.
        Optional<ProcessEnd> end = kernel.endOf(process, pid);
        boolean killed = end.map(ProcessEnd::killed).orElse(false);
        if (ended || killed || hangsKilled()) {
            return ended && !killed ? Fate.ENDED : Fate.KILLED;
        }
        return Fate.ALIVE;
    }

    /**
     * Whether it has been killed and does not end, because its first thread sleeps where no signal reaches it. Seen twice:
     * the SIGKILL is pending for a moment as well when another thread calls exit(3) (kernel/signal.c, zap_other_threads).
     */
    private boolean hangsKilled() throws KernelException {
        boolean before = dying;
        Optional<ThreadStatus> leader = kernel.thread(pid, pid);
        dying = leader.isPresent() && (leader.get().killPending() || leader.get().dumpingCore());
        return before && dying;
    }

    void close() {
        try {
            process.close();
        } catch (KernelException e) {
            // close(2) frees the number whatever it answers.
            log.error("cannot close process " + pid + ": " + e.getMessage());
        }
    }
}
