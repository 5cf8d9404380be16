package dev.lull.it.harness;

import dev.lull.freeze.FreezeException;
import dev.lull.linux.LinuxKernel;
import dev.lull.plan.Host;
import dev.lull.plan.Plan;
import dev.lull.plan.PlanException;
import dev.lull.plan.Step;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;

/** A program that takes snapshots, and waits in one step of the plan: see {@link Stepped}. */
final class SteppedProgram {
    private final BufferedReader words =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
    private Optional<String> waitIn = Optional.empty();

    private SteppedProgram() {}

    /**
     * Reads the name of a step, and runs a plan until it is there. Says {@code at}, reads how many milliseconds that step
     * is late, and goes on. Says {@code good}, {@code good FAILURE} if something could not be removed, or
     * {@code failed FAILURE}; and so on.
     *
     * @param arguments the directory of records and journals, and the origin
     */
    public static void main(String[] arguments) throws Exception {
        Host host = SnapshotPlan.host(new LinuxKernel(), Path.of(arguments[0]));
        new SteppedProgram().serve(host, Path.of(arguments[1]));
    }

    private void serve(Host host, Path origin) throws IOException {
        for (String step = words.readLine(); step != null; step = words.readLine()) {
            waitIn = Optional.of(step);
            try {
                stepped(SnapshotPlan.of(host, origin)).run();
                System.out.println("good");
            } catch (PlanException.CleanUpIncomplete e) {
                System.out.println("good " + inALine(e));
            } catch (PlanException | FreezeException | IOException e) {
                System.out.println("failed " + inALine(e));
            }
        }
    }

    private static String inALine(Exception failure) {
        return failure.toString().replace('\n', ' ');
    }

    private Plan stepped(Plan plan) {
        Plan stepped = new Plan();
        for (Step step : plan.steps()) {
            stepped.add(
                    new Step(
                            step.name(),
                            () -> {
                                waitIf(step.name());
                                return step.action().run();
                            },
                            () -> {
                                // The first undo of a plan that has succeeded.
                                waitIf(Plan.CLEAN_UP);
                                step.undo().run();
                            },
                            step.undoneInAnyCase()));
        }
        return stepped;
    }

    private void waitIf(String step) throws IOException, InterruptedException {
        if (waitIn.filter(step::equals).isPresent()) {
            waitIn = Optional.empty();
            System.out.println("at");
            Thread.sleep(Long.parseLong(words.readLine()));
        }
    }
}
