package dev.lull.plan;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * How the steps of a plan go: what began when, how long it took, and what came of it. Times are monotonic and count from
 * the plan's start. One thread writes; any may ask.
 */
public final class Timeline {
    /** What came of a step. */
    public enum Outcome {
        RUNNING,
        DONE,
        FAILED,
        /** Begun, and then undone because a later step failed. */
        UNDONE,
        /** Its undo failed: something may be left. */
        UNDO_FAILED;

        /** The word that manifests and messages use. */
        public String word() {
            return name().toLowerCase(Locale.ROOT).replace('_', ' ');
        }

        static Optional<Outcome> ofWord(String word) {
            return Arrays.stream(values())
                    .filter(outcome -> outcome.word().equals(word))
                    .findFirst();
        }
    }

    /**
     * One step.
     *
     * @param name the step's
     * @param start since the plan's start
     * @param took how long it took, empty while it runs
     * @param outcome what came of it
     * @param detail a few words about it: sizes, counts, or the failure
     */
    public record Entry(
            String name,
            Duration start,
            Optional<Duration> took,
            Outcome outcome,
            Optional<String> detail) {}

    private final LongSupplier nanos;
    private final long began;
    private final List<Entry> entries = new ArrayList<>();

    /** @param nanos a monotonic clock, nanoseconds */
    Timeline(LongSupplier nanos) {
        this.nanos = nanos;
        this.began = nanos.getAsLong();
    }

    /** The steps begun so far, in order. */
    public synchronized List<Entry> entries() {
        return List.copyOf(entries);
    }

    /** How long a step took; empty if there is no such step, or it has not ended. */
    public Optional<Duration> took(String name) {
        return entries().stream()
                .filter(entry -> entry.name().equals(name))
                .findFirst()
                .flatMap(Entry::took);
    }

    synchronized int begin(String name) {
        entries.add(
                new Entry(name, sinceStart(), Optional.empty(), Outcome.RUNNING, Optional.empty()));
        return entries.size() - 1;
    }

    synchronized void end(int index, Outcome outcome, Optional<String> detail) {
        Entry entry = entries.get(index);
        entries.set(
                index,
                new Entry(
                        entry.name(),
                        entry.start(),
                        entry.took().or(() -> Optional.of(sinceStart().minus(entry.start()))),
                        outcome,
                        detail.or(entry::detail)));
    }

    private Duration sinceStart() {
        return Duration.ofNanos(nanos.getAsLong() - began);
    }
}
