package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.GuardProbe;
import dev.lull.it.harness.JavaProgram;
import dev.lull.it.harness.MountNamespace;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The program that the README shows: compiled, and run on a filesystem at the very path that it names. */
class LibraryIT {
    private static final String BEFORE =
            """
            import dev.lull.freeze.*;
            import dev.lull.lease.*;
            import java.nio.file.*;
            import java.time.*;

            class Shown {
                static void takeTheSnapshot() throws Exception {
                    System.out.println("snapshot");
                    System.in.read();
                }

                static void throwTheSnapshotAway(Outcome outcome) {
                    System.out.println("away: " + outcome.end());
                }

                public static void main(String[] arguments) throws Exception {
            """;
    private static final String AFTER =
            """
                    System.out.println("done");
                }
            }
            """;

    @Test
    void theReadmesProgramFreezesAndReleases() throws Exception {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var namespace = atSrv(filesystem)) {
            Process program = start(namespace);
            try (var lines = program.inputReader();
                    var in = program.outputWriter()) {
                assertThat(lines.readLine()).isEqualTo("snapshot");
                assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();
                in.write("\n");
                in.flush();
                assertThat(lines.readLine()).isEqualTo("done");
            }
            assertThat(program.waitFor(20, TimeUnit.SECONDS)).isTrue();
            assertThat(program.exitValue()).isZero();
            assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();
        }
    }

    @Test
    void itThrowsTheSnapshotAwayIfSomebodyElseThawed() throws Exception {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.XFS);
                var namespace = atSrv(filesystem)) {
            Process program = start(namespace);
            try (var lines = program.inputReader();
                    var in = program.outputWriter()) {
                assertThat(lines.readLine()).isEqualTo("snapshot");
                filesystem.thaw();
                in.write("\n");
                in.flush();
                assertThat(lines.readLine()).isEqualTo("away: LOST");
                assertThat(lines.readLine()).isEqualTo("done");
            }
            assertThat(program.waitFor(20, TimeUnit.SECONDS)).isTrue();
        }
    }

    private static MountNamespace atSrv(ScratchFilesystem filesystem) {
        // The guard is the library's own to start, but not in a namespace that is about to go.
        GuardProbe.start();
        MountNamespace namespace = MountNamespace.make();
        namespace.run("mount", "--bind", filesystem.mountPoint().toString(), "/srv");
        return namespace;
    }

    private static Process start(MountNamespace namespace) throws Exception {
        Path source = TestNamespace.current().directory("readme").resolve("Shown.java");
        Files.writeString(source, BEFORE + program() + AFTER);
        List<String> command = JavaProgram.ofSource(source).command();
        return new ProcessBuilder(namespace.enter(command))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
    }

    private static String program() throws Exception {
        String readme = Files.readString(TestNamespace.sourceTree().resolve("README.md"));
        Matcher shown = Pattern.compile("```java\n(.*?)```", Pattern.DOTALL).matcher(readme);
        assertThat(shown.find()).as("README.md shows a program").isTrue();
        String program = shown.group(1);
        assertThat(program.lines().count()).as("ten lines, or so").isLessThanOrEqualTo(12);
        assertThat(program).contains("\"/srv\"");
        return program;
    }
}
