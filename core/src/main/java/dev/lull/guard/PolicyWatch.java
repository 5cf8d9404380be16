package dev.lull.guard;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/**
 * Reads the policy again when its file has changed, on a thread of its own: the file lies on a disk, which may be slow or
 * hang, and the guard's loop waits for none.
 */
final class PolicyWatch implements AutoCloseable {
    private static final Duration PERIOD = Duration.ofSeconds(2);

    private final PolicyFile file;
    private final Mailbox mailbox;
    private final Thread thread = new Thread(null, this::run, "policy", 256 * 1024);
    private List<Map<String, Object>> stamp;
    private volatile boolean closed;

    private PolicyWatch(PolicyFile file, Mailbox mailbox, List<Map<String, Object>> stamp) {
        this.file = file;
        this.mailbox = mailbox;
        this.stamp = stamp;
    }

    /** Reads the file, and posts what it says whenever that changes. */
    static PolicyWatch start(PolicyFile file, Mailbox mailbox) {
        PolicyWatch watch = new PolicyWatch(file, mailbox, file.stamp());
        mailbox.post(new Note.PolicyRead(file.load()));
        watch.thread.setDaemon(true);
        watch.thread.start();
        return watch;
    }

    private void run() {
        while (!closed) {
            LockSupport.parkNanos(PERIOD.toNanos());
            // Before it is read: what changes meanwhile is read again.
            List<Map<String, Object>> now = file.stamp();
            if (!closed && !now.equals(stamp)) {
                stamp = now;
                mailbox.post(new Note.PolicyRead(file.load()));
            }
        }
    }

    @Override
    public void close() {
        closed = true;
        LockSupport.unpark(thread);
    }
}
