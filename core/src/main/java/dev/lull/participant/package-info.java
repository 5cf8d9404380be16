/** Applications that are brought to rest before the freeze, so that what is backed up is at rest too. */
@NullMarked
package dev.lull.participant;

import org.jspecify.annotations.NullMarked;
