package dev.lull.lease;

import java.util.List;

/**
 * What does not change in a lease's life.
 *
 * @param timeouts its two limits
 * @param members the filesystems of the set
 */
public record Terms(Timeouts timeouts, List<Member> members) {
    /**
     * One filesystem of the set.
     *
     * @param level its place in the stacking order: level 0 is frozen first and thawed last. A filesystem whose device
     *     lies on another one of the set has the lower level.
     * @param provable whether a canary can sleep on it. It cannot where the superblock is read-only: there a freeze
     *     only sets a mark (fs/super.c freeze_super), stops nobody, and nothing can change anyhow.
     */
    public record Member(int level, boolean provable) {}

    public Terms {
        members = List.copyOf(members);
        if (members.isEmpty()) {
            throw new IllegalArgumentException("an empty freeze set");
        }
    }
}
