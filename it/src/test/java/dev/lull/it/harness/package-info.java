/**
 * Real filesystems, processes and namespaces for tests. Nothing in here uses the code under test: filesystems are made,
 * frozen and thawed with the system's own programs.
 */
package dev.lull.it.harness;
