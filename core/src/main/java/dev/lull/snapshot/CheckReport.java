package dev.lull.snapshot;

/**
 * What a check of a snapshot found.
 *
 * @param passed whether all was well
 * @param checked what was done, in words that a report can repeat, for example {@code e2fsck -fn on a writable clone}
 * @param output what the checker printed, or the failures met; at most 64 KiB of it
 */
public record CheckReport(boolean passed, String checked, String output) {}
