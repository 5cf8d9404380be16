/** Mounting snapshots that are block devices. */
@NullMarked
package dev.lull.snapshot.mount;

import org.jspecify.annotations.NullMarked;
