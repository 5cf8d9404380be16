package dev.lull.participant;

import dev.lull.linux.Kernel;
import java.util.List;

/**
 * A kind of participants that can be configured: a database server, for example. Found with {@link
 * java.util.ServiceLoader}; stateless, and for any thread.
 */
public interface ParticipantKind {
    /** How a configuration calls it: a lower-case word. */
    String name();

    /** What can be set besides {@link Settings#COMMON}. */
    List<Setting> settings();

    /**
     * One of this kind. Connects to nothing yet.
     *
     * @param settings checked against {@link #settings()}
     * @throws SettingException if they make no sense together
     */
    Participant participant(Kernel kernel, Settings settings) throws SettingException;

    /**
     * Starts the application on what was restored, reachable over no network, lets it recover, has it check its data, and
     * ends it. What is in {@link Restored} is changed by that.
     *
     * @return what was checked, and what came of it, a line each, for the user
     * @throws ParticipantException if it cannot be started, does not recover, or finds its data damaged
     */
    List<String> prove(Kernel kernel, Restored restored) throws ParticipantException;
}
