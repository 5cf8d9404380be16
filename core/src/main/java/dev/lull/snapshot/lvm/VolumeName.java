package dev.lull.snapshot.lvm;

import java.util.Optional;
import java.util.regex.Pattern;

/**
 * A logical volume's name (lvm(8), "Valid names").
 *
 * @param group the volume group
 * @param volume its name there
 */
record VolumeName(String group, String volume) {
    private static final Pattern PART = Pattern.compile("[a-zA-Z0-9+_.][a-zA-Z0-9+_.-]{0,126}");

    /** @throws IllegalArgumentException if LVM would not let it be called so */
    VolumeName {
        if (!PART.matcher(group).matches() || !PART.matcher(volume).matches()) {
            throw new IllegalArgumentException("not a logical volume: " + group + "/" + volume);
        }
    }

    /**
     * What LVM calls a device that device-mapper calls so: a hyphen stands between the two, and their own are doubled
     * (libdm, dm_build_dm_name). Empty for one of the devices beneath a volume, which have a third part.
     */
    static Optional<VolumeName> ofMapped(String name) {
        StringBuilder part = new StringBuilder();
        String group = null;
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            if (c != '-') {
                part.append(c);
            } else if (i + 1 < name.length() && name.charAt(i + 1) == '-') {
                part.append(c);
                i++;
            } else if (group == null) {
                group = part.toString();
                part.setLength(0);
            } else {
                return Optional.empty();
            }
        }
        try {
            return group == null
                    ? Optional.empty()
                    : Optional.of(new VolumeName(group, part.toString()));
        } catch (IllegalArgumentException _) {
            return Optional.empty();
        }
    }

    /** What device-mapper calls it. */
    String mapped() {
        return group.replace("-", "--") + "-" + volume.replace("-", "--");
    }

    /** Another volume of the same group. */
    VolumeName sibling(String name) {
        return new VolumeName(group, name);
    }

    @Override
    public String toString() {
        return group + "/" + volume;
    }
}
