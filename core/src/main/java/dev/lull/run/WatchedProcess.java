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
    private boolean dying;

    /** @param process a pidfd of it, which belongs to this object from now on */
    WatchedProcess(Kernel kernel, int pid, Descriptor process) {
        this.kernel = kernel;
        this.pid = pid;
        this.process = process;
    }

    /** What is readable once it has ended. */
    PollInterest interest() {
        return PollInterest.readable(process);
    }

    boolean isWatched() {
        return process.isOpen();
    }

    /** Looks once; what is not {@link Fate#ALIVE} any more is not to be looked at again. Never waits. */
    Fate look() throws KernelException {
        boolean ended = kernel.poll(List.of(interest()), Duration.ZERO)[0] != 0;
        // A leader that is a zombie tells already, though another thread of it hangs on.
        Optional<ProcessEnd> end = kernel.endOf(process, pid);
        boolean killed = end.map(ProcessEnd::killed).orElse(false);
        if (ended || killed || hangsKilled()) {
            close();
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

    void close() throws KernelException {
        process.close();
    }
}
