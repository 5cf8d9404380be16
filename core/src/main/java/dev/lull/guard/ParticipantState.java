package dev.lull.guard;

/** What a registered process is about, or what came of the last that it was asked. */
public enum ParticipantState {
    /** Nothing is asked of it; or it has gone on. */
    IDLE("idle"),
    COMING_TO_REST("coming to rest"),
    AT_REST("at rest"),
    GOING_ON("going on"),
    /** It said that it cannot. */
    FAILED("failed"),
    /** It did not answer within its limit. */
    LATE("late"),
    /** It disconnected. */
    GONE("gone"),
    /** It went on before it was asked to. */
    NOT_AT_REST("not at rest");

    private final String word;

    ParticipantState(String word) {
        this.word = word;
    }

    public String word() {
        return word;
    }

    /** @throws WireException if there is none of that word */
    static ParticipantState ofWord(String word) throws WireException {
        for (ParticipantState state : values()) {
            if (state.word.equals(word)) {
                return state;
            }
        }
        throw new WireException("no state of a participant: " + word);
    }
}
