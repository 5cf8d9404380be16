package dev.lull.participant;

/** A setting that is missing, unknown, or makes no sense. The message is one lower-case line that begins with its key. */
public final class SettingException extends Exception {
    private static final long serialVersionUID = 1L;

    private final String key;

    /**
     * @param key which setting
     * @param problem what is wrong with it; goes after the key
     */
    public SettingException(String key, String problem) {
        super(key + " " + problem);
        this.key = key;
    }

    /** Which setting. */
    public String key() {
        return key;
    }
}
