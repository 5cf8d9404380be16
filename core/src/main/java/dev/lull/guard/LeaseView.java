package dev.lull.guard;

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
    public LeaseView {
        filesystems = List.copyOf(filesystems);
    }

    /**
     * One filesystem of a lease.
     *
     * @param path as the user named it
     * @param device {@code major:minor} of the superblock
     * @param type for example {@code ext4}
     * @param source the mounted device as mountinfo shows it
     * @param uuid the filesystem's UUID where it has one
     * @param phase {@code idle}, {@code freezing}, {@code frozen}, {@code thawing}, {@code done}
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
            Optional<String> errno) {}
}
