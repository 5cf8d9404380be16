package dev.lull.snapshot.command;

import java.time.Duration;

/**
 * How long a script's steps may last; past it the script is killed with all its processes. In the window the lease's
 * timeout limits {@code take} as well.
 *
 * @param step for {@code prepare}, {@code mount}, {@code unmount} and for {@code take} to be ready
 * @param finish for {@code take} to end after the cut, and for {@code delete}
 */
public record StepLimits(Duration step, Duration finish) {
    /** One minute a step, ten minutes to finish. */
    public static final StepLimits DEFAULT =
            new StepLimits(Duration.ofMinutes(1), Duration.ofMinutes(10));

    public StepLimits {
        if (!step.isPositive() || !finish.isPositive()) {
            throw new IllegalArgumentException("limits must be positive: " + step + ", " + finish);
        }
    }
}
