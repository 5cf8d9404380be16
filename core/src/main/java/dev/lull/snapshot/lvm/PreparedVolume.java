package dev.lull.snapshot.lvm;

import dev.lull.guard.PreSync;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.snapshot.Origin;
import dev.lull.snapshot.PreparedSnapshot;
import dev.lull.snapshot.Snapshot;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.process.BoundedProcess;
import java.time.Duration;
import java.util.List;

/** Everything is checked; only {@code lvcreate} is left. */
final class PreparedVolume implements PreparedSnapshot {
    private final Kernel kernel;
    private final Lvm lvm;
    private final Origin origin;
    private final List<String> command;
    private final VolumeSnapshot snapshot;
    private final Duration limit;
    private final Terms terms;
    private boolean begun;
    private boolean failed;

    /**
     * @param command arguments of lvcreate
     * @param limit after which it is killed
     */
    PreparedVolume(
            Kernel kernel,
            Lvm lvm,
            Origin origin,
            List<String> command,
            VolumeSnapshot snapshot,
            Duration limit,
            Terms terms) {
        this.kernel = kernel;
        this.lvm = lvm;
        this.origin = origin;
        this.command = List.copyOf(command);
        this.snapshot = snapshot;
        this.limit = limit;
        this.terms = terms;
    }

    @Override
    public Terms terms() {
        return terms;
    }

    /** LVM suspends the volume, which writes back what is dirty with the writers blocked. */
    @Override
    public void settle() throws SnapshotException {
        try {
            PreSync.rounds(kernel, origin.directory(), List.of());
        } catch (KernelException e) {
            throw new SnapshotException("write back", origin.mountPoint().toString(), e);
        }
    }

    @Override
    public Snapshot take() throws SnapshotException {
        if (begun) {
            throw new IllegalStateException(snapshot.name() + " was made or given up");
        }
        begun = true;
        failed = true;
        try {
            BoundedProcess.Ended ended = lvm.run(limit, "lvcreate", command);
            if (ended.status() != 0) {
                throw failure(ended);
            }
        } catch (SnapshotException e) {
            // At once: until then its writers wait.
            try {
                snapshot.resumeOrigin();
            } catch (SnapshotException resume) {
                e.addSuppressed(resume);
            }
            throw e;
        }
        failed = false;
        return snapshot;
    }

    private SnapshotException failure(BoundedProcess.Ended ended) {
        String subject = origin.mountPoint().toString();
        // device-mapper's own words (libdm, ioctl/libdm-iface.c): it cannot freeze what is frozen.
        if (ended.errors().contains("suspend ioctl")
                && ended.errors().contains("Device or resource busy")) {
            return new SnapshotException.FrozenByOther(
                    subject,
                    "somebody else has frozen it, and LVM cannot suspend what is frozen",
                    "lull doctor --frozen shows who waits for it; lull thaw --foreign "
                            + subject
                            + " thaws it");
        }
        return new SnapshotException("snapshot", subject, "lvcreate: " + Lvm.reason(ended));
    }

    @Override
    public void close() throws SnapshotException {
        begun = true;
        if (failed) {
            snapshot.delete();
            failed = false;
        }
    }
}
