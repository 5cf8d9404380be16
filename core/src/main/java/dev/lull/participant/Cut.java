package dev.lull.participant;

import dev.lull.linux.DeviceNumber;
import java.time.Duration;
import java.util.Set;

/**
 * What a participant is brought to rest for.
 *
 * @param filesystems those of which there will be a snapshot
 * @param longest from all participants at rest to the thaw at the latest: after that nobody waits for the snapshot
 */
public record Cut(Set<DeviceNumber> filesystems, Duration longest) {
    public Cut {
        filesystems = Set.copyOf(filesystems);
    }
}
