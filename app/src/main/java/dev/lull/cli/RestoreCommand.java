package dev.lull.cli;

import dev.lull.backup.Archive;
import dev.lull.plan.Manifest;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lull restore}. */
@Command(
        name = "restore",
        mixinStandardHelpOptions = true,
        description =
                "Extract an archive, with everything that tar keeps, and check it on the way.")
final class RestoreCommand implements Callable<Integer> {
    @Parameters(index = "0", paramLabel = "ARCHIVE", description = "a file NAME.tar.zst")
    private @Nullable Path file;

    @Parameters(
            index = "1",
            paramLabel = "DIR",
            description = "an empty directory; made if it is not there")
    private @Nullable Path directory;

    @Option(
            names = "--include",
            paramLabel = "PATH",
            description =
                    "only PATH and what is below it, as lull list shows it; may be given several times")
    private List<String> include = List.of();

    @Option(names = "--into-existing", description = "overwrite what is in DIR")
    private boolean intoExisting;

    @Mixin private OutputOptions output = new OutputOptions();

    @Override
    public Integer call() throws Exception {
        Archive archive = new Archive(Objects.requireNonNull(file));
        Path into = Objects.requireNonNull(directory);
        Manifest.Archive sums =
                archive.restore(into, new Archive.RestoreOptions(include, intoExisting), _ -> {});
        if (output.json) {
            JsonOutput.print(
                    System.out,
                    json -> {
                        json.writeStartObject();
                        json.writeStringProperty("archive", archive.file().toString());
                        json.writeStringProperty("directory", into.toString());
                        json.writeNumberProperty("entries", sums.entries());
                        json.writeStringProperty("sha256", sums.sha256());
                        json.writeEndObject();
                    });
        } else if (!output.quiet) {
            System.out.println(
                    (include.isEmpty() ? sums.entries() + " entries" : "what was named")
                            + " restored to "
                            + Plain.text(into.toString())
                            + "; the archive is good");
        }
        return ExitCode.DONE.status();
    }
}
