package dev.lull.snapshot;

import dev.lull.linux.DeviceNumber;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What is written down of a snapshot, enough to find, mount and delete it, by another process and after a reboot.
 *
 * @param id its name
 * @param provider the provider's name
 * @param state how far it came
 * @param created when it was prepared, wall clock
 * @param mountPoint where the origin was mounted
 * @param device the origin's superblock as of then; numbers are reused after a reboot
 * @param type the origin's filesystem type
 * @param uuid the origin's UUID, where known
 * @param names what the provider needs to find it again: file, directory or the script's state
 * @param leftOut paths relative to the mount point that the snapshot lacks: nested subvolumes
 * @param note why it is inconsistent, or what else a person should know
 * @param label see {@link SnapshotRequest#label}
 */
public record SnapshotRecord(
        SnapshotId id,
        String provider,
        SnapshotState state,
        Instant created,
        Path mountPoint,
        DeviceNumber device,
        String type,
        Optional<String> uuid,
        Map<String, String> names,
        List<Path> leftOut,
        Optional<String> note,
        Optional<String> label) {

    public SnapshotRecord {
        names = Map.copyOf(names);
        leftOut = List.copyOf(leftOut);
    }

    /** What is recorded before the freeze of a request: in state {@link SnapshotState#TAKING}. */
    public static SnapshotRecord intent(
            SnapshotRequest request,
            String provider,
            Instant created,
            Map<String, String> names,
            List<Path> leftOut) {
        Origin origin = request.origin();
        return new SnapshotRecord(
                request.id(),
                provider,
                SnapshotState.TAKING,
                created,
                origin.mountPoint(),
                origin.device(),
                origin.type(),
                origin.uuid(),
                names,
                leftOut,
                Optional.empty(),
                request.label());
    }

    /**
     * One of the provider's names.
     *
     * @throws SnapshotException if the record lacks it
     */
    public String name(String key) throws SnapshotException {
        String name = names.get(key);
        if (name == null) {
            throw new SnapshotException(
                    "open snapshot", id.text(), "its record lacks the name " + key);
        }
        return name;
    }

    /**
     * Whoever opens a snapshot has to be the provider that made it.
     *
     * @param name the provider's
     * @throws SnapshotException if it is another's
     */
    public void requireProvider(String name) throws SnapshotException {
        if (!provider.equals(name)) {
            throw new SnapshotException("open snapshot", id.text(), "is of provider " + provider);
        }
    }

    /** The same snapshot, further on. */
    public SnapshotRecord with(SnapshotState newState) {
        return new SnapshotRecord(
                id,
                provider,
                newState,
                created,
                mountPoint,
                device,
                type,
                uuid,
                names,
                leftOut,
                note,
                label);
    }

    /** The same snapshot with a note. */
    public SnapshotRecord with(SnapshotState newState, String newNote) {
        return new SnapshotRecord(
                id,
                provider,
                newState,
                created,
                mountPoint,
                device,
                type,
                uuid,
                names,
                leftOut,
                Optional.of(newNote),
                label);
    }

    /** The same snapshot under names that its provider learnt later. */
    public SnapshotRecord withNames(Map<String, String> newNames) {
        return new SnapshotRecord(
                id,
                provider,
                state,
                created,
                mountPoint,
                device,
                type,
                uuid,
                newNames,
                leftOut,
                note,
                label);
    }

    /** Whether both are of one filesystem: by its UUID, or where none is known, by where it is mounted. */
    public boolean sameOrigin(SnapshotRecord other) {
        boolean known = uuid.isPresent() || other.uuid.isPresent();
        return known ? uuid.equals(other.uuid) : mountPoint.equals(other.mountPoint);
    }
}
