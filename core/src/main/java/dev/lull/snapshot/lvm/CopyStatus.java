package dev.lull.snapshot.lvm;

/** Whether a classic snapshot can be read. */
final class CopyStatus {
    private CopyStatus() {}

    /**
     * Parses what the kernel says (snapshot.rst): {@code START SECTORS snapshot ALLOCATED/TOTAL METADATA}, or one word
     * that tells why it is void.
     *
     * @throws IllegalArgumentException if it is something else
     */
    static boolean isValid(String line) {
        String[] words = line.split(" ", -1);
        if (words.length < 4 || !words[2].equals("snapshot")) {
            throw new IllegalArgumentException("no status of a snapshot: " + line);
        }
        return words[3].contains("/");
    }
}
