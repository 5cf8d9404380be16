package dev.lull.linux;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/**
 * posix_spawn(3), and execve(2). Java code cannot run between fork and exec, so this is libc's work; the JDK's own
 * way leaves a thread behind for each child and gives it only three descriptors.
 */
final class Spawn {
    /** close_range(2) takes an unsigned int: as far as descriptors can go. */
    private static final long LAST_DESCRIPTOR = 0xFFFF_FFFFL;

    private static final int F_DUPFD_CLOEXEC = 1030;
    private static final int CLOSE_RANGE_CLOEXEC = 4;

    private static final short POSIX_SPAWN_SETSIGDEF = 0x04;
    private static final short POSIX_SPAWN_SETSIGMASK = 0x08;
    private static final short POSIX_SPAWN_SETSID = 0x80;

    // Opaque structures, larger than those of glibc (80 and 336 bytes) and musl.
    private static final int FILE_ACTIONS = 512;
    private static final int ATTRIBUTES = 1024;
    private static final int SIGNAL_SET = 128;

    private static final int SIG_SETMASK = 2;
    private static final int SIGNALS = 64;
    private static final int SIGKILL = 9;
    private static final int SIGSTOP = 19;
    private static final long SIG_DFL = 0;
    private static final long SIG_IGN = 1;

    private Spawn() {}

    /**
     * The functions of posix_spawn's family, linked when the first child is made: most processes make
     * none. One shape for all of them; a function ignores arguments that it does not have.
     */
    private static final class Libc {
        static final SymbolLookup LOOKUP = Linker.nativeLinker().defaultLookup();
        static final MethodHandle FUNCTION =
                Linker.nativeLinker()
                        .downcallHandle(
                                FunctionDescriptor.of(
                                        ValueLayout.JAVA_INT,
                                        ValueLayout.JAVA_LONG,
                                        ValueLayout.JAVA_LONG,
                                        ValueLayout.JAVA_LONG,
                                        ValueLayout.JAVA_LONG,
                                        ValueLayout.JAVA_LONG,
                                        ValueLayout.JAVA_LONG));

        /** glibc 2.34, musl 1.2.5 has none. */
        static final Optional<MemorySegment> ADD_CLOSE_FROM =
                LOOKUP.find("posix_spawn_file_actions_addclosefrom_np");

        private Libc() {}
    }

    static int spawn(
            Path program,
            List<String> arguments,
            Map<String, String> environment,
            List<Descriptor> descriptors)
            throws KernelException {
        String subject = program.toString();
        byte[] path = PathBytes.encode(program);
        List<byte[]> argv = strings(arguments);
        List<byte[]> envp = variables(environment);

        int count = descriptors.size();
        List<Descriptor> apart = new ArrayList<>(count);
        try {
            // Numbers from count up: a dup2 in the child then overwrites no descriptor still
            // wanted, and is
            // never onto itself, which would leave it close-on-exec.
            for (Descriptor descriptor : descriptors) {
                Scratch scratch = Scratch.of();
                long number =
                        SystemCall.call(
                                scratch, Abi.FCNTL, descriptor.number(), F_DUPFD_CLOEXEC, count);
                apart.add(
                        new Descriptor(
                                (int) SystemCall.check(number, "fcntl", descriptor.name()),
                                descriptor.name(),
                                LinuxKernel.CLOSER));
            }
            if (Libc.ADD_CLOSE_FROM.isEmpty()) {
                closeOnExec(count, LAST_DESCRIPTOR, subject);
            }
            return spawn(subject, path, argv, envp, apart);
        } finally {
            for (Descriptor descriptor : apart) {
                descriptor.close();
            }
        }
    }

    static void become(
            Path program, List<String> arguments, Map<String, String> environment, int keep)
            throws KernelException {
        String subject = program.toString();
        byte[] path = PathBytes.encode(program);
        // The JDK opens its files without O_CLOEXEC.
        closeOnExec(keep, LAST_DESCRIPTOR, subject);
        // HotSpot blocks signals, and a program inherits that.
        execute(path, strings(arguments), variables(environment), 0, subject);
    }

