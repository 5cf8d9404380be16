/** Checks of snapshots: a filesystem's own checker on a clone, or reading every file. */
@NullMarked
package dev.lull.snapshot.check;

import org.jspecify.annotations.NullMarked;
