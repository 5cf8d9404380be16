/** Snapshots of btrfs subvolumes. */
@NullMarked
package dev.lull.snapshot.btrfs;

import org.jspecify.annotations.NullMarked;
