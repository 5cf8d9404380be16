/** A lease's states and transitions: pure functions with an injected clock, no I/O, no threads. */
@NullMarked
package dev.lull.lease;

import org.jspecify.annotations.NullMarked;
