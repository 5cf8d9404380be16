package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lull.it.harness.CProgram;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.SupervisorProbe;
import dev.lull.it.harness.TestNamespace;
import java.io.BufferedReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A program under {@code lull run} is what it would be without: {@code self.c} tells what that is. */
class RunItselfIT {
    private static final String LULL = TestNamespace.sourceTree().resolve("lull").toString();
    private static final String PYTHON = "/usr/bin/python3";

    private Path directory;

    @BeforeEach
    void makeDirectory() {
        directory = TestNamespace.current().directory("itself");
    }

    @AfterEach
    void leaveNothing() {
        SupervisorProbe.awaitNone();
        Program.run("rm", "-r", directory.toString());
    }

    /** Each is a way to start a program, as a shell does before it becomes it. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "exec \"$@\"",
                // Arguments of any bytes, none at all, and what lull itself has options of.
                "exec \"$@\" \"$(printf 'a\\377\\n b')\" '' -- --timeout none --help \"$(printf '\\304\\226')\"",
                "cd \"$HOME\"; exec \"$@\"",
                // Variables whose names are none of the shell's, that are none, and that are there
                // twice.
                "exec env -i PATH=\"$PATH\" a.b=1 =x \"N=$(printf '\\377\\n')\" PWD=/nowhere LC_ALL=C JAVA_TOOL_OPTIONS=-Dx=y \"$@\"",
                "exec env -i JAVA_HOME=\"$JAVA_HOME\" \"$@\"",
                // Descriptors, with their offsets, and without the usual ones.
                "exec 5<\"$0\" 7>>out 9>&1; read -r line <&5; exec \"$@\"",
                "exec 3<\"$0\" 4<\"$0\" 5<\"$0\" 6<\"$0\" 7<\"$0\" 8<\"$0\" 9<\"$0\"; exec \"$@\"",
                "exec 4</dev/null; exec \"$@\" <&-",
                "exec \"$@\" 2>&-",
                "exec 6>&1; exec \"$@\" <&- 2>&-",
                // What a process has besides.
                "trap '' HUP INT PIPE USR1 USR2 QUIT CHLD; exec \"$@\"",
                "exec env --block-signal=USR2,TERM,RTMIN \"$@\"",
                "umask 027; ulimit -n 333; ulimit -c 0; ulimit -S -s 4096; exec nice -n 3 \"$@\"",
                "echo 7 >/proc/$$/coredump_filter; echo 100 >/proc/$$/oom_score_adj; exec setarch -R \"$@\"",
                "exec setpriv --inh-caps=+sys_admin --ambient-caps=+sys_admin --bounding-set=-net_raw --groups=5,6 \"$@\"",
                "exec setsid \"$@\"",
                "exec taskset 1 \"$@\"",
            })
    void whatItIsGivenIsTheSame(String how) throws Exception {
        Path program = Path.of(CProgram.compiled("self"));
        Path bare = directory.resolve("bare");
        Path trapped = directory.resolve("trapped");
        tell(bare, how, program.toString());
        tell(trapped, how, LULL, "run", "--", program.toString());
        String told = Files.readString(trapped, StandardCharsets.ISO_8859_1);
        assertThat(told.replace("trapped", "bare"))
                .isEqualTo(Files.readString(bare, StandardCharsets.ISO_8859_1));
        assertThat(told).contains("argument=", "status=SigIgn", "limits=", "directory=");
    }

    private void tell(Path out, String how, String... words) throws Exception {
        var command = new ArrayList<>(List.of("sh", "-c", how, "/etc/passwd"));
        command.addAll(List.of(words));
        var builder =
                new ProcessBuilder(command)
                        .directory(directory.toFile())
                        .redirectInput(Path.of("/dev/null").toFile())
                        .redirectError(directory.resolve("errors").toFile())
                        .redirectOutput(out.toFile());
        builder.environment().keySet().removeAll(List.of("MAVEN_OPTS", "OLDPWD", "_"));
        builder.environment().put("HOME", "/usr");
        Process process = builder.start();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(Files.readString(directory.resolve("errors"))).isEmpty();
        assertThat(process.exitValue()).isZero();
    }

    /** The shell keeps its pid when it becomes the launcher, and knows every name that could be made of that. */
    @ParameterizedTest
    @ValueSource(strings = {"mkfifo", "touch", "mkdir", "ln -s /dev/zero"})
    void nobodyKnowsBeforehandWhereItsEnvironmentWillLie(String make) throws Exception {
        Process program =
                new ProcessBuilder(
                                "sh",
                                "-c",
                                make + " /dev/shm/lull-environ.$$ && exec \"$@\"",
                                "sh",
                                LULL,
                                "run",
                                "--",
                                "printenv",
                                "HOME")
                        .redirectError(directory.resolve("errors").toFile())
                        .start();
        Path inTheWay = Path.of("/dev/shm/lull-environ." + program.pid());
        try {
            assertThat(program.waitFor(30, TimeUnit.SECONDS)).as("waits for nobody").isTrue();
            assertThat(Files.readString(directory.resolve("errors"))).isEmpty();
            assertThat(program.inputReader().readLine()).isEqualTo(System.getenv("HOME"));
            assertThat(Files.exists(inTheWay, LinkOption.NOFOLLOW_LINKS)).isTrue();
        } finally {
            program.descendants().forEach(ProcessHandle::destroyForcibly);
            program.destroyForcibly().waitFor();
            Files.deleteIfExists(inTheWay);
        }
    }

