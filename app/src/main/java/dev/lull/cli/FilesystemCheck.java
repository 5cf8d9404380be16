package dev.lull.cli;

import dev.lull.freeze.FreezeException;
import dev.lull.freeze.FreezeSet;
import dev.lull.guard.Policy;
import dev.lull.guard.PolicyFile;
import dev.lull.lease.DurationText;
import dev.lull.linux.BlockStack;
import dev.lull.linux.Descriptor;
import dev.lull.linux.Filesystem;
import dev.lull.linux.FilesystemSpace;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.Mount;
import dev.lull.linux.MountNamespace;
import dev.lull.linux.MountTree;
import dev.lull.snapshot.Fit;
import dev.lull.snapshot.Origin;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotProvider;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** What {@code doctor} looks at for one path. Changes nothing. */
final class FilesystemCheck {
    private static final Path SWAPS = Path.of("/proc/swaps");

    private final Kernel kernel;
    private final MountNamespace namespace;
    private final String about;
    private final List<Finding> findings = new ArrayList<>();

    private FilesystemCheck(Kernel kernel, MountNamespace namespace, Path path) {
        this.kernel = kernel;
        this.namespace = namespace;
        this.about = namespace.shown(path).toString();
    }

    /** @param namespace where {@code path} means what it means */
    static List<Finding> of(Kernel kernel, MountNamespace namespace, Path path) {
        FilesystemCheck check = new FilesystemCheck(kernel, namespace, path);
        try (FreezeSet set = FreezeSet.open(kernel, namespace, List.of(path), true)) {
            check.look(set, set.members().getFirst());
        } catch (FreezeException e) {
            check.findings.add(Finding.bad(check.about, e.getMessage(), e.hint().orElse("")));
        } catch (KernelException e) {
            check.findings.add(Finding.bad(check.about, Complaint.of(e).message(), ""));
        }
        return check.findings;
    }

    private void look(FreezeSet set, FreezeSet.Member member) throws KernelException {
        Descriptor directory = member.directory();
        List<Mount> table = namespace.mounts().mounts();
        Filesystem filesystem = Filesystem.of(kernel, directory, table);
        mountPoint(directory, filesystem);
        type(filesystem);
        policy(filesystem);
        stack(directory, table);
        swap(filesystem, set);
        space(directory);
        surroundings(set);
        snapshots(directory);
    }

    private void mountPoint(Descriptor directory, Filesystem filesystem) throws KernelException {
        String where =
                filesystem.mountPoints().stream()
                        .map(Path::toString)
                        .collect(Collectors.joining(", "));
        String what =
                filesystem.type() + " " + filesystem.source() + " (" + filesystem.device() + ")";
        findings.add(
                kernel.status(directory).mountRoot()
                        ? Finding.ok(about, "is " + what + ", mounted at " + where)
                        : Finding.warning(
                                about,
                                "is no mount point; it is on " + what + ", mounted at " + where,
                                "name the mount point, or use --any-path"));
    }

    private void type(Filesystem filesystem) {
        if (!Filesystem.canFreeze(filesystem.type())) {
            findings.add(
                    Finding.bad(
                            about, filesystem.type() + " cannot be frozen", Filesystem.FREEZABLE));
        } else if (filesystem.readOnly()) {
            findings.add(
                    Finding.note(about, "is read-only: a freeze sets a mark, and stops nobody"));
        } else {
            findings.add(Finding.ok(about, filesystem.type() + " can be frozen"));
        }
    }

    private void policy(Filesystem filesystem) throws KernelException {
        PolicyFile.Loaded loaded = PolicyFile.DEFAULT.load();
        if (loaded.trouble().isPresent()) {
            return;
        }
        MountTree mounts = new MountTree(kernel.mounts());
        List<String> who = new ArrayList<>();
        for (Policy.Rule rule : loaded.policy().rules()) {
            if (rule.shows(filesystem.device(), mounts)) {
                who.add(
                        rule.name()
                                + " for "
                                + DurationText.of(rule.max())
                                + " (line "
                                + rule.line()
                                + ")");
            }
        }
        findings.add(
                Finding.ok(
                        about,
                        who.isEmpty()
                                ? "may be frozen by root alone"
                                : "may be frozen by root, and by " + String.join(", ", who)));
    }

