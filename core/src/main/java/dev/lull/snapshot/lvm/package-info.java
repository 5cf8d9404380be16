/** Snapshots of filesystems on logical volumes: by thin provisioning, or by the classic copy on write. */
@NullMarked
package dev.lull.snapshot.lvm;

import org.jspecify.annotations.NullMarked;
