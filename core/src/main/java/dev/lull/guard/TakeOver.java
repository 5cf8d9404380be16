package dev.lull.guard;

import dev.lull.lease.End;
import dev.lull.linux.Descriptor;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Errno;
import dev.lull.linux.Filesystem;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.Mount;
import dev.lull.linux.MountTable;
import dev.lull.linux.Superblock;
import dev.lull.linux.ThreadStatus;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Thaws what a guard that died, together with its sentry, left frozen. Nobody can say any more whether such a lease was
 * held, so none of them ends as a success.
 *
 * <p>A record is forgotten only when all that it tells of is known to be thawed, or to be gone.
 */
final class TakeOver {
    /** How long to wait for a level of a stack before going on without it. */
    private static final Duration PATIENCE = Duration.ofSeconds(1);

    private static final Duration RETRY = Duration.ofMillis(20);

    /** LOOP_MAJOR. */
    private static final int LOOP = 7;

    private final Kernel kernel;
    private final RunDirectory run;
    private final Set<Attempt> attempts = ConcurrentHashMap.newKeySet();

    /** What could not be done, in words. An attempt may fail when the guard has long been at work. */
    private final List<String> troubles = new CopyOnWriteArrayList<>();

    /** A filesystem that is being thawed, on a thread of its own: each of the calls can hang. */
    private static final class Attempt {
        private final LeaseRecord record;
        private final LeaseRecord.Place place;
        private volatile Step step;

        private record Step(String call, long since) {}

        Attempt(LeaseRecord record, LeaseRecord.Place place, long now) {
            this.record = record;
            this.place = place;
            this.step = new Step("open", now);
        }

        void calls(String call, long now) {
            step = new Step(call, now);
        }

        String words(long now) {
            Step current = step;
            return "lease "
                    + record.lease().id()
                    + " of a dead guard: "
                    + Refusals.notReturned(
                            current.call(),
                            pathOf(record, place),
                            Duration.ofNanos(now - current.since()));
        }
    }

    TakeOver(Kernel kernel, RunDirectory run) {
        this.kernel = kernel;
        this.run = run;
    }

