package dev.lull.it.harness;

import dev.lull.freeze.FreezeSet;
import dev.lull.freeze.Freezer;
import dev.lull.freeze.Lease;
import dev.lull.freeze.Outcome;
import dev.lull.lease.Timeouts;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;

/** A program that lives on the root filesystem that it freezes, and does what the test tells it: see {@link Steered}. */
final class SteeredProgram {
    private static final Path ROOT = Path.of("/");

    private SteeredProgram() {}

    /**
     * Reads a word a line: {@code freeze MILLIS}, {@code extend}, {@code release}, {@code await}, {@code close}. Answers
     * each with a line, {@code frozen NANOS LEFT} (CLOCK_MONOTONIC, and how long the lease still has, both in nanoseconds) or {@code ended WORD}.
     *
     * @param arguments the device that must be the root's
     */
    public static void main(String[] arguments) throws Exception {
        try (var words =
                new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII))) {
            for (String word = words.readLine(); word != null; word = words.readLine()) {
                String[] fields = word.split(" ", -1);
                if (!fields[0].equals("freeze")) {
                    throw new IllegalArgumentException(word);
                }
                Timeouts timeouts = Timeouts.of(Duration.ofMillis(Long.parseLong(fields[1])));
                try (FreezeSet set = FreezeSet.of(ROOT)) {
                    String device = set.members().getFirst().device().toString();
                    if (!device.equals(arguments[0])) {
                        throw new IllegalStateException("the root is " + device);
                    }
                    hold(Freezer.system().freeze(set, timeouts), words);
                }
            }
        }
    }

    private static void hold(Lease lease, BufferedReader words) throws Exception {
        try (lease) {
            tellFrozen(lease);
            for (String word = words.readLine(); word != null; word = words.readLine()) {
                switch (word) {
                    case "extend" -> {
                        lease.extend();
                        tellFrozen(lease);
                    }
                    case "release" -> {
                        tellEnd(lease.release());
                        return;
                    }
                    case "await" -> {
                        tellEnd(lease.awaitEnd());
                        return;
                    }
                    case "close" -> {
                        lease.close();
                        System.out.println("ended closed");
                        return;
                    }
                    default -> throw new IllegalArgumentException(word);
                }
            }
        }
    }

    private static void tellFrozen(Lease lease) {
        // In this order: what is late here makes the deadline that the test sees earlier, never
        // later.
        long told = System.nanoTime();
        Duration left = lease.left().orElseThrow();
        System.out.println("frozen " + told + " " + left.toNanos());
    }

    private static void tellEnd(Outcome outcome) {
        System.out.println("ended " + outcome.end().word());
    }
}
