/** Snapshot providers: what makes the point-in-time copy while writers are held. */
@NullMarked
package dev.lull.snapshot;

import org.jspecify.annotations.NullMarked;
