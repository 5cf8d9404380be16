package dev.lull.guard;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;

/**
 * A lease as it is told to clients and kept in the history.
 *
 * @param id eight lower-case letters and digits
 * @param state {@code armed}, {@code freezing}, {@code frozen}, {@code thawing}, or the word of its end
 * @param reason why it ended, in words; empty before
 * @param attached whether it ends with its holder's connection
 * @param program what the holder calls itself
 * @param pid the holder's process, 0 if unknown
 * @param uid the holder's user
 * @param withinMillis the limit on freezing
 * @param timeoutMillis the limit on being frozen; empty if none
 * @param deadline CLOCK_BOOTTIME nanoseconds while frozen with a timeout
 * @param beganAt when it was armed, milliseconds since 1970
 * @param endedAt when it ended, milliseconds since 1970
 * @param windowNanos from the first FIFREEZE call to the last FITHAW return; empty until then
 * @param filesystems its members, in freezing order
 */
public record LeaseView(
        String id,
        String state,
        String reason,
        boolean attached,
        String program,
        int pid,
        int uid,
        long withinMillis,
        OptionalLong timeoutMillis,
        OptionalLong deadline,
        long beganAt,
        OptionalLong endedAt,
        OptionalLong windowNanos,
        List<FilesystemView> filesystems) {
    /** A call into the kernel that has not returned after that is told as one that is stuck. */
    public static final Duration STUCK = Duration.ofSeconds(3);

    public LeaseView {
        filesystems = List.copyOf(filesystems);
    }

    /**
     * The filesystems whose calls are stuck.
     *
     * @param now CLOCK_BOOTTIME nanoseconds
     */
    public List<FilesystemView> stuck(long now) {
        return filesystems.stream()
                .filter(one -> one.call().isPresent() && one.phaseLasts(now).compareTo(STUCK) >= 0)
                .toList();
    }

    /**
     * Whether that filesystem is frozen under this lease, or may become so.
     *
     * @param device its {@code major:minor}
     */
    public boolean holds(String device) {
        return !state.equals("armed")
                && filesystems.stream()
                        .anyMatch(
                                one -> one.device().equals(device) && !one.phase().equals("done"));
    }

    /**
     * One filesystem of a lease.
     *
     * @param path as the user named it
     * @param device {@code major:minor} of the superblock
     * @param type for example {@code ext4}
     * @param source the mounted device as mountinfo shows it
     * @param uuid the filesystem's UUID where it has one
     * @param phase {@code idle}, {@code syncing} (what is dirty is written back before the freeze), {@code freezing},
     *     {@code frozen}, {@code thawing}, {@code done}
     * @param phaseSince CLOCK_BOOTTIME nanoseconds
     * @param freezeNanos how long FIFREEZE took; empty until it returned
     * @param thawNanos how long FITHAW took; empty until it returned
     * @param errno the name of what the kernel answered, if it refused
     */
    public record FilesystemView(
            String path,
            String device,
            String type,
            String source,
            Optional<String> uuid,
            String phase,
            long phaseSince,
            OptionalLong freezeNanos,
            OptionalLong thawNanos,
            Optional<String> errno) {
        /** The call that the kernel has not returned from; empty if there is none. */
        public Optional<String> call() {
            return switch (phase) {
                case "syncing" -> Optional.of("syncfs");
                case "freezing" -> Optional.of("FIFREEZE");
                case "thawing" -> Optional.of("FITHAW");
                default -> Optional.empty();
            };
        }

        /**
         * How long it has been in its phase.
         *
         * @param now CLOCK_BOOTTIME nanoseconds
         */
        public Duration phaseLasts(long now) {
            return Duration.ofNanos(Math.max(0, now - phaseSince));
        }
    }
}
