package dev.lull.snapshot.command;

import dev.lull.linux.KernelException;
import dev.lull.linux.Mount;
import dev.lull.snapshot.CheckReport;
import dev.lull.snapshot.MountedSnapshot;
import dev.lull.snapshot.Room;
import dev.lull.snapshot.Snapshot;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotRecord;
import dev.lull.snapshot.check.ReadEverything;
import dev.lull.snapshot.process.BoundedProcess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A snapshot that a script keeps. */
final class CommandSnapshot implements Snapshot {
    private final Script script;
    private final SnapshotRecord snapshot;
    private final StepLimits limits;
    private Optional<BoundedProcess> finishing;

    /** @param finishing the {@code take} that has made the cut and may have slow work left */
    CommandSnapshot(
            Script script,
            SnapshotRecord snapshot,
            Optional<BoundedProcess> finishing,
            StepLimits limits) {
        this.script = script;
        this.snapshot = snapshot;
        this.finishing = finishing;
        this.limits = limits;
    }

    @Override
    public SnapshotRecord record() {
        return snapshot;
    }

    @Override
    public void makeDurable() throws SnapshotException {
        if (finishing.isEmpty()) {
            return;
        }
        BoundedProcess take = finishing.get();
        finishing = Optional.empty();
        try (take) {
            take.closeInput();
            byte[] rest = script.awaitSuccess(Script.Step.TAKE, take, limits.finish());
            if (rest.length > 0) {
                throw script.failed(
                        Script.Step.TAKE,
                        "printed "
                                + StepOutput.quote(new String(rest, StandardCharsets.UTF_8))
                                + " after done");
            }
        } catch (IOException e) {
            throw script.failed(Script.Step.TAKE, e);
        }
    }

    @Override
    public MountedSnapshot mount(Path directory) throws SnapshotException {
        Path target = real(directory);
        if (topMount(target).isPresent()) {
            throw new SnapshotException(
                    "mount snapshot", snapshot.id().text(), target + " is a mount point already");
        }
        MountedCommand mounted = new MountedCommand(target);
        try {
            script.run(
                    Script.Step.MOUNT,
                    snapshot,
                    Map.of("LULL_TARGET", target.toString()),
                    limits.step());
            checkMounted(target);
            return mounted;
        } catch (SnapshotException e) {
            try {
                mounted.close();
            } catch (SnapshotException undo) {
                e.addSuppressed(undo);
            }
            throw e;
        }
    }

    private void checkMounted(Path target) throws SnapshotException {
        Mount mount =
                topMount(target)
                        .orElseThrow(() ->
                                script.failed(
                                        Script.Step.MOUNT, "nothing is mounted on " + target));
        if (!mount.options().contains("ro") && !mount.superblockReadOnly()) {
            throw script.failed(
                    Script.Step.MOUNT, "what it mounted on " + target + " is not read-only");
        }
        if (mount.device().equals(snapshot.device()) && isOrigin(mount)) {
            throw script.failed(
                    Script.Step.MOUNT, "what it mounted on " + target + " is the origin itself");
        }
    }

    /** The same superblock and the same part of it; a snapshot can be another part of the superblock. */
    private boolean isOrigin(Mount mounted) throws SnapshotException {
        return topMount(snapshot.mountPoint())
                .filter(origin ->
                        origin.device().equals(mounted.device())
                                && origin.root().equals(mounted.root()))
                .isPresent();
    }

    private Optional<Mount> topMount(Path target) throws SnapshotException {
        try {
            List<Mount> mounts = script.kernel().mounts();
            return mounts.reversed().stream()
                    .filter(mount -> mount.mountPoint().equals(target))
                    .findFirst();
        } catch (KernelException e) {
            throw new SnapshotException("look at", target.toString(), e);
        }
    }

    private static Path real(Path directory) throws SnapshotException {
        try {
            return directory.toRealPath();
        } catch (IOException e) {
            throw new SnapshotException("mount snapshot on", directory.toString(), e);
        }
    }

    @Override
    public CheckReport check(Path scratch) throws SnapshotException {
        try (MountedSnapshot mounted = mount(scratch)) {
            return ReadEverything.below(
                    mounted.path(),
                    "every file of the mounted snapshot (the script's storage has no clone to check)");
        }
    }

    @Override
    public Optional<Room> room() {
        return Optional.empty();
    }

    @Override
    public void delete() throws SnapshotException {
        SnapshotException unfinished = null;
        try {
            makeDurable();
        } catch (SnapshotException e) {
            // It is to be deleted all the more.
            unfinished = e;
        }
        try {
            script.run(Script.Step.DELETE, snapshot, Map.of(), limits.finish());
        } catch (SnapshotException e) {
            if (unfinished != null) {
                e.addSuppressed(unfinished);
            }
            throw e;
        }
    }

    private final class MountedCommand implements MountedSnapshot {
        private final Path target;
        private boolean closed;

        MountedCommand(Path target) {
            this.target = target;
        }

        @Override
        public Path path() {
            return target;
        }

        @Override
        public void leaveMounted() {
            closed = true;
        }

        @Override
        public void close() throws SnapshotException {
            if (closed) {
                return;
            }
            closed = true;
            SnapshotException failure = null;
            try {
                script.run(
                        Script.Step.UNMOUNT,
                        snapshot,
                        Map.of("LULL_TARGET", target.toString()),
                        limits.step());
            } catch (SnapshotException e) {
                failure = e;
            }
            if (topMount(target).isPresent()) {
                SnapshotException left =
                        script.failed(Script.Step.UNMOUNT, target + " is still mounted");
                if (failure != null) {
                    left.addSuppressed(failure);
                }
                throw left;
            }
            if (failure != null) {
                throw failure;
            }
        }
    }
}