    /**
     * Returns when all is thawed, or what is stuck has been given its time; that goes on being tried. All records at once:
     * what one of them is stuck on is not to keep the filesystems of the others frozen.
     */
    void run() throws IOException {
        String boot = kernel.bootId();
        run.unmountAgain(troubles);
        List<Thread> threads = new ArrayList<>();
        for (LeaseRecord record : run.records(troubles)) {
            Runnable work = () -> tryRun(record, boot);
            Thread thread = new Thread(null, work, "take-over", 256 * 1024);
            thread.setDaemon(true);
            threads.add(thread);
            thread.start();
        }
        for (Thread thread : threads) {
            try {
                thread.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        run.forgetIdleCertificates();
    }

    private void tryRun(LeaseRecord record, String boot) {
        try {
            run(record, boot);
        } catch (IOException e) {
            // The other records count as much.
            warn(record, e.getMessage());
        }
    }

    private void warn(LeaseRecord record, @Nullable String what) {
        troubles.add("lease " + record.lease().id() + " of a dead guard: " + what);
    }

    /** What could not be done so far, in words. */
    List<String> troubles() {
        return List.copyOf(troubles);
    }

    /** Whether something is not thawed yet that can be reached. */
    boolean isAtWork() {
        return !attempts.isEmpty();
    }

    /** What is not thawed yet, in words. */
    List<String> atWork(long now) {
        return attempts.stream().map(attempt -> attempt.words(now)).toList();
    }

    /** The same for one filesystem; empty if there is nothing left to be thawed of it. */
    Optional<String> atWorkOn(DeviceNumber device, long now) {
        return attempts.stream()
                .filter(attempt -> attempt.place.device().equals(device.toString()))
                .map(attempt -> attempt.words(now))
                .findFirst();
    }

    private void run(LeaseRecord record, String boot) throws IOException {
        if (!record.bootId().equals(boot) || !record.freezing()) {
            end(record, "its guard died");
        } else if (run.isCertified(record)) {
            end(record, "its guard died; thawed by the sentry");
        } else {
            thaw(record);
        }
    }

    private void end(LeaseRecord record, String reason) throws IOException {
        run.remember(ended(record.lease(), reason));
        run.forget(record);
    }

    private void thaw(LeaseRecord record) throws IOException {
        TreeMap<Integer, List<LeaseRecord.Place>> levels = new TreeMap<>();
        for (LeaseRecord.Place place : record.places()) {
            levels.computeIfAbsent(place.level(), _ -> new ArrayList<>()).add(place);
        }
        // One more for this thread; whoever is the last ends the record. What fails or cannot be
        // reached never counts down, and so keeps it.
        AtomicInteger left = new AtomicInteger(record.places().size() + 1);
        for (List<LeaseRecord.Place> level : levels.descendingMap().values()) {
            CountDownLatch done = new CountDownLatch(level.size());
            for (LeaseRecord.Place place : level) {
                start(record, place, done, left);
            }
            await(done);
        }
        if (left.decrementAndGet() == 0) {
            end(record, "its guard died; thawed by the next one");
        }
    }

    private static void await(CountDownLatch done) {
        try {
            if (!done.await(PATIENCE.toNanos(), TimeUnit.NANOSECONDS)) {
                return;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void start(
            LeaseRecord record, LeaseRecord.Place place, CountDownLatch done, AtomicInteger left) {
        Attempt attempt = new Attempt(record, place, kernel.bootNanos());
        attempts.add(attempt);
        Runnable work =
                () -> {
                    try {
                        if (isOver(attempt) && left.decrementAndGet() == 0) {
                            endLate(record);
                        }
                    } finally {
                        attempts.remove(attempt);
                        done.countDown();
                    }
                };
        Thread thread = new Thread(null, work, "take-over-" + place.device(), 256 * 1024);
        thread.setDaemon(true);
        thread.start();
    }

    /** @return true once it is thawed for certain, or is no more */
    private boolean isOver(Attempt attempt) {
        LeaseRecord record = attempt.record;
        Superblock superblock = superblockOf(record, attempt.place);
        String why = "is mounted in no process's view";
        try {
            Optional<Descriptor> directory = find(superblock);
            if (directory.isEmpty()) {
                Optional<Path> device = deviceOf(superblock);
                if (device.isPresent()) {
                    attempt.calls("mount", kernel.bootNanos());
                    directory = run.openByMounting(superblock, device.get(), record, troubles);
                    if (directory.isEmpty()) {
                        return true;
                    }
                }
            }
            if (directory.isPresent()) {
                attempt.calls("FITHAW", kernel.bootNanos());
                return thawAndClose(record, directory.get());
            }
        } catch (IOException e) {
            why = "cannot be reached: " + e.getMessage();
        }
        if (isGone(superblock)) {
            return true;
        }
        warn(record, "filesystem " + superblock.device() + " may be frozen, but " + why);
        return false;
    }

    private static String pathOf(LeaseRecord record, LeaseRecord.Place place) {
        return viewOf(record, place).map(LeaseView.FilesystemView::path).orElse(place.device());
    }

    private static Optional<LeaseView.FilesystemView> viewOf(
            LeaseRecord record, LeaseRecord.Place place) {
        return record.lease().filesystems().stream()
                .filter(filesystem -> filesystem.device().equals(place.device()))
                .findFirst();
    }

    private static Superblock superblockOf(LeaseRecord record, LeaseRecord.Place place) {
        return new Superblock(
                viewOf(record, place).map(LeaseView.FilesystemView::type).orElse(""),
                DeviceNumber.parse(place.device()),
                place.uuid().equals("-") ? Optional.empty() : Optional.of(place.uuid()));
    }

    private void endLate(LeaseRecord record) {
        try {
            end(record, "its guard died; thawed by the next one");
        } catch (IOException e) {
            // The record stays, and the next guard finds nothing frozen.
            Companion.leaveNote(run.path(), "guard", e);
        }
    }

    /** @return true once it is thawed for certain */
    private boolean thawAndClose(LeaseRecord record, Descriptor directory) {
        try (directory) {
            while (true) {
                // Asked before: a FIFREEZE of the dead guard's can yet complete while one of its
                // threads lives.
                boolean last = isWhollyGone(record);
                try {
                    kernel.thaw(directory);
                    return true;
                } catch (KernelException e) {
                    if (last && e.errno().equals(Errno.EINVAL)) {
                        return true;
                    }
                }
                kernel.poll(List.of(), RETRY);
            }
        } catch (KernelException e) {
            Companion.leaveNote(run.path(), "guard", e);
            return false;
        }
    }

    private boolean isWhollyGone(LeaseRecord record) throws KernelException {
        Optional<ThreadStatus> leader = kernel.thread(record.guardPid(), record.guardPid());
        if (leader.isEmpty() || leader.get().startTicks() != record.guardStart()) {
            return true;
        }
        // A zombie whose other threads have ended too is only waiting for its parent.
        return leader.get().dead() && kernel.threads(record.guardPid()).size() <= 1;
    }

    private Optional<Descriptor> find(Superblock superblock) throws KernelException {
        return MountTable.search(kernel, table -> find(superblock, table));
    }

    private Optional<Descriptor> find(Superblock superblock, MountTable table) {
        for (Mount mount : table.mounts()) {
            if (!mount.device().equals(superblock.device())) {
                continue;
            }
            try {
                Path point = Path.of("/").relativize(mount.mountPoint());
                Descriptor directory = kernel.openDirectory(table.root().resolve(point));
                if (isIt(directory, superblock, table.mounts())) {
                    return Optional.of(directory);
                }
                directory.close();
            } catch (KernelException e) {
                // Covered by another mount, or a file: the next one may do.
                continue;
            }
        }
        return Optional.empty();
    }

    private boolean isIt(Descriptor directory, Superblock superblock, List<Mount> table)
            throws KernelException {
        try {
            return superblock.is(Filesystem.of(kernel, directory, table));
        } catch (KernelException e) {
            directory.close();
            throw e;
        }
    }

    /**
     * What leads to a filesystem that nobody shows any more, since it was unmounted or covered: while it is frozen its
     * superblock lives on, and mounting the device leads to it. What has no superblock is not mounted: it may be
     * anybody's by now.
     */
    private Optional<Path> deviceOf(Superblock superblock) throws KernelException {
        return superblock.presence(kernel) == Superblock.Presence.PRESENT
                ? superblock.blockDevice(kernel)
                : Optional.empty();
    }

    /** Whether the filesystem is no more: its superblock, or its block device. */
    private boolean isGone(Superblock superblock) {
        try {
            return switch (superblock.presence(kernel)) {
                case PRESENT -> false;
                case GONE -> true;
                case UNKNOWN -> superblock.device().major() == 0 || isDeviceGone(superblock);
            };
        } catch (KernelException e) {
            return false;
        }
    }

    private boolean isDeviceGone(Superblock superblock) {
        try {
            List<String> knobs = kernel.listKnobs(Path.of("/sys/dev/block/" + superblock.device()));
            // A loop device stays when its file is detached; only what it tells of the file goes.
            return knobs.isEmpty()
                    || (superblock.device().major() == LOOP && !knobs.contains("loop"));
        } catch (KernelException e) {
            return true;
        }
    }

    private static LeaseView ended(LeaseView lease, String reason) {
        return new LeaseView(
                lease.id(),
                End.LOST.word(),
                reason,
                lease.attached(),
                lease.program(),
                lease.pid(),
                lease.uid(),
                lease.withinMillis(),
                lease.timeoutMillis(),
                OptionalLong.empty(),
                lease.beganAt(),
                OptionalLong.of(System.currentTimeMillis()),
                OptionalLong.empty(),
                lease.filesystems());
    }
}
