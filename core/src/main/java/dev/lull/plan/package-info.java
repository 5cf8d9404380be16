/** The ordered steps of one backup, each with its undo, and the manifest that tells how it went. */
@NullMarked
package dev.lull.plan;

import org.jspecify.annotations.NullMarked;
