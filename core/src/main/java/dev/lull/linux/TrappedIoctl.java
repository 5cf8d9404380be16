package dev.lull.linux;

/**
 * An ioctl(2) that waits for its answer (seccomp_unotify(2)). Nothing in it can be trusted to be true for longer than
 * {@link TrapCalls#isPending} says so: by then the thread can be gone and its number another's.
 *
 * @param id what to answer to
 * @param thread who calls: a thread id in this process's PID namespace, 0 if it is in none that this one sees
 * @param descriptor the caller's descriptor number
 * @param request which ioctl
 * @param argument its third argument, which is an address in the caller's memory or anything at all
 */
public record TrappedIoctl(long id, int thread, int descriptor, Request request, long argument) {
    /** The ioctls that can be trapped; their numbers are the same on every architecture, and for 32-bit programs. */
    public enum Request {
        FREEZE(Ioctl.FIFREEZE),
        THAW(Ioctl.FITHAW),
        /** FIFREEZE_RESET_TIMEOUT, which no kernel has: {@code _IO(0x00, 3)}, next after FIBMAP and FIGETBSZ. */
        RESET_TIMEOUT(Ioctl.FIFREEZE_RESET_TIMEOUT);

        private final long number;

        Request(long number) {
            this.number = number;
        }

        long number() {
            return number;
        }

        static Request of(long number) {
            for (Request request : values()) {
                if (request.number == number) {
                    return request;
                }
            }
            throw new IllegalArgumentException("not trapped: ioctl " + Long.toHexString(number));
        }
    }
}
