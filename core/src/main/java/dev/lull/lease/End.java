package dev.lull.lease;

/** How a lease ended. Only {@link #RELEASED} is a success. */
public enum End {
    /** The holder itself released it, and the set had been frozen all the time: held, and proven. */
    RELEASED("released"),
    /** The deadline came. */
    EXPIRED("expired"),
    /** Somebody outside Lull thawed it, or that they did not cannot be proven. */
    LOST("lost"),
    /** The holder's connection closed, or its process died. */
    ABANDONED("abandoned"),
    /** Thawed through Lull by somebody other than the holder. */
    REVOKED("revoked"),
    /** Never wholly frozen. */
    FAILED("failed");

    private final String word;

    End(String word) {
        this.word = word;
    }

    /** The word for it on the wire, in the history and on the screen. */
    public String word() {
        return word;
    }

    /** @throws IllegalArgumentException if no end is called that */
    public static End ofWord(String word) {
        for (End end : values()) {
            if (end.word.equals(word)) {
                return end;
            }
        }
        throw new IllegalArgumentException("no such end of a lease: " + word);
    }
}
