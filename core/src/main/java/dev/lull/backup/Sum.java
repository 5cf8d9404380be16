package dev.lull.backup;

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** SHA-256 and length of what goes by. */
final class Sum {
    private final MessageDigest digest;
    private long bytes;

    Sum() {
        try {
            digest = MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }

    void add(byte[] chunk, int length) {
        digest.update(chunk, 0, length);
        bytes += length;
    }

    /** Adds what remains of the buffer, and leaves its position where it was. */
    void add(ByteBuffer buffer) {
        bytes += buffer.remaining();
        digest.update(buffer.duplicate());
    }

    long bytes() {
        return bytes;
    }

    /** Lower-case hexadecimal. Ends the sum. */
    String hex() {
        return HexFormat.of().formatHex(digest.digest());
    }
}
