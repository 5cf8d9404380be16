package dev.lull.snapshot.lvm;

import dev.lull.linux.DeviceNumber;
import dev.lull.snapshot.SnapshotException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What LVM tells of one logical volume.
 *
 * @param name its name as of now
 * @param uuid as device-mapper has it, without hyphens
 * @param groupUuid of its group, as LVM prints it
 * @param segments its segments' type: {@code linear}, {@code thin}, {@code raid1}, …
 * @param bytes its size
 * @param occupied what a thin volume has been given of its pool, in per cent; 0 for others
 * @param origin what it is a snapshot of, or was; may be empty
 * @param pool the thin pool that it is in; may be empty
 * @param tags what it carries
 * @param device its number; empty if it is not active
 * @param groupFree bytes that the group has free
 * @param extent the group's unit, bytes
 * @param complete whether no disk of the group is missing
 * @param role as of lvs(8), for example {@code public,snapshot,thicksnapshot}
 */
record Volume(
        VolumeName name,
        String uuid,
        String groupUuid,
        String segments,
        long bytes,
        double occupied,
        String origin,
        String pool,
        Set<String> tags,
        Optional<DeviceNumber> device,
        long groupFree,
        long extent,
        boolean complete,
        String role) {
    /** What marks a volume as made by Lull. */
    static final String TAG = "lull";

    private static final String FIELDS =
            "vg_name,vg_uuid,vg_free,vg_extent_size,vg_missing_pv_count,lv_name,lv_uuid,segtype,lv_size,data_percent,origin,"
                    + "pool_lv,lv_tags,lv_role,lv_kernel_major,lv_kernel_minor";

    Volume {
        tags = Set.copyOf(tags);
    }

    /** The volume of that name; empty if there is none. */
    static Optional<Volume> find(Lvm lvm, VolumeName name) throws SnapshotException {
        return select(lvm, "vg_name=\"" + name.group() + "\" && lv_name=\"" + name.volume() + "\"")
                .stream()
                .findFirst();
    }

    /**
     * The volumes of a group whose names begin so.
     *
     * @param groupUuid of the group, whatever it is called by now
     */
    static List<Volume> named(Lvm lvm, String groupUuid, String beginning)
            throws SnapshotException {
        return select(lvm, "vg_uuid=\"" + groupUuid + "\" && lv_name=~\"^" + beginning + "\"");
    }

    private static List<Volume> select(Lvm lvm, String selection) throws SnapshotException {
        List<Volume> volumes = new ArrayList<>();
        for (Map<String, String> row : lvm.report("lvs", FIELDS, "--select", selection)) {
            try {
                volumes.add(of(row));
            } catch (IllegalArgumentException e) {
                throw new SnapshotException("read", "lvs", String.valueOf(e.getMessage()));
            }
        }
        return volumes;
    }

    /** @throws IllegalArgumentException if a field is missing or none of the kind */
    static Volume of(Map<String, String> row) {
        int major = (int) number(row, "lv_kernel_major");
        int minor = (int) number(row, "lv_kernel_minor");
        String occupied = text(row, "data_percent");
        return new Volume(
                new VolumeName(text(row, "vg_name"), text(row, "lv_name")),
                text(row, "lv_uuid").replace("-", ""),
                text(row, "vg_uuid"),
                text(row, "segtype"),
                number(row, "lv_size"),
                occupied.isEmpty() ? 0 : Double.parseDouble(occupied),
                text(row, "origin"),
                text(row, "pool_lv"),
                Set.copyOf(List.of(text(row, "lv_tags").split(",", -1))),
                major < 0 ? Optional.empty() : Optional.of(new DeviceNumber(major, minor)),
                number(row, "vg_free"),
                number(row, "vg_extent_size"),
                text(row, "vg_missing_pv_count").equals("0"),
                text(row, "lv_role"));
    }

    private static String text(Map<String, String> row, String field) {
        String value = row.get(field);
        if (value == null) {
            throw new IllegalArgumentException("it does not tell " + field);
        }
        return value;
    }

    private static long number(Map<String, String> row, String field) {
        return Long.parseLong(text(row, field));
    }

    /** The bytes that it has been given of its pool. */
    long occupiedBytes() {
        return (long) (bytes / 100.0 * occupied);
    }

    boolean isThin() {
        return segments.equals("thin");
    }

    /** Whether Lull made it. */
    boolean isOurs() {
        return tags.contains(TAG);
    }

    /** Its node, which the kernel makes by itself; empty if it is not active. */
    Optional<Path> node() {
        return device.map(number -> Path.of("/dev/dm-" + number.minor()));
    }
}
