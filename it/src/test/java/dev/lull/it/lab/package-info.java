/** Tests that need device-mapper. Where the kernel has none they are skipped: dev/lab runs them in a virtual machine. */
package dev.lull.it.lab;
