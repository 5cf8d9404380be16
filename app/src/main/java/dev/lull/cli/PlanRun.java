package dev.lull.cli;

import dev.lull.freeze.FreezeException;
import dev.lull.plan.Plan;
import dev.lull.plan.PlanException;
import dev.lull.plan.Timeline;
import java.io.Console;
import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Runs a plan for a person: tells its steps as they end, on a thread of its own so that a terminal that does not take
 * them delays nobody, and not while anything is frozen; and gives it up, undone, when the process is told to end.
 */
final class PlanRun {
    private static final long LOOK_MILLIS = 100;
    private static final Duration LAST_WORDS = Duration.ofMillis(500);

    private final Plan plan;
    private final PrintStream out;
    private final boolean quiet;
    private final boolean terminal;
    private final AtomicLong progress;
    private final CountDownLatch ended = new CountDownLatch(1);
    private int told;
    private boolean progressShown;

    // Since JDK 25 there is none again where stdin and stdout are no terminal, as cron has it.
    @SuppressWarnings("SystemConsoleNull")
    private PlanRun(Plan plan, AtomicLong progress, PrintStream out, boolean quiet) {
        this.plan = plan;
        this.progress = progress;
        this.out = out;
        this.quiet = quiet;
        Console console = System.console();
        this.terminal = console != null && console.isTerminal();
    }

    /**
     * Runs it to its end, or undoes it.
     *
     * @param progress the number of bytes that the step which runs has got done
     * @param out where the steps are told, unless {@code quiet}
     * @throws PlanException and the others, as {@link Plan#run} does
     */
    static void run(Plan plan, AtomicLong progress, PrintStream out, boolean quiet)
            throws PlanException, FreezeException, IOException {
        new PlanRun(plan, progress, out, quiet).run();
    }

    private void run() throws PlanException, FreezeException, IOException {
        Thread runner = Thread.currentThread();
        Thread giveUp = new Thread(() -> giveUp(runner), "give-up");
        Runtime.getRuntime().addShutdownHook(giveUp);
        Thread teller = Thread.ofPlatform().daemon().name("teller").start(this::tell);
        try {
            plan.run();
        } finally {
            ended.countDown();
            joinBriefly(teller);
            tellNew(true);
            removeHook(giveUp);
        }
    }

    private void giveUp(Thread runner) {
        plan.cancel("told to end", null);
        try {
            ended.await();
            // Long enough for it to say what came of it; then it waits for us, in System.exit.
            runner.join(LAST_WORDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void removeHook(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException shuttingDown) {
            // It is the hook that waits for us.
        }
    }

    private static void joinBriefly(Thread thread) {
        try {
            thread.join(TimeUnit.SECONDS.toMillis(2));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void tell() {
        try {
            while (!ended.await(LOOK_MILLIS, TimeUnit.MILLISECONDS)) {
                tellNew(false);
                tellProgress(progress.get());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized void tellNew(boolean all) {
        List<Timeline.Entry> entries = plan.timeline().entries();
        if (quiet || (!all && frozen(entries))) {
            return;
        }
        while (told < entries.size() && entries.get(told).outcome() != Timeline.Outcome.RUNNING) {
            clearProgress();
            out.println(line(entries.get(told)));
            told++;
        }
    }

    private static boolean frozen(List<Timeline.Entry> entries) {
        Optional<Timeline.Entry> thaw =
                entries.stream().filter(e -> e.name().equals("thaw")).findFirst();
        return entries.stream().anyMatch(e -> e.name().equals("freeze"))
                && thaw.map(e -> e.outcome() == Timeline.Outcome.RUNNING).orElse(true);
    }

    private synchronized void tellProgress(long now) {
        List<Timeline.Entry> entries = plan.timeline().entries();
        if (quiet || !terminal || entries.isEmpty() || frozen(entries)) {
            return;
        }
        Timeline.Entry last = entries.getLast();
        if (last.outcome() == Timeline.Outcome.RUNNING && now > 0) {
            out.print("\r  " + pad(last.name()) + "  " + Sizes.show(now) + " \u001b[K");
            out.flush();
            progressShown = true;
        }
    }

    private void clearProgress() {
        if (progressShown) {
            out.print("\r\u001b[K");
            progressShown = false;
        }
    }

    /** One step: name, how long, and what there is to say. */
    static String line(Timeline.Entry entry) {
        String took = entry.took().map(Durations::show).orElse("");
        String words =
                switch (entry.outcome()) {
                    case DONE -> entry.detail().orElse("");
                    case FAILED -> "failed";
                    case RUNNING, UNDONE, UNDO_FAILED -> entry.outcome().word();
                };
        return String.format("  %s  %9s  %s", pad(entry.name()), took, Plain.text(words))
                .stripTrailing();
    }

    private static String pad(String name) {
        return String.format("%-17s", name);
    }
}
