package dev.lull.it.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The kernel's own record of FIFREEZE, FICLONE and FITHAW by this process and all that it started: one stopwatch for
 * every side of a comparison, which none of them has to be asked for. An instance of tracefs (Documentation/trace/
 * ftrace.rst) that {@code dev/bench} has set up, with the clock {@code boot}, which is CLOCK_BOOTTIME.
 */
final class Stopwatch {
    /** The calls that it knows. */
    enum Kind {
        FREEZE("0xc0045877"),
        THAW("0xc0045878"),
        CLONE("0x40049409");

        private final String number;

        Kind(String number) {
            this.number = number;
        }
    }

    /**
     * One call.
     *
     * @param entered nanoseconds of CLOCK_BOOTTIME, to the microsecond
     * @param left likewise
     */
    record Call(Kind kind, long entered, long left, boolean succeeded) {}

    // "    java-1234  [001] .....   123.456789: sys_ioctl(fd: 5, cmd: 0xc0045877, arg: 0)"
    private static final Pattern LINE =
            Pattern.compile(
                    ".*-(\\d+) +\\[\\d+\\] \\S+ +(\\d+)\\.(\\d{6}): sys_ioctl(?:\\(.*cmd: (\\w+),.*| -> (\\S+))");

    private final Path instance = Path.of(System.getProperty("bench.tracing"));
    private final Optional<Path> keep =
            Optional.ofNullable(System.getProperty("bench.trace")).map(Path::of);

    Stopwatch() throws IOException {
        write("trace_clock", "boot");
        List<String> wanted = new ArrayList<>();
        for (Kind kind : Kind.values()) {
            wanted.add("cmd == " + kind.number);
        }
        write("events/syscalls/sys_enter_ioctl/filter", String.join(" || ", wanted));
        write("events/syscalls/sys_enter_ioctl/enable", "1");
        write("events/syscalls/sys_exit_ioctl/enable", "1");
        if (keep.isPresent()) {
            write("events/syscalls/enable", "1");
            write("events/sched/sched_switch/enable", "1");
            write("events/sched/sched_waking/enable", "1");
        }
    }

    /** Starts anew. */
    void reset() throws IOException {
        write("tracing_on", "0");
        Files.write(instance.resolve("trace"), new byte[0], StandardOpenOption.TRUNCATE_EXISTING);
        write("tracing_on", "1");
    }

    /** Stops. @return the calls since the start that have returned, in the order in which they were made */
    List<Call> calls() throws IOException {
        // Or reading would be recorded, and read.
        write("tracing_on", "0");
        Map<String, Call> open = new HashMap<>();
        List<Call> calls = new ArrayList<>();
        for (String line : Files.readAllLines(instance.resolve("trace"))) {
            Matcher matcher = LINE.matcher(line);
            if (!matcher.matches()) {
                continue;
            }
            String task = matcher.group(1);
            long at =
                    Long.parseLong(matcher.group(2)) * 1_000_000_000
                            + Long.parseLong(matcher.group(3)) * 1_000;
            if (matcher.group(4) != null) {
                for (Kind kind : Kind.values()) {
                    if (Long.decode(matcher.group(4)).equals(Long.decode(kind.number))) {
                        open.put(task, new Call(kind, at, 0, false));
                    }
                }
            } else if (open.containsKey(task)) {
                Call call = open.remove(task);
                calls.add(
                        new Call(call.kind(), call.entered(), at, matcher.group(5).equals("0x0")));
            }
        }
        calls.sort((a, b) -> Long.compare(a.entered(), b.entered()));
        return calls;
    }

    /** From the first FIFREEZE to the return of the last FITHAW, in nanoseconds. */
    static long window(List<Call> calls) {
        long began = Long.MAX_VALUE;
        long ended = 0;
        for (Call call : calls) {
            if (call.kind() == Kind.FREEZE) {
                began = Math.min(began, call.entered());
            } else if (call.kind() == Kind.THAW) {
                ended = Math.max(ended, call.left());
            }
        }
        if (ended == 0) {
            throw new IllegalStateException("nothing was frozen and thawed: " + calls);
        }
        return ended - began;
    }

    /** Keeps what was recorded last where {@code --trace FILE} asks for it. */
    void keep() throws IOException {
        if (keep.isPresent()) {
            Files.copy(instance.resolve("trace"), keep.get(), StandardCopyOption.REPLACE_EXISTING);
        }
    }

    private void write(String file, String text) throws IOException {
        Files.writeString(instance.resolve(file), text);
    }
}
