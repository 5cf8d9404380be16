/** Running other programs with limits: on their time, their output and their processes. */
@NullMarked
package dev.lull.snapshot.process;

import org.jspecify.annotations.NullMarked;
