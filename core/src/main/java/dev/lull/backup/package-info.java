/** Archives from a mounted snapshot: writing, verifying, restoring. */
@NullMarked
package dev.lull.backup;

import org.jspecify.annotations.NullMarked;
