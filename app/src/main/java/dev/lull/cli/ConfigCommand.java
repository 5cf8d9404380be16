package dev.lull.cli;

import dev.lull.linux.LinuxKernel;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code lull config}: the file with the plans. */
@Command(
        name = "config",
        mixinStandardHelpOptions = true,
        description = "Look at the file with the plans of lull backup, /etc/lull/lull.yaml.",
        subcommands = ConfigCommand.Check.class)
final class ConfigCommand implements Runnable {
    @Spec private @Nullable CommandSpec spec;

    @Override
    public void run() {
        if (spec != null) {
            throw new ParameterException(spec.commandLine(), "no subcommand");
        }
    }

    /** {@code lull config check}. */
    @Command(
            name = "check",
            mixinStandardHelpOptions = true,
            description = "Say what is wrong with it, with line and column, or what its plans do.")
    static final class Check implements Callable<Integer> {
        @Parameters(
                arity = "0..1",
                paramLabel = "FILE",
                description = "another file than /etc/lull/lull.yaml")
        private Path file = PlanFile.DEFAULT;

        @Mixin private OutputOptions output = new OutputOptions();

        @Override
        public Integer call() throws CommandException {
            PlanFile plans =
                    PlanFile.read(
                            file.toAbsolutePath().normalize(), new LinuxKernel().effectiveUser());
            List<String> problems = plans.problems();
            if (output.json) {
                print(plans);
            } else {
                problems.forEach(problem -> System.err.println("lull: " + Plain.text(problem)));
                if (problems.isEmpty() && !output.quiet) {
                    plans.plans()
                            .forEach(plan ->
                                    System.out.println(
                                            Plain.text(
                                                    plan.name()
                                                            + ": lull backup "
                                                            + String.join(" ", plan.words()))));
                }
            }
            return (problems.isEmpty() ? ExitCode.DONE : ExitCode.USAGE).status();
        }

        private static void print(PlanFile plans) {
            JsonOutput.print(
                    System.out,
                    json -> {
                        json.writeStartObject();
                        json.writeArrayPropertyStart("problems");
                        plans.problems().forEach(json::writeString);
                        json.writeEndArray();
                        json.writeArrayPropertyStart("plans");
                        for (PlanFile.Named plan : plans.plans()) {
                            json.writeStartObject();
                            json.writeStringProperty("name", plan.name());
                            json.writeArrayPropertyStart("words");
                            plan.words().forEach(json::writeString);
                            json.writeEndArray();
                            json.writeEndObject();
                        }
                        json.writeEndArray();
                        json.writeEndObject();
                    });
        }
    }
}
