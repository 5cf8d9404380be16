package dev.lull.cli;

import dev.lull.freeze.FreezeException;
import dev.lull.freeze.GuardClient;
import dev.lull.guard.Expedite;
import dev.lull.guard.Policy;
import dev.lull.guard.PolicyFile;
import dev.lull.guard.Reply;
import dev.lull.lease.DurationText;
import dev.lull.linux.Descriptor;
import dev.lull.linux.FilesystemSpace;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** What {@code doctor} looks at on every machine. Changes nothing. */
final class MachineCheck {
    private static final String MACHINE = "";
    private static final Set<String> ARCHITECTURES = Set.of("amd64", "aarch64");
    private static final Path RUN = Path.of("/run");
    private static final Path CGROUP = Path.of("/sys/fs/cgroup/cgroup.procs");

    private final Kernel kernel;
    private final List<Finding> findings = new ArrayList<>();

    private MachineCheck(Kernel kernel) {
        this.kernel = kernel;
    }

    static List<Finding> of(Kernel kernel) {
        MachineCheck check = new MachineCheck(kernel);
        check.user();
        check.kernelVersion();
        check.java();
        check.runDirectory();
        check.expedite();
        check.hungTasks();
        check.cgroup();
        check.policy();
        check.guard();
        check.killedRuns();
        return check.findings;
    }

    private void user() {
        findings.add(
                kernel.effectiveUser() == 0
                        ? Finding.ok(MACHINE, "running as root")
                        : Finding.note(
                                MACHINE,
                                "running as user "
                                        + kernel.effectiveUser()
                                        + ", who may freeze what the policy says"));
    }

    /** Who besides root may do what with the paths asked for, {@link FilesystemCheck} says. */
    private void policy() {
        PolicyFile.Loaded loaded = PolicyFile.DEFAULT.load();
        if (loaded.trouble().isPresent()) {
            findings.add(
                    kernel.effectiveUser() == 0
                            ? Finding.warning(
                                    MACHINE,
                                    loaded.trouble().get(),
                                    "see docs/policy.md; the guard reads it again when it is mended")
                            : Finding.note(MACHINE, loaded.trouble().get()));
            return;
        }
        Policy policy = loaded.policy();
        if (!policy.equals(Policy.ROOT_ALONE)) {
            findings.add(
                    Finding.ok(
                            MACHINE,
                            PolicyFile.DEFAULT.path()
                                    + ": rules for others than root: "
                                    + policy.rules().size()
                                    + "; root for "
                                    + DurationText.of(policy.rootMax())
                                    + " at most"));
        }
    }

    private void kernelVersion() {
        String release = knob("/proc/sys/kernel/osrelease").orElse("unknown");
        String architecture = System.getProperty("os.arch");
        if (!ARCHITECTURES.contains(architecture)) {
            findings.add(
                    Finding.bad(
                            MACHINE,
                            "the machine is " + architecture,
                            "lull knows the kernel's interface on x86-64 and arm64"));
        }
        if (atLeast(release, 5, 14)) {
            findings.add(Finding.ok(MACHINE, "Linux " + release));
        } else if (atLeast(release, 5, 8)) {
            findings.add(
                    Finding.warning(
                            MACHINE,
                            "Linux " + release + " cannot empty ext4's journal before a freeze",
                            "freezes of ext4 are shorter since Linux 5.14"));
        } else {
            findings.add(
                    Finding.bad(
                            MACHINE,
                            "Linux "
                                    + release
                                    + " does not tell which directories are mount points",
                            "lull needs Linux 5.8"));
        }
    }

    static boolean atLeast(String release, int major, int minor) {
        String[] parts = release.split("[^0-9]", 3);
        if (parts.length < 2 || parts[0].isEmpty() || parts[1].isEmpty()) {
            return false;
        }
        int first = Integer.parseInt(parts[0]);
        return first > major || (first == major && Integer.parseInt(parts[1]) >= minor);
    }

    private void java() {
        findings.add(
                Finding.ok(
                        MACHINE,
                        "Java " + Runtime.version() + " in " + System.getProperty("java.home")));
    }

