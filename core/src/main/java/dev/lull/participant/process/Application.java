package dev.lull.participant.process;

import java.util.Map;

/** What an application does when it is asked to rest, and to go on. Called on the thread of its {@link Registration}. */
public interface Application {
    /**
     * Brings it to rest: everything that belongs together is on disk when this returns, and nothing is written until
     * {@link #resume()}.
     *
     * @return what can be said of this rest, for the manifest, by name: at most 16 values of 1,024 characters
     * @throws Exception if it cannot; {@link #resume()} follows all the same
     */
    Map<String, String> rest() throws Exception;

    /**
     * Lets it go on. Follows every {@link #rest()}: when the snapshots are taken, when the guard is gone, or when the time
     * is over.
     *
     * @throws Exception if it cannot
     */
    void resume() throws Exception;
}
