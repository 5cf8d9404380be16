/** MariaDB and MySQL servers: brought to rest for a snapshot, and started on what was restored. */
@NullMarked
package dev.lull.participant.mariadb;

import org.jspecify.annotations.NullMarked;
