package dev.lull.participant.hook;

import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import dev.lull.snapshot.process.BoundedProcess;
import dev.lull.snapshot.process.Programs;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * The process that calls the hooks. It is told {@code rest} and {@code resume} on its stdin, a line each, and answers
 * each with a line: {@code done}, or what went wrong. When its stdin ends, or nobody says {@code resume} in time, it lets
 * everything go on of its own accord: whoever asked for the rest has died, or hangs.
 */
final class HookKeeper {
    static final String READY = "ready";
    static final String REST = "rest";
    static final String RESUME = "resume";
    static final String DONE = "done";

    /** Begins what is said of hooks that were let go on before anybody asked for it. */
    static final String LATE = "let go on";

    private static final int OUTPUT_LIMIT = 64 * 1024;
    private static final String END = "";

    private final Kernel kernel;
    private final Duration limit;
    private final Duration longest;
    private final List<Path> hooks;
    private final PrintStream answers;
    private final BlockingQueue<String> orders = new LinkedBlockingQueue<>();
    private final Deque<Path> resting = new ArrayDeque<>();
    private boolean late;

    HookKeeper(
            Kernel kernel,
            Duration limit,
            Duration longest,
            List<Path> hooks,
            PrintStream answers) {
        this.kernel = kernel;
        this.limit = limit;
        this.longest = longest;
        this.hooks = List.copyOf(hooks);
        this.answers = answers;
    }

    /** Arguments: limit of one call and longest rest, milliseconds; the hooks. */
    public static void main(String[] arguments) throws InterruptedException {
        List<Path> hooks = new ArrayList<>();
        for (String hook : List.of(arguments).subList(2, arguments.length)) {
            hooks.add(Path.of(hook));
        }
        HookKeeper keeper =
                new HookKeeper(
                        new LinuxKernel(),
                        Duration.ofMillis(Long.parseLong(arguments[0])),
                        Duration.ofMillis(Long.parseLong(arguments[1])),
                        hooks,
                        System.out);
        BufferedReader lines =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Thread.ofPlatform().daemon().name("orders").start(() -> keeper.listen(lines));
        keeper.run();
    }

    private void listen(BufferedReader lines) {
        try (lines) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                orders.add(line);
            }
        } catch (IOException _) {
            // As good as its end: nobody can be heard any more.
        } finally {
            orders.add(END);
        }
    }

    private void run() throws InterruptedException {
        answer(READY);
        while (true) {
            switch (next()) {
                case REST -> answer(rest());
                case RESUME -> answer(resume());
                case END -> {
                    resumeAll();
                    return;
                }
                default -> answer("an order that is none");
            }
        }
    }

    /** The next order; while hooks are at rest it is awaited only so long. */
    private String next() throws InterruptedException {
        if (!resting.isEmpty()) {
            String order = orders.poll(longest.toNanos(), TimeUnit.NANOSECONDS);
            if (order != null) {
                return order;
            }
            late = true;
            resumeAll();
        }
        return orders.take();
    }

    private String rest() {
        for (Path hook : hooks) {
            resting.push(hook);
            Optional<String> trouble = call(hook, "freeze");
            if (trouble.isPresent()) {
                return trouble.get();
            }
        }
        return DONE;
    }

    private String resume() {
        if (late) {
            return LATE
                    + " after "
                    + longest.toMillis()
                    + " ms, because nobody had done so by then";
        }
        List<String> troubles = resumeAll();
        return troubles.isEmpty() ? DONE : String.join("; ", troubles);
    }

    private List<String> resumeAll() {
        List<String> troubles = new ArrayList<>();
        while (!resting.isEmpty()) {
            call(resting.pop(), "thaw").ifPresent(troubles::add);
        }
        return troubles;
    }

    /** @return what went wrong, one line */
    private Optional<String> call(Path hook, String word) {
        BoundedProcess.Ended ended;
        try (BoundedProcess process =
                BoundedProcess.start(
                        kernel,
                        List.of(hook.toString(), word),
                        Map.of("PATH", Programs.PATH),
                        false,
                        OUTPUT_LIMIT)) {
            ended = process.awaitEnd(limit);
        } catch (IOException e) {
            return Optional.of(hook + " " + word + " " + oneLine(String.valueOf(e.getMessage())));
        }
        if (ended.status() == 0) {
            return Optional.empty();
        }
        String said = ended.errors().lines().filter(l -> !l.isBlank()).reduce("", (_, l) -> l);
        return Optional.of(
                hook
                        + " "
                        + word
                        + " ended with status "
                        + ended.status()
                        + (said.isEmpty() ? "" : ", it said \"" + oneLine(said) + "\""));
    }

    private static String oneLine(String text) {
        return text.replaceAll("\\p{Cntrl}+", " ").strip();
    }

    private void answer(String line) {
        answers.println(line);
        answers.flush();
    }
}
