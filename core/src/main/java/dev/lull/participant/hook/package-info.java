/** Hooks: executables that are called {@code freeze} and {@code thaw}, as the hypervisors' guest agents call theirs. */
@NullMarked
package dev.lull.participant.hook;

import org.jspecify.annotations.NullMarked;
