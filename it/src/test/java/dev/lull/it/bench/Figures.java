package dev.lull.it.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;

/** Measurements of one side, in nanoseconds. */
final class Figures {
    private final String name;
    private final List<Long> all = new ArrayList<>();

    Figures(String name) {
        this.name = name;
    }

    void add(long nanos) {
        all.add(nanos);
    }

    long median() {
        return quantile(0.5);
    }

    /** @param q from 0 to 1 */
    long quantile(double q) {
        List<Long> sorted = new ArrayList<>(all);
        Collections.sort(sorted);
        return sorted.get((int) Math.min(sorted.size() - 1, Math.ceil(q * sorted.size() - 0.5)));
    }

    /** A line: median, least, most. */
    void print() {
        System.out.printf(
                "  %-34s %12s   (%s to %s, of %d)%n",
                name, text(median()), text(quantile(0)), text(quantile(1)), all.size());
    }

    /** A line: median, and what 99 of 100 do not exceed. */
    void printTail() {
        System.out.printf(
                "  %-34s %12s   (p99 %s, most %s, of %d)%n",
                name, text(median()), text(quantile(0.99)), text(quantile(1)), all.size());
    }

    /** A line: the ratio of two numbers, and whether it reaches the goal. */
    static void printRatio(String what, double ours, double theirs, double goal) {
        double ratio = ours / theirs;
        goal(what, ratio(ratio), "at most " + ratio(goal), ratio <= goal);
    }

    /** A line: a duration, and whether it reaches the goal. */
    static void printLimit(String what, long nanos, long goal) {
        goal(what, text(nanos), "at most " + text(goal), nanos <= goal);
    }

    static void goal(String what, String figure, String goal, boolean reached) {
        System.out.printf(
                "  %-34s %12s   goal: %s: %s%n",
                what, figure, goal, reached ? "reached" : "MISSED");
    }

    private static String ratio(double ratio) {
        return ratio < 0.6
                ? String.format(Locale.ROOT, "1/%.3g", 1 / ratio)
                : String.format(Locale.ROOT, "%.2f x", ratio);
    }

    static String text(long nanos) {
        if (Math.abs(nanos) < 1_000_000) {
            return String.format(Locale.ROOT, "%.0f µs", nanos / 1e3);
        }
        return Math.abs(nanos) < 10_000_000_000L
                ? String.format(Locale.ROOT, "%.2f ms", nanos / 1e6)
                : String.format(Locale.ROOT, "%.1f s", nanos / 1e9);
    }
}
