package dev.lull.linux;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Every system call goes through one downcall, libc's syscall(2) with six arguments: each further
 * shape would cost the sentry memory and start-up time. Arguments that a call does not have are
 * passed as 0 and ignored.
 *
 * <p>Answers as the kernel itself does: a negative errno for a failure.
 */
final class SystemCall {
    private static final int EINTR = 4;
    private static final MethodHandle SYSCALL = link();

    private SystemCall() {}

    /**
     * The one place where errno becomes an exception.
     *
     * @param result what a call answered
     * @return {@code result}, if it is no error
     */
    static long check(long result, String operation, String subject) throws KernelException {
        if (result < 0) {
            throw new KernelException(operation, subject, Errno.of((int) -result));
        }
        return result;
    }

    private static MethodHandle link() {
        Linker linker = Linker.nativeLinker();
        ValueLayout.OfLong word = ValueLayout.JAVA_LONG;
        return linker.downcallHandle(
                linker.defaultLookup().findOrThrow("syscall"),
                FunctionDescriptor.of(word, word, word, word, word, word, word, word),
                Linker.Option.captureCallState("errno"),
                // syscall(2) is variadic after its number, ioctl's own variadic argument is in it.
                Linker.Option.firstVariadicArg(1));
    }

    static long call(Scratch scratch, long number) {
        return call(scratch, number, 0, 0, 0, 0, 0, 0);
    }

    static long call(Scratch scratch, long number, long a) {
        return call(scratch, number, a, 0, 0, 0, 0, 0);
    }

    static long call(Scratch scratch, long number, long a, long b) {
        return call(scratch, number, a, b, 0, 0, 0, 0);
    }

    static long call(Scratch scratch, long number, long a, long b, long c) {
        return call(scratch, number, a, b, c, 0, 0, 0);
    }

    static long call(Scratch scratch, long number, long a, long b, long c, long d) {
        return call(scratch, number, a, b, c, d, 0, 0);
    }

    /** Makes the call again for as long as a signal interrupts it. */
    static long call(Scratch scratch, long number, long a, long b, long c, long d, long e, long f) {
        long result;
        do {
            result = once(scratch, number, a, b, c, d, e, f);
        } while (result == -EINTR);
        return result;
    }

    /** Makes the call once; −EINTR if a signal interrupted it. */
    static long once(Scratch scratch, long number, long a, long b, long c, long d, long e, long f) {
        long result = invoke(scratch.capture, number, a, b, c, d, e, f);
        return result == -1 ? -scratch.errno() : result;
    }

    private static long invoke(
            MemorySegment capture, long number, long a, long b, long c, long d, long e, long f) {
        try {
            return (long) SYSCALL.invokeExact(capture, number, a, b, c, d, e, f);
        } catch (Error | RuntimeException thrown) {
            throw thrown;
        } catch (Throwable impossible) {
            throw new AssertionError("a downcall throws nothing of its own", impossible);
        }
    }
}
