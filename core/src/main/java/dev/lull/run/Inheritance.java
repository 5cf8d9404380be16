package dev.lull.run;

import static java.nio.file.LinkOption.NOFOLLOW_LINKS;

import dev.lull.linux.Execution;
import dev.lull.linux.Kernel;
import java.io.ByteArrayOutputStream;
import java.io.FileInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What this process was started with, as it was before the launcher and the JVM changed it: a program shall have it as if
 * it had been started itself. A shell loses variables whose names are not its own, and adds some; a JVM handles signals
 * that it was told to ignore, and opens files.
 *
 * @param arguments of this process, as bytes
 * @param environment each {@code NAME=value}, as bytes
 */
public record Inheritance(
        List<byte[]> arguments,
        List<byte[]> environment,
        Set<Integer> descriptors,
        long blockedSignals,
        long ignoredSignals) {
    /** Set by the launcher: the file with its own /proc/PID/environ as it was. To be removed, unless it is in /proc. */
    private static final String ENVIRONMENT = "lull.environ";

    /** Set by the launcher: the numbers of its descriptors, each with a comma before it. */
    private static final String DESCRIPTORS = "lull.descriptors";

    /** Set by the launcher: SigIgn of its own /proc/PID/status. */
    private static final String IGNORED = "lull.ignored";

    /** Set by the launcher: SigBlk of its own /proc/PID/status. */
    private static final String BLOCKED = "lull.blocked";

    private static final String PROC = "/proc/self";
    private static final int TYPE_MASK = 0170000;
    private static final int REGULAR = 0100000;
    private static final Set<Integer> STANDARD = Set.of(0, 1, 2);

    public Inheritance {
        arguments = List.copyOf(arguments);
        environment = List.copyOf(environment);
        descriptors = Set.copyOf(descriptors);
    }

    /**
     * Without the launcher, what this process has now.
     *
     * @throws IOException also if somebody else can have written what the launcher is said to have
     */
    public static Inheritance ofThisProcess(Kernel kernel) throws IOException {
        String saved = System.getProperty(ENVIRONMENT);
        List<byte[]> variables =
                strings(
                        saved == null
                                ? read(PROC + "/environ")
                                : saved(saved, kernel.effectiveUser()));
        // The status is that of the first thread, which the JVM leaves alone.
        String status = new String(read(PROC + "/status"), StandardCharsets.ISO_8859_1);
        String ignored = System.getProperty(IGNORED);
        String blocked = System.getProperty(BLOCKED);
        return new Inheritance(
                strings(read(PROC + "/cmdline")),
                variables,
                numbers(System.getProperty(DESCRIPTORS)),
                mask(blocked == null ? field(status, "SigBlk:") : blocked),
                mask(ignored == null ? field(status, "SigIgn:") : ignored));
    }

    /**
     * A program that is given somebody else's LD_PRELOAD is theirs. Looked at by name: where others can write as well,
     * they cannot put another file in the place of one that is ours.
     */
    static byte[] saved(String file, int user) throws IOException {
        Path path = Path.of(file);
        boolean removed = file.startsWith("/proc/");
        LinkOption[] how = removed ? new LinkOption[0] : new LinkOption[] {NOFOLLOW_LINKS};
        int type = (int) Files.getAttribute(path, "unix:mode", how) & TYPE_MASK;
        if (type != REGULAR || (int) Files.getAttribute(path, "unix:uid", how) != user) {
            throw new IOException(
                    file + " is not a file of user " + Integer.toUnsignedString(user));
        }
        byte[] bytes = read(file);
        if (!removed) {
            Files.delete(path);
        }
        return bytes;
    }

    /** As a stream, since java.nio's channels load the network's library. */
    private static byte[] read(String file) throws IOException {
        try (FileInputStream stream = new FileInputStream(file)) {
            return stream.readAllBytes();
        }
    }

    /** Strings that a NUL ends, each. */
    static List<byte[]> strings(byte[] bytes) {
        List<byte[]> strings = new ArrayList<>();
        ByteArrayOutputStream string = new ByteArrayOutputStream();
        for (byte b : bytes) {
            if (b == 0) {
                strings.add(string.toByteArray());
                string.reset();
            } else {
                string.write(b);
            }
        }
        return strings;
    }

    private static Set<Integer> numbers(@org.jspecify.annotations.Nullable String list) {
        if (list == null) {
            return STANDARD;
        }
        Set<Integer> numbers = new HashSet<>();
        for (String number : list.split(",", -1)) {
            if (!number.isEmpty()) {
                numbers.add(Integer.valueOf(number));
            }
        }
        return numbers;
    }

    private static long mask(String digits) {
        return Long.parseUnsignedLong(digits, 16);
    }

    private static String field(String status, String name) {
        for (String line : status.split("\n", -1)) {
            if (line.startsWith(name)) {
                return line.substring(name.length()).strip();
            }
        }
        throw new IllegalArgumentException("no " + name + " in /proc/self/status");
    }

    /** The value of an environment variable, of several of that name the first; empty if there is none. */
    byte[] variable(String name) {
        byte[] start = (name + "=").getBytes(StandardCharsets.US_ASCII);
        for (byte[] variable : environment) {
            if (variable.length >= start.length
                    && Arrays.equals(variable, 0, start.length, start, 0, start.length)) {
                return Arrays.copyOfRange(variable, start.length, variable.length);
            }
        }
        return new byte[0];
    }

    /** A program, with all of it. */
    Execution execution(byte[] program, List<byte[]> words) {
        return new Execution(
                program, words, environment, descriptors, blockedSignals, ignoredSignals);
    }
}
