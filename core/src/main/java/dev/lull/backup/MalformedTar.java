package dev.lull.backup;

/** The bytes are no tar stream, or not a whole one; the message says what was found, to follow "contains …". */
final class MalformedTar extends Exception {
    MalformedTar(String found) {
        super(found);
    }
}
