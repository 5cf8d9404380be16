package dev.lull.participant;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * An application that is brought to rest for a snapshot: {@link #prepare}, {@link #rest}, {@link #resume}, {@link
 * #collect}, {@link #close}, all on the plan's thread. If an essential one fails before the snapshots are taken, the plan fails; if another does, the
 * manifest tells that it was not at rest.
 *
 * <p>Whoever implements it sees to it that the application goes on also if this process is killed: within a second of
 * the death, or at the limit that {@link Cut#longest} sets.
 */
public interface Participant extends AutoCloseable {
    /** The {@link ParticipantKind#name}, or {@code hooks}. */
    String kind();

    /** What it is called in messages and in the manifest. */
    String name();

    /** Whether there is to be no backup without it. */
    default boolean essential() {
        return true;
    }

    /**
     * Everything slow: connects, looks, checks. Nobody waits for anything yet.
     *
     * @throws ParticipantException if the application cannot be brought to rest; nothing was begun
     */
    void prepare(Cut cut) throws ParticipantException;

    /**
     * Brings the application to rest. Returns once it is, within a limit of the participant's own.
     *
     * @throws ParticipantException if it is not; {@link #resume} follows all the same
     */
    void rest() throws ParticipantException;

    /**
     * Lets the application go on, right after the thaw. Called once for every {@link #rest} that was begun, whatever
     * came of that.
     *
     * @throws ParticipantException.NotAtRest if it had not been at rest until now
     * @throws ParticipantException if it may still be at rest
     */
    void resume() throws ParticipantException;

    /**
     * Whether what is on several filesystems has to be of one instant. It need not for an application that {@link #collect
     * collects} what makes it whole.
     */
    default boolean needsOneInstant() {
        return true;
    }

    /**
     * Writes the files that belong to the backup besides what is in the snapshots, or in the place of what is there. Called
     * once, after {@link #resume} and before {@link #close}, when nobody waits for anything any more.
     *
     * @param into an empty directory, which stands for the root directory: each file goes to where it would be below the
     *     mount points that were named, with its owner and mode
     * @return the files, relative to {@code into}
     * @throws ParticipantException if they cannot be had: the backup is worth nothing without them
     */
    default List<Path> collect(Path into) throws ParticipantException {
        return List.of();
    }

    /** What can be said of the rest, for the manifest, by name: a log position, for example. After {@link #resume}. */
    Map<String, String> evidence();

    /** Gives back what {@link #prepare} took. Idempotent. */
    @Override
    void close() throws ParticipantException;
}