    private void stack(Descriptor directory, List<Mount> table) {
        try {
            BlockStack stack = BlockStack.under(kernel, directory, table);
            if (!stack.layers().isEmpty()) {
                findings.add(
                        Finding.ok(
                                about,
                                "rests on "
                                        + stack.layers().stream()
                                                .map(FilesystemCheck::describe)
                                                .collect(Collectors.joining(", on "))));
            }
            if (!stack.isComplete()) {
                findings.add(
                        Finding.warning(
                                about,
                                "rests on a file that is out of reach",
                                "do not freeze the file's filesystem together with this one"));
            }
        } catch (KernelException e) {
            findings.add(
                    Finding.warning(
                            about,
                            "cannot tell what it rests on: " + Complaint.of(e).message(),
                            ""));
        }
    }

    private static String describe(BlockStack.Layer layer) {
        return switch (layer) {
            case BlockStack.Disk disk -> disk.name();
            case BlockStack.Partition partition -> partition.name();
            case BlockStack.Mapped mapped -> mapped.name() + " (device-mapper)";
            case BlockStack.Raid raid -> raid.name() + " (" + raid.level() + ")";
            case BlockStack.Loop loop -> loop.name() + " (file " + loop.backingFile() + ")";
        };
    }

    /** A freeze does not stop the kernel's writes to a swap file. */
    private void swap(Filesystem filesystem, FreezeSet set) {
        try {
            List<String> lines = kernel.readKnob(SWAPS).lines().skip(1).toList();
            // A swap file's path is one of this process's own namespace.
            List<Path> points =
                    kernel.mounts().stream()
                            .filter(mount -> mount.device().equals(filesystem.device()))
                            .map(Mount::mountPoint)
                            .toList();
            for (String line : lines) {
                Path file = Path.of(line.split("[ \t]", 2)[0]);
                if (points.stream().anyMatch(file::startsWith) && line.contains("file")) {
                    findings.add(
                            Finding.note(
                                    about,
                                    "has the swap file "
                                            + file
                                            + ", which is written to also while "
                                            + set
                                            + " is frozen"));
                }
            }
        } catch (KernelException e) {
            findings.add(Finding.note(about, Complaint.of(e).message()));
        }
    }

    private void space(Descriptor directory) throws KernelException {
        FilesystemSpace space = kernel.space(directory);
        if (space.totalBytes() > 0) {
            findings.add(
                    Finding.ok(
                            about,
                            "has "
                                    + (space.freeBytes() >> 20)
                                    + " MiB free of "
                                    + (space.totalBytes() >> 20)));
        }
    }

    private void surroundings(FreezeSet set) throws KernelException {
        try {
            Surroundings.requireOutside(kernel, set);
        } catch (CommandException e) {
            findings.add(Finding.warning(about, Complaint.of(e).message(), e.hint()));
        }
    }

    private void snapshots(Descriptor directory) {
        if (namespace.process().isPresent()) {
            findings.add(
                    Finding.note(
                            about,
                            "snapshots and backups are made of paths of lull's own mount namespace only"));
            return;
        }
        List<String> reasons = new ArrayList<>();
        try {
            Origin origin = Origin.of(kernel, directory);
            for (SnapshotProvider provider : ThisHost.ownProviders(kernel)) {
                switch (provider.fits(origin)) {
                    case Fit.Yes yes -> {
                        findings.add(
                                Finding.ok(
                                        about,
                                        "snapshots by " + provider.name() + ": " + yes.how()));
                        return;
                    }
                    case Fit.No no -> reasons.add(provider.name() + ": " + no.reason());
                }
            }
            findings.add(
                    Finding.note(
                            about,
                            "no snapshots but with a script of yours ("
                                    + String.join("; ", reasons)
                                    + ")"));
        } catch (SnapshotException e) {
            findings.add(Finding.note(about, Complaint.of(e).message()));
        }
    }
}
