/** Guard, sentry and canary: the processes that hold every freeze of a host and always end it. */
@NullMarked
package dev.lull.guard;

import org.jspecify.annotations.NullMarked;
