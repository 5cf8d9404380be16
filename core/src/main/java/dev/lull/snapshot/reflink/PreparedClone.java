package dev.lull.snapshot.reflink;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.snapshot.PreparedSnapshot;
import dev.lull.snapshot.Snapshot;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.Undo;
import java.io.IOException;

/** Both files are open; only FICLONE is left. */
final class PreparedClone implements PreparedSnapshot {
    private final Kernel kernel;
    private final Descriptor source;
    private final Descriptor target;
    private final ReflinkSnapshot snapshot;
    private final Terms terms;
    private final Undo handles;
    private final Undo undo;
    private boolean begun;
    private boolean taken;

    /**
     * @param handles closes what is open
     * @param undo removes what was made, and closes
     */
    PreparedClone(
            Kernel kernel,
            Descriptor source,
            Descriptor target,
            ReflinkSnapshot snapshot,
            Terms terms,
            Undo handles,
            Undo undo) {
        this.kernel = kernel;
        this.source = source;
        this.target = target;
        this.snapshot = snapshot;
        this.terms = terms;
        this.handles = handles;
        this.undo = undo;
    }

    @Override
    public Terms terms() {
        return terms;
    }

    @Override
    public void settle() throws SnapshotException {
        try {
            kernel.sync(source);
        } catch (KernelException e) {
            throw new SnapshotException("write back", source.name(), e);
        }
    }

    @Override
    public Snapshot take() throws SnapshotException {
        if (begun) {
            throw new IllegalStateException("clone of " + source.name() + " was made or given up");
        }
        begun = true;
        try {
            kernel.cloneFile(source, target);
        } catch (KernelException e) {
            throw new SnapshotException("clone", source.name(), e);
        }
        taken = true;
        return snapshot;
    }

    @Override
    public void close() throws SnapshotException {
        begun = true;
        try {
            if (taken) {
                undo.forget();
                handles.run();
            } else {
                undo.run();
            }
        } catch (SnapshotException e) {
            throw e;
        } catch (IOException e) {
            throw new SnapshotException("give up the clone of", source.name(), e);
        }
    }
}
