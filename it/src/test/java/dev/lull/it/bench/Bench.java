package dev.lull.it.bench;

import dev.lull.freeze.FreezeException;
import dev.lull.freeze.GuardClient;
import dev.lull.guard.Request;
import dev.lull.linux.Kernel;
import dev.lull.linux.LinuxKernel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Lull's benchmarks; {@code dev/bench} runs them. Each prints both sides of a comparison and their ratio, from one run
 * in which the sides take turns. All but the commands are measured in a process, and with a guard, that have done the
 * same some times before.
 */
final class Bench {
    /** One benchmark. */
    interface Body {
        /** @param quick fewer rounds */
        void run(boolean quick) throws Exception;
    }

    private static final Map<String, Body> ALL = new LinkedHashMap<>();

    static {
        ALL.put("stall", Stall::run);
        ALL.put("window", Window::run);
        ALL.put("expiry", Expiry::run);
        ALL.put("extend", Extend::run);
        ALL.put("together", Together::run);
        ALL.put("archive", ArchiveSpeed::run);
        ALL.put("status", StatusSpeed::run);
        ALL.put("run", Trap::run);
        ALL.put("database", Database::run);
        ALL.put("memory", Memory::run);
    }

    private Bench() {}

    public static void main(String[] arguments) throws Exception {
        boolean quick = false;
        List<String> names = new ArrayList<>();
        for (String argument : arguments) {
            if (argument.equals("--quick")) {
                quick = true;
            } else if (ALL.containsKey(argument)) {
                names.add(argument);
            } else {
                System.err.println("bench: no benchmark " + argument);
                System.err.println("hint: there are " + String.join(" ", ALL.keySet()));
                System.exit(2);
            }
        }
        int failed = 0;
        try {
            for (String name : names.isEmpty() ? List.copyOf(ALL.keySet()) : names) {
                try {
                    ALL.get(name).run(quick);
                } catch (Exception e) {
                    failed++;
                    System.out.println("  cannot be measured: " + e);
                    e.printStackTrace();
                }
                System.out.println();
            }
        } finally {
            stopGuard();
        }
        System.exit(failed == 0 ? 0 : 1);
    }

    static void title(String name, String text) {
        System.out.println(name + ": " + text);
    }

    /** Where everything is made; {@code dev/it-namespace} removes it. */
    static Path scratch() {
        return Path.of(System.getenv("LULL_IT_SCRATCH"));
    }

    /** The root of the source tree. */
    static Path home() {
        return Path.of(System.getProperty("bench.home"));
    }

    private static void stopGuard() throws FreezeException {
        Kernel kernel = new LinuxKernel();
        Optional<GuardClient> running = GuardClient.ifRunning(kernel);
        if (running.isPresent()) {
            try (GuardClient guard = running.get()) {
                guard.call(new Request.Stop(true));
            }
        }
    }
}
