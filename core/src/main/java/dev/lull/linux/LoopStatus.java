package dev.lull.linux;

/** What a loop device is attached to: loop_info64 of linux/loop.h. */
public record LoopStatus(
        long backingDevice,
        long backingInode,
        boolean readOnly,
        boolean autoclear,
        String fileName) {}
