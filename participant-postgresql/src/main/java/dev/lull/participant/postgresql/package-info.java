/** PostgreSQL servers, 13 to 18, brought to rest for a snapshot, and started on what was restored. */
@NullMarked
package dev.lull.participant.postgresql;

import org.jspecify.annotations.NullMarked;
