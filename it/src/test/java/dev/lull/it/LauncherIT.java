package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.it.harness.TestNamespace;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code ./lull} itself: which JDK it takes, from where it can be called, what it prints. */
class LauncherIT {
    private static final Path ROOT = TestNamespace.sourceTree();

    @TempDir static Path shared;

    /** A copy of a built Lull, without its sources. */
    private static Path installed;

    private record Ran(int status, String out, String err) {}

    @BeforeAll
    static void copyTheBuild() throws Exception {
        run(ROOT, Map.of(), ROOT.resolve("lull").toString(), "--version");
        installed = shared.resolve("an installed lull");
        for (String file : List.of("lull", "dev/toolchain.sh", ".lull-build/current")) {
            copy(file);
        }
        String hash = Files.readString(ROOT.resolve(".lull-build/current")).strip();
        try (Stream<Path> jars =
                Files.list(ROOT.resolve(".lull-build").resolve(hash).resolve("lib"))) {
            jars.forEach(jar -> copy(ROOT.relativize(jar).toString()));
        }
    }

    private static void copy(String file) {
        Path to = installed.resolve(file);
        try {
            Files.createDirectories(to.getParent());
            Files.copy(ROOT.resolve(file), to, StandardCopyOption.COPY_ATTRIBUTES);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Ran run(Path directory, Map<String, String> environment, String... command)
            throws IOException, InterruptedException {
        Path out = Files.createTempFile(shared, "out", "");
        Path err = Files.createTempFile(shared, "err", "");
        ProcessBuilder builder =
                new ProcessBuilder(command)
                        .directory(directory.toFile())
                        .redirectOutput(out.toFile())
                        .redirectError(err.toFile());
        builder.environment().keySet().retainAll(List.of("PATH"));
        builder.environment().putAll(environment);
        int status = builder.start().waitFor();
        return new Ran(status, Files.readString(out), Files.readString(err));
    }

    /** A directory that looks like a JDK of that version, and whose {@code java} gives itself away. */
    private static Path jdk(String version) throws IOException {
        Path jdk = shared.resolve("jdk-" + version);
        Files.createDirectories(jdk.resolve("bin"));
        Files.writeString(
                jdk.resolve("release"),
                """
                IMPLEMENTOR="nobody"
                JAVA_RUNTIME_VERSION="%1$s"
                JAVA_VERSION="%1$s"
                """
                        .formatted(version));
        for (String program : List.of("java", "javac")) {
            Path file = jdk.resolve("bin").resolve(program);
            Files.writeString(file, "#!/bin/sh\necho this is " + version + "\n");
            assertThat(file.toFile().setExecutable(true)).isTrue();
        }
        return jdk;
    }

    private static String lull() {
        return installed.resolve("lull").toString();
    }

    @Test
    void takesTheJdkOfJavaHome() throws Exception {
        Ran ran = run(shared, Map.of("JAVA_HOME", jdk("25.0.1").toString()), lull(), "status");
        assertThat(ran.out).isEqualTo("this is 25.0.1\n");
    }

    @Test
    void takesANewerJdkThan25() throws Exception {
        Ran ran = run(shared, Map.of("JAVA_HOME", jdk("26-ea").toString()), lull(), "status");
        assertThat(ran.out).isEqualTo("this is 26-ea\n");
    }

    @Test
    void passesOverAnOldJdk() throws Exception {
        Ran expected = run(shared, Map.of(), lull(), "--version");
        Ran ran = run(shared, Map.of("JAVA_HOME", jdk("17.0.1").toString()), lull(), "--version");
        assertThat(ran).isEqualTo(expected);
        assertThat(ran.out + ran.err).isNotEmpty().doesNotContain("this is");
    }

    @Test
    void saysInOneLineThatThereIsNoJdk() throws Exception {
        Ran ran = withoutJdks("status");
        assertThat(ran.status).isEqualTo(1);
        assertThat(ran.out).isEmpty();
        assertThat(ran.err.lines())
                .satisfiesExactly(
                        line -> assertThat(line).startsWith("lull: no JDK 25 or newer"),
                        line -> assertThat(line).startsWith("hint: "));
    }

    @Test
    void holdLeavesTheSmallNumbersToItsCommand() throws Exception {
        assertThat(withoutJdks("hold").status).isEqualTo(125);
        assertThat(withoutJdks("backup", "/srv", "--", "tool").status).isEqualTo(125);
        assertThat(withoutJdks("backup", "/srv", "--to", "/backup").status).isEqualTo(1);
    }

    private static Ran withoutJdks(String... words) throws Exception {
        List<String> command =
                new ArrayList<>(
                        List.of(
                                "unshare",
                                "--mount",
                                "--propagation",
                                "private",
                                "sh",
                                "-c",
                                "mount -t tmpfs none /usr/lib/jvm && exec \"$@\"",
                                "sh",
                                lull()));
        command.addAll(List.of(words));
        return run(
                shared,
                Map.of("PATH", "/usr/bin:/bin:/usr/sbin:/sbin"),
                command.toArray(String[]::new));
    }

    @Test
    void runsFromAnywhereAndThroughALink() throws Exception {
        Ran expected = run(installed, Map.of(), "./lull", "--version");
        Path link = Files.createSymbolicLink(shared.resolve("link"), installed.resolve("lull"));
        assertThat(run(Path.of("/"), Map.of(), link.toString(), "--version")).isEqualTo(expected);
        assertThat(run(shared, Map.of(), "an installed lull/lull", "--version"))
                .isEqualTo(expected);
        assertThat(run(installed, Map.of(), "sh", "lull", "--version")).isEqualTo(expected);
    }

    @Test
    void anAotCacheThatDoesNotFitIsNotHeardOf() throws Exception {
        Ran expected = run(shared, Map.of(), lull(), "--version");
        List<Path> caches;
        try (Stream<Path> files = Files.walk(installed.resolve(".lull-build"))) {
            caches = files.filter(file -> file.toString().endsWith(".aot")).toList();
        }
        assertThat(caches).as("caches that the first run has made").hasSize(3);
        for (Path cache : caches) {
            Files.write(cache, new byte[4096]);
        }
        assertThat(run(shared, Map.of(), lull(), "--version")).isEqualTo(expected);
    }

    /** Code in a cache is for the processor that it was made on: elsewhere the JVM would end with SIGILL. */
    @ParameterizedTest
    @ValueSource(strings = {"status", "--help"})
    void noAotCacheHoldsCode(String command) throws Exception {
        Path log = Files.createTempFile(shared, "log", "");

        run(
                ROOT,
                Map.of("_JAVA_OPTIONS", "-Xlog:aot+codecache+init=info:file=" + log),
                ROOT.resolve("lull").toString(),
                command);

        assertThat(log).content().contains("AOT Code Cache is empty");
    }
}
