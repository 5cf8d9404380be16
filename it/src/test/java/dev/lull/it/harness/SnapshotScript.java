package dev.lull.it.harness;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** The snapshot script that is an example in the documentation. */
public final class SnapshotScript {
    private SnapshotScript() {}

    /**
     * With something done before the cut, when all is frozen. It must lie where only root can write.
     *
     * @param commands whole lines of a shell's
     */
    public static Path withBeforeTheCut(String commands) throws IOException {
        String example =
                Files.readString(
                        TestNamespace.sourceTree().resolve("docs/examples/snapshot-script"));
        String cut = "    cp --reflink=always";
        assertThat(example).contains(cut);
        Path script = Path.of("/var/lib/lull/it-script");
        Files.writeString(script, example.replace(cut, commands + cut));
        Program.run("chmod", "755", script.toString());
        return script;
    }
}
