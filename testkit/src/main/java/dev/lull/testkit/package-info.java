/** Fake and faulty kernel, fake clock, and the suites that every implementation must pass. */
@NullMarked
package dev.lull.testkit;

import org.jspecify.annotations.NullMarked;