    private void runDirectory() {
        if (kernel.effectiveUser() != 0) {
            return;
        }
        Path looked = Files.isDirectory(GuardClient.DIRECTORY) ? GuardClient.DIRECTORY : RUN;
        try (Descriptor directory = kernel.openDirectory(looked)) {
            long type = kernel.space(directory).type();
            boolean memory = type == FilesystemSpace.TMPFS || type == FilesystemSpace.RAMFS;
            findings.add(
                    memory
                            ? Finding.ok(MACHINE, looked + " is on tmpfs")
                            : Finding.note(
                                    MACHINE,
                                    looked
                                            + " is not on tmpfs; the guard mounts one at "
                                            + GuardClient.DIRECTORY));
        } catch (KernelException e) {
            findings.add(Finding.bad(MACHINE, Complaint.of(e).message(), "lull needs /run"));
        }
    }

    private void expedite() {
        Optional<String> obstacle = Expedite.obstacle(kernel);
        findings.add(
                obstacle.isEmpty()
                        ? Finding.ok(MACHINE, "RCU grace periods can be expedited")
                        : Finding.warning(
                                MACHINE,
                                "RCU grace periods cannot be expedited: " + obstacle.get(),
                                "each freeze holds writers up some tens of milliseconds longer"));
    }

    /** kernel.hung_task_timeout_secs: Documentation/admin-guide/sysctl/kernel.rst. */
    private void hungTasks() {
        String seconds = knob("/proc/sys/kernel/hung_task_timeout_secs").orElse("0");
        boolean panics = knob("/proc/sys/kernel/hung_task_panic").orElse("0").equals("1");
        if (seconds.equals("0")) {
            return;
        }
        findings.add(
                panics
                        ? Finding.warning(
                                MACHINE,
                                "the machine panics when a task is blocked for " + seconds + " s",
                                "keep --timeout well below, or sysctl kernel.hung_task_panic=0")
                        : Finding.note(
                                MACHINE,
                                "the kernel reports tasks that are blocked for "
                                        + seconds
                                        + " s, writers on a frozen filesystem too"));
    }

    private void cgroup() {
        boolean top =
                knob("/proc/self/cgroup")
                        .map(text -> text.lines().allMatch(line -> line.endsWith(":/")))
                        .orElse(true);
        if (top || kernel.effectiveUser() != 0) {
            return;
        }
        try (Descriptor procs = kernel.openReadWrite(CGROUP)) {
            findings.add(Finding.ok(MACHINE, "a guard can leave this cgroup, by " + procs.name()));
        } catch (KernelException e) {
            findings.add(
                    Finding.warning(
                            MACHINE,
                            "a guard started from here stays in this cgroup: "
                                    + Complaint.of(e).message(),
                            "run lull guard as a service, so that it does not end with the session"));
        }
    }

    private void guard() {
        try {
            Optional<GuardClient> running = GuardClient.ifRunning(kernel);
            if (running.isEmpty()) {
                findings.add(
                        kernel.effectiveUser() == 0
                                ? Finding.note(
                                        MACHINE, "no guard runs; the first freeze starts one")
                                : Finding.bad(
                                        MACHINE,
                                        "no guard runs, and only root can start one",
                                        "run it as a service: see docs/service.md"));
                return;
            }
            try (GuardClient guard = running.get()) {
                guard(guard.status());
            }
        } catch (FreezeException e) {
            findings.add(Finding.bad(MACHINE, e.getMessage(), e.hint().orElse("")));
        }
    }

    private void guard(Reply.GuardStatus status) {
        findings.add(
                Finding.ok(
                        MACHINE,
                        "the guard runs as process "
                                + status.pid()
                                + ", lull "
                                + status.version()
                                + ", leases: "
                                + status.leases().size()));
        if (status.sentry().isEmpty()) {
            findings.add(
                    Finding.warning(
                            MACHINE,
                            "the guard has no sentry, and nothing would thaw if it died",
                            "lull guard --stop, and try again"));
        }
        for (String text : status.warnings()) {
            findings.add(Finding.warning(MACHINE, "the guard: " + text, ""));
        }
    }

    private void killedRuns() {
        if (kernel.effectiveUser() != 0) {
            return;
        }
        try {
            for (String run : KilledRuns.find(ThisHost.open("doctor", Optional.empty()))) {
                findings.add(
                        Finding.warning(
                                MACHINE, run, "the next lull backup or snapshot removes it"));
            }
        } catch (CommandException | IOException e) {
            findings.add(Finding.warning(MACHINE, Complaint.of(e).message(), ""));
        }
    }

    private Optional<String> knob(String file) {
        try {
            return Optional.of(kernel.readKnob(Path.of(file)).strip());
        } catch (KernelException e) {
            return Optional.empty();
        }
    }
}