    /** It becomes the program: no parent stands between, and none is left that has to be waited for. */
    @Test
    void itsPidIsOurs() {
        try (var lull =
                LullProcess.start(
                        "run",
                        "--",
                        "sh",
                        "-c",
                        "echo $$; sleep 0.2; ps --no-headers --ppid $$ -o comm")) {
            assertThat(lull.awaitOut(line -> line.equals(Long.toString(lull.pid())))).isNotEmpty();
            assertThat(lull.finish().expect(0).out()).containsExactly("" + lull.pid(), "ps");
        }
    }

    @ParameterizedTest
    @CsvSource({
        "status:0,0", "status:1,1", "status:124,124", "status:125,125", "status:255,255",
        "signal:9,-9", "signal:15,-15", "signal:6,-6", "signal:34,-34", "signal:1,-1"
    })
    void itsEndIsItsOwn(String how, int end) {
        String wait =
                """
                import resource, subprocess, sys
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                print(subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode)
                """;
        assertThat(
                        Program.run(
                                PYTHON,
                                "-c",
                                wait,
                                LULL,
                                "run",
                                "--",
                                CProgram.compiled("self"),
                                how))
                .isEqualTo(Integer.toString(end));
    }

    /** The terminal's own signal reaches the program, in the foreground; so does its size. */
    @Test
    void theTerminalIsItsOwn() throws Exception {
        String program =
                "trap \"echo interrupted; exit 3\" INT; stty rows 33 cols 77; stty size; tty;"
                        + " ps -o stat= -p $$; echo ready; while :; do sleep 0.05; done";
        // script(1) starts a shell, and one that stayed would be interrupted too and end with its
        // own status: exec.
        ProcessBuilder terminal =
                new ProcessBuilder(
                                "script",
                                "-qec",
                                "exec " + LULL + " run -- sh -c '" + program + "'",
                                "/dev/null")
                        .redirectErrorStream(true);
        terminal.environment().put("SHELL", "/bin/sh");
        Process script = terminal.start();
        try (BufferedReader lines = script.inputReader()) {
            List<String> said = new ArrayList<>();
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                said.add(line);
                if (line.equals("ready")) {
                    script.getOutputStream().write(3);
                    script.getOutputStream().flush();
                }
            }
            assertThat(said).contains("33 77").anyMatch(line -> line.startsWith("/dev/pts/"));
            assertThat(said).as("in the foreground").anyMatch(line -> line.matches("[SR]s?\\+"));
            assertThat(said.getLast()).endsWith("interrupted");
            assertThat(script.waitFor(20, TimeUnit.SECONDS)).isTrue();
            assertThat(script.exitValue()).isEqualTo(3);
        } finally {
            script.destroyForcibly();
        }
    }

    @Test
    void whatItReadsAndPrintsIsItsOwn() throws Exception {
        Process cat = new ProcessBuilder(LULL, "run", "--", "cat").start();
        byte[] bytes = {0, 10, -1, -30, 13, 10, 0};
        cat.getOutputStream().write(bytes);
        cat.getOutputStream().close();
        assertThat(cat.getInputStream().readAllBytes()).isEqualTo(bytes);
        assertThat(cat.getErrorStream().readAllBytes()).isEmpty();
        assertThat(cat.waitFor(20, TimeUnit.SECONDS)).isTrue();
    }

    /** A pipe to the program ends with the program: whoever answers beside it keeps nothing of it open. */
    @Test
    void nobodyElseKeepsItsDescriptors() throws Exception {
        Process program =
                new ProcessBuilder(
                                LULL,
                                "run",
                                "--",
                                "sh",
                                "-c",
                                "echo said; exec sleep 1000 >&- 2>&-")
                        .start();
        try {
            assertThat(program.getInputStream().readAllBytes()).asString().isEqualTo("said\n");
            assertThat(program.getErrorStream().readAllBytes()).isEmpty();
            assertThat(program.isAlive()).isTrue();
        } finally {
            program.destroyForcibly().waitFor();
        }
    }

    // ---- found and not found

    @Test
    void aScriptWithoutAnInterpreterIsAShells() throws Exception {
        Path script = executable("plain", "echo \"$0 $*\"\n");
        assertThat(LullProcess.run("run", "--", script.toString(), "one", "two words").onlyLine())
                .isEqualTo(script + " one two words");
    }

    @Test
    void itIsLookedForOnPath() throws Exception {
        executable("first/other", "");
        Path unusable = executable("first/tool", "");
        assertThat(unusable.toFile().setExecutable(false, false)).isTrue();
        executable("second/tool", "#!/bin/sh\necho second\n");
        String path = directory + "/none:" + directory + "/first:" + directory + "/second";
        assertThat(
                        LullProcess.with()
                                .through("env", "PATH=" + path + ":" + System.getenv("PATH"))
                                .run("run", "--", "tool")
                                .expect(0)
                                .onlyLine())
                .isEqualTo("second");
    }

    @Test
    void whatCannotBeRunIs126() throws Exception {
        Path file = Files.writeString(directory.resolve("file"), "#!/bin/sh\n");
        for (Path unusable : List.of(file, directory)) {
            var refused = LullProcess.run("run", "--", unusable.toString()).expect(126);
            assertThat(refused.errText())
                    .contains("cannot run " + unusable)
                    .contains("EACCES")
                    .contains("hint:");
            assertThat(refused.out()).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"no-such-program", "/no/such/program", "./no-such-program", ""})
    void whatIsNotThereIs127(String program) {
        var refused = LullProcess.run("run", "--", program).expect(127);
        assertThat(refused.errText()).contains("cannot run " + program).contains("hint:");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "run | no program",
                "run -- | no program",
                "run --timeout 0s -- true | zero",
                "run --timeout 5 -- true | no unit",
                "run --timeout 2m --max 1m -- true | at most 24h",
                "run --max none -- true | --max none",
                "run --timeout 5s --timeout 6s -- true | --timeout",
                "run --max 25h -- true | at most 24h",
                "run --bogus -- true | --bogus",
                "run true | true",
            })
    void whatLullItselfRefusesIs125(String words, String message) {
        var refused = LullProcess.run(words.strip().split(" ", -1)).expect(125);
        assertThat(refused.errText()).contains(message.strip()).contains("hint:");
    }

    @Test
    void itEndsWhenTheProgramHas() {
        LullProcess.run("run", "--", "true").expect(0);
        await("nobody answers a program that is no more")
                .atMost(Duration.ofSeconds(5))
                .untilAsserted(SupervisorProbe::awaitNone);
    }

    /** It is there for as long as anybody is who could freeze. */
    @Test
    void itStaysWithTheLastChild() throws Exception {
        try (var program =
                LullProcess.start("run", "--", "sh", "-c", "sleep 1000 >&- 2>&- & echo $!")) {
            long child = Long.parseLong(program.awaitOut(line -> line.matches("\\d+")));
            try {
                await("the program has ended").until(() -> !program.isAlive());
                assertThat(SupervisorProbe.of(program.pid())).isPositive();
            } finally {
                ProcessHandle.of(child).ifPresent(ProcessHandle::destroyForcibly);
            }
            SupervisorProbe.awaitNone();
        }
    }

    private Path executable(String name, String text) throws Exception {
        Path file = directory.resolve(name);
        Files.createDirectories(Optional.ofNullable(file.getParent()).orElseThrow());
        Files.writeString(file, text);
        assertThat(file.toFile().setExecutable(true)).isTrue();
        return file;
    }
}
