/** The command line: one class per command. */
@NullMarked
package dev.lull.cli;

import org.jspecify.annotations.NullMarked;
