package dev.lull.linux;

/**
 * A device's {@code major:minor}. For a filesystem this is the number that mountinfo shows (proc_pid_mountinfo(5)),
 * which is the superblock's identity; {@code st_dev} of a file is not, since btrfs has one per subvolume.
 */
public record DeviceNumber(int major, int minor) {
    @Override
    public String toString() {
        return major + ":" + minor;
    }

    /** Parses {@code "major:minor"} as mountinfo and sysfs print it. @throws IllegalArgumentException if malformed */
    public static DeviceNumber parse(String text) {
        int colon = text.indexOf(':');
        if (colon < 1) {
            throw new IllegalArgumentException("not a device number: " + text);
        }
        return new DeviceNumber(
                Integer.parseInt(text.substring(0, colon)),
                Integer.parseInt(text.substring(colon + 1)));
    }
}
