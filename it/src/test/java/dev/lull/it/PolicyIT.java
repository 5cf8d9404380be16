package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.GuardProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.MountNamespace;
import dev.lull.it.harness.PolicyOverlay;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.TestNamespace;
import java.nio.file.Path;
import java.time.Duration;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A real user who is not root, and a real filesystem. */
class PolicyIT {
    private static final int NOT_PERMITTED = 6;
    private static final String NOBODY = "65534";
    private static final String OTHER = "65533";

    /** More than fit where they are looked for first. */
    private static final String MANY_GROUPS =
            IntStream.rangeClosed(40_000, 40_100)
                    .mapToObj(Integer::toString)
                    .collect(Collectors.joining(","));

    private ScratchFilesystem filesystem;
    private PolicyOverlay policy;
    private MountNamespace namespace;

    @BeforeEach
    void boot() {
        filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
        // The rule has the place that the guard sees. The users see it elsewhere.
        policy =
                new PolicyOverlay(
                        "allow 65534 "
                                + filesystem.mountPoint()
                                + " max 40s\nallow @40077 "
                                + filesystem.mountPoint()
                                + "\n");
        namespace = MountNamespace.make();
        namespace.run("mount", "--bind", TestNamespace.sourceTree().toString(), "/mnt");
        namespace.run("mount", "--bind", filesystem.mountPoint().toString(), "/srv");
        GuardProbe.start();
        await("the guard lets the user in")
                .atMost(Duration.ofSeconds(60))
                .until(() -> as(NOBODY, "status").status() == 0);
    }

    @AfterEach
    void shutDown() {
        namespace.close();
        policy.close();
        GuardProbe.stop();
        filesystem.close();
    }

    private LullProcess.Result as(String user, String... command) {
        return through(user, "--clear-groups", command);
    }

    private LullProcess.Result through(String user, String groups, String... command) {
        return LullProcess.with()
                .in(namespace)
                .through("setpriv", "--reuid=" + user, "--regid=" + user, groups, "--")
                .launcher(Path.of("/mnt/lull"))
                .workingDirectory(Path.of("/"))
                .run(command);
    }

    private static void refused(LullProcess.Result result, String... words) {
        result.expect(NOT_PERMITTED);
        assertThat(result.errText()).contains(words).contains("hint: ");
    }

    @Test
    void whomThePolicyNamesFreezesWithoutBeingRoot() {
        String lease = as(NOBODY, "freeze", "--timeout", "20s", "/srv").expect(0).onlyLine();
        assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();
        assertThat(as(NOBODY, "status").expect(0).outText()).contains(lease);
        as(NOBODY, "extend", lease).expect(0);
        refused(as(NOBODY, "extend", lease, "--timeout", "2m"), "for 40s in all");
        refused(through(OTHER, "--groups=40077", "thaw", lease), "belongs to user 65534");
        refused(through(OTHER, "--groups=40077", "extend", lease), "belongs to user 65534");
        assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();
        as(NOBODY, "thaw", lease).expect(0);
        assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();

        as(NOBODY, "hold", "--timeout", "20s", "/srv", "--", "true").expect(0);
        as(NOBODY, "fsfreeze", "-f", "--timeout", "20s", "/srv").expect(0);
        as(NOBODY, "fsfreeze", "-u", "/srv").expect(0);
        assertThat(as(NOBODY, "doctor", "/srv").expect(0).outText())
                .contains("may be frozen by root, and by 65534 for 40s (line 1)");
    }

    /** The guard's answer, not a guess that there is no guard: by the small commands and by the large ones. */
    @Test
    void whomThePolicyDoesNotNameIsToldSo() {
        String lease = as(NOBODY, "freeze", "--timeout", "20s", "/srv").expect(0).onlyLine();
        String[] told = {"user 65533 may not hold leases", "/etc/lull/policy"};
        refused(as(OTHER, "status"), told);
        refused(as(OTHER, "extend", lease), told);
        refused(as(OTHER, "thaw", lease), told);
        refused(as(OTHER, "thaw", "/srv"), told);
        refused(as(OTHER, "freeze", "--timeout", "5s", "/srv"), told);
        assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();
        as(NOBODY, "thaw", lease).expect(0);
    }

    @Test
    void aSupplementaryGroupCountsHoweverManyThereAre() {
        through(OTHER, "--groups=" + MANY_GROUPS, "hold", "--timeout", "20s", "/srv", "--", "true")
                .expect(0);
    }

    @Test
    void whatIsForRootStaysForRoot() {
        refused(as(NOBODY, "freeze", "--timeout", "none", "/srv"), "no timeout at all is for root");
        refused(as(NOBODY, "freeze", "--timeout", "41s", "/srv"), "for 40s at most");
        String lease =
                LullProcess.run("freeze", "--timeout", "30s", filesystem.mountPoint().toString())
                        .expect(0)
                        .onlyLine();
        refused(as(NOBODY, "extend", lease), "belongs to user 0");
        refused(as(NOBODY, "thaw", lease), "belongs to user 0");
        refused(as(NOBODY, "thaw", "/srv"), "belongs to user 0");
        refused(as(NOBODY, "thaw", "--all"), "only root");
        refused(as(NOBODY, "thaw", "--foreign", "/srv"), "only root");
        refused(as(NOBODY, "history"), "only root");
        refused(as(NOBODY, "guard", "--stop"), "only root");
        assertThat(as(NOBODY, "status").expect(0).outText()).doesNotContain(lease);
        assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();
        LullProcess.run("thaw", lease).expect(0);
    }

    @Test
    void aPolicyWithAMistakeLeavesRootAloneAndSaysWhere() {
        policy.write("allow 65534 /srv\nallow 65534 srv\n");
        await("the guard tells of the mistake")
                .atMost(Duration.ofSeconds(60))
                .until(() -> LullProcess.run("status").outText().contains("/etc/lull/policy:2:13"));
        refused(as(NOBODY, "freeze", "--timeout", "5s", "/srv"), "root");
        assertThat(LullProcess.run("doctor").outText()).contains("/etc/lull/policy:2:13");
        LullProcess.run("hold", filesystem.mountPoint().toString(), "--", "true").expect(0);
    }
}
