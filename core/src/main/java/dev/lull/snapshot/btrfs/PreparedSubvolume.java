package dev.lull.snapshot.btrfs;

import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.snapshot.Origin;
import dev.lull.snapshot.PreparedSnapshot;
import dev.lull.snapshot.Snapshot;
import dev.lull.snapshot.SnapshotDirectory;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.Undo;
import java.io.IOException;

/** The subvolume and the directory are open; only the snapshot is left to be made. */
final class PreparedSubvolume implements PreparedSnapshot {
    private final Kernel kernel;
    private final Origin origin;
    private final SnapshotDirectory directory;
    private final SubvolumeSnapshot snapshot;
    private final Terms terms;
    private final Undo undo;
    private final String name;
    private boolean begun;

    PreparedSubvolume(
            Kernel kernel,
            Origin origin,
            SnapshotDirectory directory,
            SubvolumeSnapshot snapshot,
            Terms terms,
            Undo undo) {
        this.kernel = kernel;
        this.origin = origin;
        this.directory = directory;
        this.snapshot = snapshot;
        this.terms = terms;
        this.undo = undo;
        this.name = snapshot.id().text();
    }

    @Override
    public Terms terms() {
        return terms;
    }

    @Override
    public void settle() throws SnapshotException {
        try {
            kernel.syncFilesystem(origin.directory());
        } catch (KernelException e) {
            throw new SnapshotException("write back", origin.mountPoint().toString(), e);
        }
    }

    @Override
    public Snapshot take() throws SnapshotException {
        if (begun) {
            throw new IllegalStateException("snapshot " + name + " was made or given up");
        }
        begun = true;
        try {
            kernel.createSubvolumeSnapshot(origin.directory(), directory.descriptor(), name, true);
        } catch (KernelException e) {
            // A call that failed may have left something all the same.
            undo.add(() -> SubvolumeSnapshot.destroy(kernel, directory, name));
            throw new SnapshotException("snapshot", origin.mountPoint().toString(), e);
        }
        return snapshot;
    }

    @Override
    public void close() throws SnapshotException {
        begun = true;
        try {
            // A directory with a snapshot in it stays.
            undo.run();
        } catch (SnapshotException e) {
            throw e;
        } catch (IOException e) {
            throw new SnapshotException(
                    "give up the snapshot of", origin.mountPoint().toString(), e);
        }
    }
}
