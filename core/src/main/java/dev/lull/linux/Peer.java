package dev.lull.linux;

/** Who is at the other end of a Unix socket (SO_PEERCRED), in this process's PID and user namespaces. */
public record Peer(int pid, int uid, int gid) {}
