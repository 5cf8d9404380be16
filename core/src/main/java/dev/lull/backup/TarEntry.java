package dev.lull.backup;

import java.time.Instant;

/**
 * One entry of an archive.
 *
 * <p>Names are bytes on Linux. Here they are text in the escaped form of {@link EntryName}, which loses nothing and is
 * safe to print.
 *
 * @param name the path as stored, escaped; a directory's ends with a slash
 * @param kind what it is
 * @param mode permission bits with set-user-id, set-group-id and sticky
 * @param user numeric owner
 * @param group numeric group
 * @param size bytes of a regular file as a reader sees it, holes included; else 0
 * @param modified last modification, to the nanosecond where the archive has it
 * @param link target of a hard or symbolic link, escaped; else empty
 * @param deviceMajor of a device node; else 0
 * @param deviceMinor of a device node; else 0
 */
public record TarEntry(
        String name,
        Kind kind,
        int mode,
        long user,
        long group,
        long size,
        Instant modified,
        String link,
        long deviceMajor,
        long deviceMinor) {

    /** The kinds of entry that a pax archive knows (POSIX.1-2017 pax, "ustar Interchange Format", typeflag). */
    public enum Kind {
        FILE('-'),
        HARD_LINK('h'),
        SYMBOLIC_LINK('l'),
        CHARACTER_DEVICE('c'),
        BLOCK_DEVICE('b'),
        DIRECTORY('d'),
        FIFO('p');

        private final char letter;

        Kind(char letter) {
            this.letter = letter;
        }

        /** The letter with which {@code tar tv} begins the line. */
        public char letter() {
            return letter;
        }
    }
}
