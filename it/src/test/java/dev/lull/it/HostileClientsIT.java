package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.GuardProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.PolicyOverlay;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Users whom the policy lets in, or does not, do all that they can to the guard; its leases are on time all the same. */
class HostileClientsIT {
    private static final String LET_IN = "65534";
    private static final String STRANGER = "65533";
    private static final long MEMORY_KIB = 80 << 10;

    @Test
    void leasesAreOnTimeWhateverClientsDo() throws Exception {
        Path program = TestNamespace.current().directory("hostile").resolve("hostile");
        Path source = TestNamespace.sourceTree().resolve("it/src/test/c/hostile.c");
        Program.run(
                "gcc", "-Wall", "-Wextra", "-Werror", "-o", program.toString(), source.toString());
        List<Process> clients = new ArrayList<>();
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var policy = new PolicyOverlay("allow 65534 /no/such/place\n")) {
            GuardProbe.start();
            long guard = GuardProbe.pids().guard();
            await("the socket is open to others")
                    .atMost(Duration.ofSeconds(30))
                    .until(
                            () -> Program.run("stat", "-c", "%a", "/run/lull/guard.sock"),
                            "666"::equals);
            clients.add(start(program, STRANGER, "flood", "2000"));
            clients.add(start(program, LET_IN, "flood", "1000"));
            clients.add(start(program, LET_IN, "half", "10"));
            clients.add(start(program, LET_IN, "huge", "4"));
            clients.add(start(program, LET_IN, "slow", "4"));
            clients.add(start(program, LET_IN, "descriptors", "4"));
            clients.add(start(program, LET_IN, "calls", "4"));

            String lease =
                    LullProcess.run(
                                    "freeze",
                                    "--timeout",
                                    "20s",
                                    filesystem.mountPoint().toString())
                            .expect(0)
                            .onlyLine();
            LullProcess.run("extend", lease, "--timeout", "10s").expect(0);
            long extended = System.nanoTime();
            assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();
            FrozenProbe.awaitThawed(filesystem, Duration.ofSeconds(12));
            // The promise is the deadline and a second; the rest is how it is looked at.
            assertThat(Duration.ofNanos(System.nanoTime() - extended))
                    .isLessThan(Duration.ofSeconds(12));
            assertThat(LullProcess.run("history", "-n", "1").expect(0).outText())
                    .contains(lease)
                    .contains("expired");
            assertThat(GuardProbe.pids().guard()).as("the same guard").isEqualTo(guard);
            assertThat(residentKiB(guard)).isLessThan(MEMORY_KIB);
            assertThat(clients).allMatch(Process::isAlive);
            policy.write("# nobody\n");
        } finally {
            clients.forEach(Process::destroyForcibly);
        }
        GuardProbe.stop();
    }

    private static Process start(Path program, String user, String... arguments)
            throws IOException {
        List<String> command =
                new ArrayList<>(
                        List.of(
                                "setpriv",
                                "--reuid=" + user,
                                "--regid=" + user,
                                "--clear-groups",
                                "--",
                                "/proc/self/fd/0",
                                GuardProbe.SOCKET.toString()));
        command.addAll(List.of(arguments));
        Process client =
                new ProcessBuilder(command)
                        // By descriptor: the user may not go where the program lies.
                        .redirectInput(program.toFile())
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start();
        assertThat(client.inputReader().readLine()).isEqualTo("ready");
        return client;
    }

    private static long residentKiB(long pid) throws IOException {
        return Files.readAllLines(Path.of("/proc", Long.toString(pid), "status")).stream()
                .filter(line -> line.startsWith("VmRSS:"))
                .map(line -> Long.parseLong(line.replaceAll("[^0-9]", "")))
                .findFirst()
                .orElseThrow();
    }
}
