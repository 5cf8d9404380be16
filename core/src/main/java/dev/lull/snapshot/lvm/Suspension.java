package dev.lull.snapshot.lvm;

import dev.lull.linux.Errno;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.process.BoundedProcess;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * A volume that LVM has suspended and not resumed, because it was killed or failed in between: its filesystem is frozen
 * until somebody resumes it, and the devices beneath.
 */
final class Suspension {
    private static final Path BLOCK = Path.of("/sys/block");

    private Suspension() {}

    /**
     * Resumes it, and what it rests on, where that is suspended and nobody is at work on it.
     *
     * @param group UUID of its group, as LVM prints it
     * @param volume its own, without hyphens
     * @throws SnapshotException if something is still suspended
     */
    static void end(Kernel kernel, Lvm lvm, String group, String volume) throws SnapshotException {
        List<String> before = find(kernel, group, volume);
        if (before.isEmpty()) {
            return;
        }
        // Waits for the group's lock, and so for whoever suspends it for the moment.
        lvm.report("vgs", "vg_name", "--select", "vg_uuid=\"" + group + "\"");
        List<String> left = find(kernel, group, volume);
        left.retainAll(before);
        resume(lvm, left);
    }

    private static List<String> find(Kernel kernel, String group, String volume)
            throws SnapshotException {
        String uuid = "LVM-" + group.replace("-", "") + volume;
        List<String> suspended = new ArrayList<>();
        try {
            for (String device : kernel.listKnobs(BLOCK)) {
                if (device.startsWith("dm-") && knob(kernel, device, "dm/uuid").equals(uuid)) {
                    collect(kernel, device, suspended);
                }
            }
        } catch (KernelException e) {
            throw new SnapshotException("look for suspended devices in", BLOCK.toString(), e);
        }
        return suspended;
    }

    /** Lowest first: what is above cannot go on before. */
    private static void collect(Kernel kernel, String device, List<String> suspended)
            throws KernelException {
        if (!device.startsWith("dm-")) {
            return;
        }
        for (String lower : kernel.listKnobs(BLOCK.resolve(device).resolve("slaves"))) {
            collect(kernel, lower, suspended);
        }
        String name = knob(kernel, device, "dm/name");
        if (knob(kernel, device, "dm/suspended").equals("1") && !suspended.contains(name)) {
            suspended.add(name);
        }
    }

    /** Empty for a device that has gone meanwhile. */
    private static String knob(Kernel kernel, String device, String name) throws KernelException {
        try {
            return kernel.readKnob(BLOCK.resolve(device).resolve(name)).strip();
        } catch (KernelException e) {
            if (e.errno().equals(Errno.ENOENT) || e.errno().equals(Errno.ENODEV)) {
                return "";
            }
            throw e;
        }
    }

    private static void resume(Lvm lvm, List<String> names) throws SnapshotException {
        SnapshotException failure = null;
        for (String name : names) {
            BoundedProcess.Ended ended = lvm.dmsetup("resume", name);
            if (ended.status() != 0) {
                SnapshotException next =
                        new SnapshotException(
                                "resume",
                                name,
                                Lvm.reason(ended),
                                "LVM has left it suspended, and its filesystem frozen: dmsetup resume "
                                        + name);
                if (failure == null) {
                    failure = next;
                } else {
                    failure.addSuppressed(next);
                }
            }
        }
        if (failure != null) {
            throw failure;
        }
    }
}
