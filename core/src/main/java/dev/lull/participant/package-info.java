/** Participants: applications that are brought to rest before the freeze. */
@NullMarked
package dev.lull.participant;

import org.jspecify.annotations.NullMarked;