    static void become(Execution execution) throws KernelException {
        byte[] path = execution.program();
        String subject = PathBytes.decode(path).toString();
        int from = 0;
        for (int descriptor : new TreeSet<>(execution.descriptors())) {
            closeOnExec(from, descriptor - 1L, subject);
            from = descriptor + 1;
        }
        closeOnExec(from, LAST_DESCRIPTOR, subject);
        for (int signal = 1; signal <= SIGNALS; signal++) {
            dispose(signal, (execution.ignoredSignals() >>> (signal - 1) & 1) != 0, subject);
        }
        execute(
                path,
                execution.arguments(),
                execution.environment(),
                execution.blockedSignals(),
                subject);
    }

    /** Returns only by failing, with the signals blocked that were before. */
    private static void execute(
            byte[] path, List<byte[]> argv, List<byte[]> envp, long blockedSignals, String subject)
            throws KernelException {
        Scratch scratch = Scratch.of(path.length + size(argv) + size(envp) + 64);
        int blocked = scratch.reserve(Abi.SIGNAL_SET);
        int before = scratch.reserve(Abi.SIGNAL_SET);
        scratch.putLong(blocked, blockedSignals);
        mask(scratch, blocked, before, subject);
        long result =
                SystemCall.call(
                        scratch,
                        Abi.EXECVE,
                        scratch.string(path),
                        array(scratch, argv),
                        array(scratch, envp));
        mask(scratch, before, blocked, subject);
        SystemCall.check(result, "execve", subject);
    }

    private static void closeOnExec(long first, long last, String subject) throws KernelException {
        if (first <= last) {
            SystemCall.check(
                    SystemCall.call(
                            Scratch.of(), Abi.CLOSE_RANGE, first, last, CLOSE_RANGE_CLOEXEC),
                    "close_range",
                    subject);
        }
    }

    /** execve(2) resets what is handled, and leaves alone what is ignored. */
    private static void dispose(int signal, boolean ignored, String subject)
            throws KernelException {
        if (signal == SIGKILL || signal == SIGSTOP) {
            return;
        }
        Scratch scratch = Scratch.of();
        int now = scratch.reserve(Abi.SIGNAL_ACTION);
        signalAction(scratch, signal, 0, scratch.address(now), subject);
        boolean ignoredNow = scratch.getLong(now) == SIG_IGN;
        if (ignored != ignoredNow) {
            int wanted = scratch.reserve(Abi.SIGNAL_ACTION);
            scratch.putLong(wanted, ignored ? SIG_IGN : SIG_DFL);
            signalAction(scratch, signal, scratch.address(wanted), 0, subject);
        }
    }

    private static void signalAction(
            Scratch scratch, int signal, long action, long old, String subject)
            throws KernelException {
        SystemCall.check(
                SystemCall.call(
                        scratch, Abi.RT_SIGACTION, signal, action, old, Abi.SIGNAL_SET, 0, 0),
                "rt_sigaction",
                subject);
    }

    private static void mask(Scratch scratch, int set, int old, String subject)
            throws KernelException {
        SystemCall.check(
                SystemCall.call(
                        scratch,
                        Abi.RT_SIGPROCMASK,
                        SIG_SETMASK,
                        scratch.address(set),
                        scratch.address(old),
                        Abi.SIGNAL_SET),
                "rt_sigprocmask",
                subject);
    }

    private static List<byte[]> strings(List<String> arguments) {
        List<byte[]> strings = new ArrayList<>(arguments.size());
        for (String argument : arguments) {
            strings.add(bytes(argument));
        }
        return strings;
    }

    private static List<byte[]> variables(Map<String, String> environment) {
        List<byte[]> strings = new ArrayList<>(environment.size());
        for (Map.Entry<String, String> variable : environment.entrySet()) {
            strings.add(bytes(variable.getKey() + "=" + variable.getValue()));
        }
        return strings;
    }

