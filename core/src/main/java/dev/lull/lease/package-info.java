/**
 * What a lease is and how it moves from state to state. Pure: no clock, no I/O, no threads. Time comes in as
 * nanoseconds of CLOCK_BOOTTIME, and what is to be done goes out as {@link dev.lull.lease.Effect effects}.
 */
@NullMarked
package dev.lull.lease;

import org.jspecify.annotations.NullMarked;
