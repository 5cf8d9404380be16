package dev.lull.guard;

import java.util.List;
import java.util.Map;

/**
 * A process that has registered to be brought to rest, as the guard tells of it.
 *
 * @param id by which {@link Request.Rest} names it
 * @param name what it calls itself
 * @param pid its process id, in the guard's namespace; 0 if that has none for it
 * @param uid its user
 * @param limitMillis how long it may take for an answer
 * @param paths what it has registered for, as it calls it
 * @param devices the filesystems that those are on, {@code major:minor}
 * @param state what it is about
 * @param message what it said of the last that it was asked; may be empty
 * @param evidence what it said of its rest, by name
 */
public record ParticipantView(
        int id,
        String name,
        int pid,
        int uid,
        long limitMillis,
        List<String> paths,
        List<String> devices,
        ParticipantState state,
        String message,
        Map<String, String> evidence) {
    public ParticipantView {
        paths = List.copyOf(paths);
        devices = List.copyOf(devices);
        evidence = Map.copyOf(evidence);
    }
}
