package dev.lull.snapshot;

/** Whether a provider can make snapshots of a filesystem, in words for a person. */
public sealed interface Fit {
    /** @param how what it would do, for example {@code clone of /srv/images/data.img} */
    record Yes(String how) implements Fit {}

    /** @param reason why it cannot, lower case, for example {@code /dev/sda1 is not a loop device} */
    record No(String reason) implements Fit {}
}
