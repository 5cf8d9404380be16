/**
 * Programs that nobody changes, under a freeze with a timeout: {@link dev.lull.run.Launch} becomes the program once its
 * freeze ioctls are trapped, and {@link dev.lull.run.RunSupervisor}, a process beside it, answers them with leases.
 */
@NullMarked
package dev.lull.run;

import org.jspecify.annotations.NullMarked;
