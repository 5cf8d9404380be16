/**
 * The Linux kernel as Lull uses it: system calls, mount table, block devices, sockets that pass descriptors. The only
 * package that touches {@code java.lang.foreign}. It makes no decisions.
 */
@NullMarked
package dev.lull.linux;

import org.jspecify.annotations.NullMarked;
