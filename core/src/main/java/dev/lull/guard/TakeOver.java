package dev.lull.guard;

import dev.lull.lease.End;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Errno;
import dev.lull.linux.Filesystem;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.Mount;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.OptionalLong;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Thaws what a guard that died, together with its sentry, left frozen. Nobody can say any more whether such a lease was
 * held, so none of them ends as a success.
 */
final class TakeOver {
    /** How long to wait for a thaw before going on without it. */
    private static final Duration PATIENCE = Duration.ofSeconds(1);

    private static final Duration RETRY = Duration.ofMillis(20);

    private final Kernel kernel;
    private final RunDirectory run;
    private final List<String> warnings;

    /** @param warnings what could not be done is added here, in words */
    TakeOver(Kernel kernel, RunDirectory run, List<String> warnings) {
        this.kernel = kernel;
        this.run = run;
        this.warnings = warnings;
    }

    /** Returns when all is thawed, or what is stuck has been given its time. */
    void run() throws IOException {
        String boot = kernel.bootId();
        for (LeaseRecord record : run.records(warnings)) {
            String reason = "its guard died";
            if (record.bootId().equals(boot) && record.freezing()) {
                reason =
                        thaw(record)
                                ? "its guard died; thawed by the next one"
                                : "its guard died; not thawed";
            }
            run.remember(ended(record.lease(), reason));
            run.forget(record.lease().id());
        }
    }

    private boolean thaw(LeaseRecord record) throws KernelException {
        List<LeaseRecord.Place> places = new ArrayList<>(record.places());
        places.sort(Comparator.comparingInt(LeaseRecord.Place::level).reversed());
        boolean all = true;
        for (LeaseRecord.Place place : places) {
            all &= thaw(record.lease().id(), place);
        }
        return all;
    }

    private boolean thaw(String lease, LeaseRecord.Place place) throws KernelException {
        Descriptor directory = find(place);
        if (directory == null) {
            warnings.add(
                    "lease "
                            + lease
                            + ": filesystem "
                            + place.device()
                            + " "
                            + place.uuid()
                            + " is not mounted here any more and could not be thawed");
            return false;
        }
        CountDownLatch done = new CountDownLatch(1);
        Thread thread =
                new Thread(
                        null,
                        () -> {
                            thawAndClose(directory);
                            done.countDown();
                        },
                        "take-over-" + place.device(),
                        256 * 1024);
        thread.setDaemon(true);
        thread.start();
        try {
            if (done.await(PATIENCE.toNanos(), TimeUnit.NANOSECONDS)) {
                return true;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        warnings.add(
                "lease "
                        + lease
                        + ": the thaw of filesystem "
                        + place.device()
                        + " has not returned");
        return false;
    }

    private void thawAndClose(Descriptor directory) {
        try (directory) {
            // EINVAL is "not frozen", and also "still freezing": a dead guard's FIFREEZE can yet
            // complete.
            for (int attempt = 0; attempt < 3; attempt++) {
                try {
                    kernel.thaw(directory);
                    return;
                } catch (KernelException e) {
                    if (!e.errno().equals(Errno.EINVAL)) {
                        return;
                    }
                    kernel.poll(List.of(), RETRY);
                }
            }
        } catch (KernelException e) {
            // Not even to be asked: the mount is gone.
            Thread.currentThread().interrupt();
        }
    }

    private @org.jspecify.annotations.Nullable Descriptor find(LeaseRecord.Place place)
            throws KernelException {
        for (Mount mount : kernel.mounts()) {
            if (!mount.device().toString().equals(place.device())) {
                continue;
            }
            try {
                Descriptor directory = kernel.openDirectory(mount.mountPoint());
                if (isIt(directory, place)) {
                    return directory;
                }
                directory.close();
            } catch (KernelException e) {
                // Covered by another mount, or a file: the next one may do.
                continue;
            }
        }
        return null;
    }

    private boolean isIt(Descriptor directory, LeaseRecord.Place place) throws KernelException {
        Filesystem filesystem = Filesystem.of(kernel, directory);
        return filesystem.device().toString().equals(place.device())
                && (place.uuid().equals("-")
                        || filesystem.uuid().isEmpty()
                        || filesystem.uuid().get().equals(place.uuid()));
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
