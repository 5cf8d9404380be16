package dev.lull.backup;

import dev.lull.plan.ConsistentSnapshots.Taken;
import dev.lull.plan.Plan;
import dev.lull.snapshot.Room;
import dev.lull.snapshot.SnapshotException;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Looks once a second, while a backup reads from snapshots, whether their origins still have room to write, and gives the
 * plan up when they have not: production goes first. What was read of a snapshot that has become void is not good either.
 */
final class RoomWatch implements AutoCloseable {
    private final CountDownLatch ended = new CountDownLatch(1);
    private final Thread thread;

    private RoomWatch(List<Taken> snapshots, Plan plan) {
        thread =
                Thread.ofPlatform().daemon().name("room-watch").start(() -> watch(snapshots, plan));
    }

    /** Reads from snapshots. */
    @FunctionalInterface
    interface Reading<T> {
        T run() throws IOException, InterruptedException;
    }

    /**
     * Watches them while something reads from them.
     *
     * @throws SnapshotException if one of them was void by the end, whatever came of the reading
     */
    static <T> T over(List<Taken> snapshots, Plan plan, Reading<T> reading)
            throws IOException, InterruptedException {
        try (RoomWatch _ = new RoomWatch(snapshots, plan)) {
            T result = reading.run();
            requireValid(snapshots);
            return result;
        } catch (SnapshotException e) {
            throw e;
        } catch (IOException e) {
            try {
                requireValid(snapshots);
            } catch (SnapshotException reason) {
                reason.addSuppressed(e);
                throw reason;
            }
            throw e;
        }
    }

    private static void requireValid(List<Taken> snapshots) throws SnapshotException {
        for (Taken taken : snapshots) {
            taken.snapshot().room();
        }
    }

    private void watch(List<Taken> snapshots, Plan plan) {
        try {
            while (!ended.await(1, TimeUnit.SECONDS)) {
                for (Taken taken : snapshots) {
                    requireRoom(taken);
                }
            }
        } catch (SnapshotException e) {
            plan.cancel("the snapshot is given up: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void requireRoom(Taken taken) throws SnapshotException {
        Optional<Room> room = taken.snapshot().room();
        if (room.isPresent() && room.get().scarce()) {
            throw new SnapshotException.NoRoom(
                    taken.origin().mountPoint().toString(),
                    "only "
                            + (room.get().freeBytes() >> 20)
                            + " MiB are left beside it in "
                            + room.get().on(),
                    "make room there, or back up when less is written");
        }
    }

    @Override
    public void close() {
        ended.countDown();
        boolean interrupted = Thread.interrupted();
        try {
            thread.join();
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
