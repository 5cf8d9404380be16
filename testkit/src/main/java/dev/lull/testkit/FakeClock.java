package dev.lull.testkit;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/**
 * Time that moves only when a test moves it. Threads that wait in {@link FakeKernel#poll} for a time to
 * come wake when it has come. Safe for use by several threads.
 */
public final class FakeClock {
    private static final long REAL_LIMIT_NANOS = Duration.ofSeconds(20).toNanos();

    private final List<Runnable> listeners = new ArrayList<>();
    private final List<Long> deadlines = new ArrayList<>();
    private long nanos = Duration.ofHours(1).toNanos();

    /** Nanoseconds since an arbitrary beginning. */
    public synchronized long nanos() {
        return nanos;
    }

    /**
     * Moves time on and wakes those whose time has come.
     *
     * @param duration not negative
     */
    public void advance(Duration duration) {
        if (duration.isNegative()) {
            throw new IllegalArgumentException("time does not run backwards: " + duration);
        }
        List<Runnable> toTell;
        synchronized (this) {
            nanos += duration.toNanos();
            toTell = List.copyOf(listeners);
            notifyAll();
        }
        // Outside of the lock: a listener takes locks of its own, whose owners ask for the time.
        for (Runnable listener : toTell) {
            listener.run();
        }
    }

    /** Moves time to the next moment that some thread waits for; does nothing if none waits. */
    public void advanceToNextDeadline() {
        OptionalLong next = nextDeadline();
        if (next.isPresent()) {
            advance(Duration.ofNanos(Math.max(0, next.getAsLong() - nanos())));
        }
    }

    /** The earliest moment that some thread waits for. */
    public synchronized OptionalLong nextDeadline() {
        return deadlines.stream().mapToLong(Long::longValue).min();
    }

    /** How many threads wait for a time to come. */
    public synchronized int sleepers() {
        return deadlines.size();
    }

    /**
     * Waits until that many threads wait for a time to come, so that a test does not move time before
     * they do.
     *
     * @throws AssertionError if that has not come to be after 20 real seconds
     */
    public synchronized void awaitSleepers(int count) {
        long limit = System.nanoTime() + REAL_LIMIT_NANOS;
        boolean interrupted = false;
        while (deadlines.size() < count) {
            long left = (limit - System.nanoTime()) / 1_000_000;
            if (left <= 0) {
                throw new AssertionError(
                        deadlines.size() + " threads wait for a time, not " + count);
            }
            try {
                wait(left);
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Waits until time has been moved on by {@code duration}. Deaf to interrupts until then. */
    public synchronized void sleep(Duration duration) {
        long deadline = nanos + duration.toNanos();
        boolean interrupted = false;
        fallAsleep(deadline);
        try {
            while (nanos < deadline) {
                try {
                    wait();
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            wakeUp(deadline);
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Has {@code listener} told after each advance. */
    synchronized void onAdvance(Runnable listener) {
        listeners.add(listener);
    }

    synchronized void fallAsleep(long deadline) {
        deadlines.add(deadline);
        notifyAll();
    }

    synchronized void wakeUp(long deadline) {
        deadlines.remove(Long.valueOf(deadline));
    }
}
