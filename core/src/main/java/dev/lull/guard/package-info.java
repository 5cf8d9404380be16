/**
 * The guard, which owns every lease on a host and performs every freeze and thaw; the sentry, which thaws when the guard
 * cannot; the canary, whose sleep proves that nobody else thawed; and what is said on the guard's socket.
 */
@NullMarked
package dev.lull.guard;

import org.jspecify.annotations.NullMarked;
