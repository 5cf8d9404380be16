package dev.lull.guard;

import dev.lull.lease.Timeouts;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Mount;
import dev.lull.linux.MountTree;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Which users and groups besides root may freeze which filesystems, and for how long. What may be frozen is said in mount
 * points, but meant are the filesystems that the guard sees there: what a client calls them does not count. Immutable,
 * pure.
 *
 * @param rootMax the most that root may ask for, of {@code within} and of {@code timeout}
 * @param rules who may freeze, in the order of the file
 * @param participants who may register to be brought to rest, in the order of the file; there {@code max} is how long they
 *     may keep a backup waiting for an answer
 */
public record Policy(Duration rootMax, List<Rule> rules, List<Rule> participants) {
    /** Where there is no policy: root alone. */
    public static final Policy ROOT_ALONE = new Policy(Timeouts.USUAL_MAX, List.of(), List.of());

    public Policy {
        rules = List.copyOf(rules);
        participants = List.copyOf(participants);
    }

    /**
     * One line of the file.
     *
     * @param line its number
     * @param name the user or group as it is written, a group with its {@code @}
     * @param user the user that it is about; empty if it is about a group
     * @param group the group that it is about; empty if it is about a user
     * @param places where
     * @param max for how long a set may stay frozen in all, extended or not; and the most of {@code within}
     */
    public record Rule(
            int line,
            String name,
            OptionalInt user,
            OptionalInt group,
            List<Place> places,
            Duration max) {
        public Rule {
            places = List.copyOf(places);
        }

        /** Whether it is about somebody. */
        public boolean isAbout(int uid, int gid, Set<Integer> groups) {
            return (user.isPresent() && user.getAsInt() == uid)
                    || (group.isPresent()
                            && (group.getAsInt() == gid || groups.contains(group.getAsInt())));
        }

        /** Whether the filesystem is one that it allows. */
        public boolean shows(DeviceNumber device, MountTree mounts) {
            return places.stream().anyMatch(place -> place.shows(device, mounts));
        }
    }

    /**
     * A mount point.
     *
     * @param tree whether everything that is mounted below it is meant too
     */
    public record Place(Path path, boolean tree) {
        /**
         * Below a tree, only filesystems that are mounted whole count: a directory of another filesystem that is bound to
         * some place in it is no leave to freeze all of that one.
         */
        boolean shows(DeviceNumber device, MountTree mounts) {
            if (mounts.at(path).filter(mount -> mount.device().equals(device)).isPresent()) {
                return true;
            }
            return tree
                    && mounts.within(path).stream()
                            .filter(mount -> mount.root().equals("/"))
                            .map(Mount::device)
                            .anyMatch(device::equals);
        }
    }

    /** Whether anybody but root may hold leases, or register. */
    public boolean namesOthers() {
        return !rules.isEmpty() || !participants.isEmpty();
    }

    /** Whether a rule is about them, wherever it is for. */
    boolean names(Caller caller) {
        return Stream.concat(rules.stream(), participants.stream())
                .anyMatch(rule -> isAbout(rule, caller));
    }

    /**
     * For how long somebody who is not root may freeze a filesystem; the longest, where several rules allow it.
     *
     * @param mounts of the guard's own mount namespace
     * @return empty if no rule allows it
     */
    Optional<Duration> granted(Caller caller, DeviceNumber device, MountTree mounts) {
        return longest(rules, caller, device, mounts);
    }

    /**
     * How long somebody who is not root may keep a backup of a filesystem waiting, as a process that is to be brought to
     * rest for it.
     *
     * @param mounts of the guard's own mount namespace
     * @return empty if no rule allows it
     */
    Optional<Duration> participates(Caller caller, DeviceNumber device, MountTree mounts) {
        return longest(participants, caller, device, mounts);
    }

    private static Optional<Duration> longest(
            List<Rule> rules, Caller caller, DeviceNumber device, MountTree mounts) {
        return rules.stream()
                .filter(rule -> isAbout(rule, caller) && rule.shows(device, mounts))
                .map(Rule::max)
                .max(Duration::compareTo);
    }

    private static boolean isAbout(Rule rule, Caller caller) {
        return rule.isAbout(caller.peer().uid(), caller.peer().gid(), caller.groups());
    }
}
