package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.GuardProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.MountNamespace;
import dev.lull.it.harness.Processes;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.ServiceRun;
import dev.lull.it.harness.TestNamespace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The guard as a service, and the units that make it one. The part of systemd is the test's: its protocol, and what the
 * unit says of rights and limits; no unit is started.
 */
class ServiceIT {
    /** What systemd-analyze security may say at most, in tenths: docs/service.md tells what cannot be better. */
    private static final String EXPOSURE = "45";

    private static final Duration WATCHDOG = Duration.ofSeconds(1);

    @BeforeEach
    void endTheSharedGuard() {
        GuardProbe.stop();
    }

    /** From the first word to the last, with either kind of socket name. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void speaksWithItsManager(boolean abstractName) throws Exception {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var service = ServiceRun.start(WATCHDOG, abstractName)) {
            service.awaitWord("READY=1");
            assertThat(GuardProbe.pids().guard()).isEqualTo(service.pid());

            String lease =
                    LullProcess.run("freeze", "--timeout", "60s", place(filesystem))
                            .expect(0)
                            .onlyLine();
            assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();
            service.awaitWord("STATUS=1 lease");
            LullProcess.run("thaw", lease).expect(0);
            assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();
            service.awaitWord("STATUS=0 leases");

            service.awaitPings(3);
            Processes.signal(service.pid(), "STOP");
            try {
                await("it is stopped")
                        .atMost(Duration.ofSeconds(5))
                        .until(() -> Processes.isStopped(service.pid()));
                service.hear();
                long before = service.pings();
                await("it no longer says that it lives")
                        .during(WATCHDOG.multipliedBy(2))
                        .atMost(WATCHDOG.multipliedBy(6))
                        .until(() -> service.pings() == before);
            } finally {
                Processes.signal(service.pid(), "CONT");
            }
            service.awaitPings(2);

            assertThat(service.heard()).doesNotContain("STOPPING=1");
            LullProcess.run("guard", "--stop").expect(0);
            service.awaitWord("STOPPING=1");
            assertThat(service.awaitEnd()).isZero();
            assertThat(GuardProbe.SOCKET).exists();
        }
    }

    /** What the unit leaves the guard is enough: it complains of nothing. */
    @Test
    void needsNoMoreThanTheUnitGrants() throws Exception {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var service = ServiceRun.start(WATCHDOG, false)) {
            // Not root's: only a capability opens it.
            Program.run("chown", "65534:65534", place(filesystem));
            Program.run("chmod", "700", place(filesystem));
            service.awaitWord("READY=1");
            LullProcess.run("hold", place(filesystem), "--", "true").expect(0);
            GuardProbe.Pids pids = GuardProbe.pids();
            for (long pid : List.of(pids.guard(), pids.sentry(), pids.canary())) {
                String status = Files.readString(Path.of("/proc/" + pid + "/status"));
                assertThat(status).contains("CapBnd:\t" + service.capabilityMask());
                assertThat(status).doesNotContainPattern("VmLck:\\s+0 kB");
            }
            String told = GuardProbe.status().orElseThrow();
            if (ServiceRun.mayRaiseLimits()) {
                assertThat(told).doesNotContain("cannot ");
                assertThat(Files.readString(Path.of("/proc/" + pids.guard() + "/oom_score_adj")))
                        .isEqualToIgnoringNewLines("-900");
                assertThat(Files.readString(Path.of("/proc/" + pids.sentry() + "/oom_score_adj")))
                        .isEqualToIgnoringNewLines("-1000");
            } else {
                // Nobody can do these two there.
                assertThat(told.replaceAll("cannot (declare an i/o flusher|set oom_score_adj)", ""))
                        .doesNotContain("cannot ");
            }
        }
    }

    /** The sentry is dead as well: the next start of the service finds what they left frozen, wherever it is mounted. */
    @Test
    void aServiceThatIsStartedAgainTakesOver() throws Exception {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var elsewhere = MountNamespace.make();
                var service = ServiceRun.start(WATCHDOG, false)) {
            service.awaitWord("READY=1");
            String place = place(filesystem);
            LullProcess.with().in(elsewhere).run("freeze", "--timeout", "60s", place).expect(0);
            GuardProbe.Pids pids = GuardProbe.pids();
            filesystem.unmount();
            try {
                GuardProbe.kill9(pids.sentry(), pids.guard());
                assertThat(service.awaitEnd()).isEqualTo(128 + 9);
                service.startAgain();
                service.awaitWord("READY=1");
            } finally {
                filesystem.mount("rw");
                elsewhere.run("umount", place);
            }
            FrozenProbe.awaitThawed(filesystem, Duration.ofSeconds(2));
            assertThat(GuardProbe.status().orElseThrow())
                    .doesNotContain("cannot prepare", "of a dead guard", "may be");
        }
    }

    /** It is to be the guard or to be started again, not to end as if all were well. */
    @Test
    void failsWhileAnotherGuardIsAtWork() {
        GuardProbe.start();
        try (var service = ServiceRun.startWithoutSocket(WATCHDOG)) {
            service.awaitWord("STATUS=another guard is at work");
            assertThat(service.awaitEnd()).isEqualTo(1);
            assertThat(GuardProbe.status()).isPresent();
        }
    }

    /** A directory with the guard's units, as they are for this source tree. */
    private static Path units() throws IOException {
        Path units = TestNamespace.current().directory("units");
        for (String name : List.of("lull-guard.service", "lull-guard.socket")) {
            String unit = Files.readString(ServiceRun.UNITS.resolve(name));
            Files.writeString(units.resolve(name), unit.replace("/opt/lull", home()));
        }
        return units;
    }

    private static String home() {
        return TestNamespace.sourceTree().toString();
    }

    @Test
    void theUnitsAreRight() throws Exception {
        Path units = units();
        String service = units.resolve("lull-guard.service").toString();
        String socket = units.resolve("lull-guard.socket").toString();
        assertThat(Program.run("systemd-analyze", "verify", "--man=no", service, socket)).isEmpty();
        Program.run(
                "systemd-analyze",
                "security",
                "--no-pager",
                "--offline=true",
                "--threshold=" + EXPOSURE,
                service);
        Program.run("rm", "-r", units.toString());
    }

    /** In a service that has its own ExecStart, as an administrator puts it there. */
    @Test
    void theDropInOfAServiceThatFreezesIsRight() throws Exception {
        Path units = units();
        Path service = units.resolve("agent.service");
        Files.writeString(
                service,
                """
                [Unit]
                Description=An agent that freezes
                [Service]
                Type=notify
                ExecStart=/usr/sbin/fsfreeze -f /srv
                """);
        Path dropIn = Files.createDirectory(units.resolve("agent.service.d"));
        String text = Files.readString(ServiceRun.UNITS.resolve("freeze-timeout.conf"));
        assertThat(text).contains("/opt/lull/lull run", "/usr/sbin/qemu-ga");
        Files.writeString(
                dropIn.resolve("freeze-timeout.conf"),
                text.replace("/opt/lull/lull", home() + "/lull")
                        .replace("/usr/sbin/qemu-ga", "/usr/sbin/fsfreeze -f /srv"));
        assertThat(
                        Program.run(
                                "systemd-analyze",
                                "verify",
                                "--man=no",
                                service.toString(),
                                units.resolve("lull-guard.socket").toString()))
                .isEmpty();
        // A key that the drop-in must not have, as a proof that it is looked at.
        Files.writeString(dropIn.resolve("wrong.conf"), "[Service]\nExecStrat=/bin/true\n");
        assertThat(
                        Program.attempt("systemd-analyze", "verify", "--man=no", service.toString())
                                .output())
                .contains("ExecStrat");
        Program.run("rm", "-r", units.toString());
    }

    private static String place(ScratchFilesystem filesystem) {
        return filesystem.mountPoint().toString();
    }
}
