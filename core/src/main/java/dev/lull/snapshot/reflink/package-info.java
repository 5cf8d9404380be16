/** Snapshots of filesystems in image files: a clone of the file that a loop device is backed by. */
@NullMarked
package dev.lull.snapshot.reflink;

import org.jspecify.annotations.NullMarked;
