/** Snapshots made by the user's own script: an array, a cloud, whatever has a command line. */
@NullMarked
package dev.lull.snapshot.command;

import org.jspecify.annotations.NullMarked;
