package dev.lull.linux;

/** A descriptor and the POLL* bits waited for (poll(2)); error and hang-up are always told. */
public record PollInterest(Descriptor descriptor, int events) {
    public static final int IN = 1;
    public static final int OUT = 4;
    public static final int ERROR = 8;
    public static final int HANG_UP = 16;
    public static final int INVALID = 32;

    public static PollInterest readable(Descriptor descriptor) {
        return new PollInterest(descriptor, IN);
    }
}