    private static int spawn(
            String subject,
            byte[] path,
            List<byte[]> argv,
            List<byte[]> envp,
            List<Descriptor> apart)
            throws KernelException {
        Scratch scratch =
                Scratch.of(
                        FILE_ACTIONS
                                + ATTRIBUTES
                                + 2 * SIGNAL_SET
                                + 64
                                + path.length
                                + size(argv)
                                + size(envp));
        long actions = scratch.address(scratch.reserve(FILE_ACTIONS));
        long attributes = scratch.address(scratch.reserve(ATTRIBUTES));
        int pid = scratch.reserve(8);
        check(call("posix_spawn_file_actions_init", actions), subject);
        try {
            for (int i = 0; i < apart.size(); i++) {
                int number = apart.get(i).number();
                check(call("posix_spawn_file_actions_adddup2", actions, number, i), subject);
            }
            if (Libc.ADD_CLOSE_FROM.isPresent()) {
                check(call(Libc.ADD_CLOSE_FROM.get(), actions, apart.size(), 0, 0, 0, 0), subject);
            }
            check(call("posix_spawnattr_init", attributes), subject);
            try {
                setAttributes(scratch, attributes, subject);
                check(
                        call(
                                symbol("posix_spawn"),
                                scratch.address(pid),
                                scratch.string(path),
                                actions,
                                attributes,
                                array(scratch, argv),
                                array(scratch, envp)),
                        subject);
                return scratch.getInt(pid);
            } finally {
                call("posix_spawnattr_destroy", attributes);
            }
        } finally {
            call("posix_spawn_file_actions_destroy", actions);
        }
    }

    /** HotSpot blocks and ignores signals in its threads, and a child would inherit that. */
    private static void setAttributes(Scratch scratch, long attributes, String subject)
            throws KernelException {
        int flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID;
        check(call("posix_spawnattr_setflags", attributes, flags, 0), subject);
        int none = scratch.reserve(SIGNAL_SET);
        check(call("posix_spawnattr_setsigmask", attributes, scratch.address(none), 0), subject);
        int all = scratch.reserve(SIGNAL_SET);
        for (int i = 0; i < SIGNAL_SET; i += 8) {
            scratch.putLong(all + i, -1L);
        }
        check(call("posix_spawnattr_setsigdefault", attributes, scratch.address(all), 0), subject);
    }

    private static byte[] bytes(String text) {
        if (text.indexOf('\0') >= 0) {
            throw new IllegalArgumentException("NUL in an argument or environment variable");
        }
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static int size(List<byte[]> strings) {
        int size = 8 * (strings.size() + 2);
        for (byte[] string : strings) {
            size += string.length + 8;
        }
        return size;
    }

    private static long array(Scratch scratch, List<byte[]> strings) {
        int array = scratch.reserve(8 * (strings.size() + 1));
        for (int i = 0; i < strings.size(); i++) {
            scratch.putLong(array + 8 * i, scratch.string(strings.get(i)));
        }
        return scratch.address(array);
    }

    private static void check(int error, String subject) throws KernelException {
        // These functions return the error number instead of setting errno.
        SystemCall.check(-error, "posix_spawn", subject);
    }

    private static MemorySegment symbol(String name) {
        return Libc.LOOKUP.findOrThrow(name);
    }

    private static int call(String name, long a) {
        return call(symbol(name), a, 0, 0, 0, 0, 0);
    }

    private static int call(String name, long a, long b, long c) {
        return call(symbol(name), a, b, c, 0, 0, 0);
    }

    private static int call(
            MemorySegment function, long a, long b, long c, long d, long e, long f) {
        try {
            return (int) Libc.FUNCTION.invokeExact(function, a, b, c, d, e, f);
        } catch (Error | RuntimeException thrown) {
            throw thrown;
        } catch (Throwable impossible) {
            throw new AssertionError("a downcall throws nothing of its own", impossible);
        }
    }
}
