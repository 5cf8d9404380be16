/** The public API: freeze a set of filesystems under a lease. */
@NullMarked
package dev.lull.freeze;

import org.jspecify.annotations.NullMarked;
