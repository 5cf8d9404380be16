package dev.lull.guard;

import dev.lull.linux.DeviceNumber;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What a successor must know to thaw what a dead guard froze; written before FIFREEZE.
 *
 * @param bootId the boot it belongs to
 * @param guardPid the guard that holds it
 * @param guardStart that process's start time, which tells it from another one of the same pid
 * @param serial the lease's number with that guard
 * @param freezing whether FIFREEZE may have been called: nothing is thawed for a lease that was only armed
 * @param places where to find the filesystems, in freezing order
 * @param lease as it was to be told
 */
record LeaseRecord(
        String bootId,
        int guardPid,
        long guardStart,
        long serial,
        boolean freezing,
        List<Place> places,
        LeaseView lease) {
    /**
     * One filesystem. {@code major:minor} alone is reused.
     *
     * @param device its superblock's number
     * @param uuid its UUID, or {@code -}
     * @param uniqueMountId the mount it was reached through, 0 if the kernel has no such ids
     * @param level its place in the stacking order
     */
    record Place(String device, String uuid, long uniqueMountId, int level) {}

    byte[] encode() {
        StringBuilder text = new StringBuilder();
        text.append("lull-lease 1\n")
                .append(bootId)
                .append('\n')
                .append(guardPid)
                .append(' ')
                .append(guardStart)
                .append(' ')
                .append(serial)
                .append('\n')
                .append(freezing ? "freezing" : "armed")
                .append('\n');
        for (Place place : places) {
            text.append(place.device)
                    .append(' ')
                    .append(place.uuid)
                    .append(' ')
                    .append(place.uniqueMountId);
            text.append(' ').append(place.level).append('\n');
        }
        byte[] head = text.toString().getBytes(StandardCharsets.UTF_8);
        byte[] view = Wire.encode(lease);
        byte[] all = Arrays.copyOf(head, head.length + view.length);
        System.arraycopy(view, 0, all, head.length, view.length);
        return all;
    }

    static LeaseRecord decode(byte[] bytes) throws WireException {
        String[] lines = new String(bytes, StandardCharsets.UTF_8).split("\n", -1);
        if (lines.length < 6 || !lines[0].equals("lull-lease 1")) {
            throw new WireException("not a lease's record");
        }
        try {
            String[] guard = fields(lines[2], 3);
            List<Place> places = new ArrayList<>();
            for (String line : Arrays.asList(lines).subList(4, lines.length - 1)) {
                String[] place = fields(line, 4);
                places.add(
                        new Place(
                                DeviceNumber.parse(place[0]).toString(),
                                place[1],
                                Long.parseLong(place[2]),
                                Integer.parseInt(place[3])));
            }
            return new LeaseRecord(
                    lines[1],
                    Integer.parseInt(guard[0]),
                    Long.parseLong(guard[1]),
                    Long.parseLong(guard[2]),
                    lines[3].equals("freezing"),
                    List.copyOf(places),
                    Wire.leaseView(lines[lines.length - 1].getBytes(StandardCharsets.UTF_8)));
        } catch (IllegalArgumentException e) {
            throw new WireException("malformed number in a lease's record", e);
        }
    }

    private static String[] fields(String line, int count) throws WireException {
        String[] fields = line.split(" ", -1);
        if (fields.length != count) {
            throw new WireException("malformed line in a lease's record");
        }
        return fields;
    }
}
