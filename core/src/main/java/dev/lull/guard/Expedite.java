package dev.lull.guard;

import dev.lull.linux.Descriptor;
import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Expedites RCU grace periods around the freeze calls. Each of a freeze's three levels takes a per-cpu rw-semaphore and
 * so waits for a grace period (kernel/locking/percpu-rwsem.c), the later ones with the writers already blocked; with
 * {@code /sys/kernel/rcu_expedited} on, some 30 ms become less than one.
 *
 * <p>The knob is the machine's: it is on only around a FIFREEZE, users are counted, flock on the knob itself
 * keeps two guards (of two containers) from undoing each other, and a marker in the run directory tells a successor to
 * put it back. Belongs to the guard's loop.
 */
public final class Expedite {
    static final Path KNOB = Path.of("/sys/kernel/rcu_expedited");

    private final Kernel kernel;
    private final Path marker;
    private final Optional<String> obstacle;
    private int users;
    private @Nullable Descriptor held;

    Expedite(Kernel kernel, Path marker) {
        this.kernel = kernel;
        this.marker = marker;
        this.obstacle = obstacle(kernel);
    }

    /** Why the knob is left alone on this machine; empty if it is used. */
    public static Optional<String> obstacle(Kernel kernel) {
        try {
            if (!kernel.readKnob(Path.of("/sys/kernel/rcu_normal")).strip().equals("0")) {
                return Optional.of("rcu_normal is set, so grace periods are never expedited");
            }
            for (String kind : new String[] {"nohz_full", "isolated"}) {
                Path cpus = Path.of("/sys/devices/system/cpu", kind);
                String list = Files.exists(cpus) ? kernel.readKnob(cpus).strip() : "";
                if (!list.isEmpty() && !list.equals("(null)")) {
                    return Optional.of(
                            "cpus " + list + " are " + kind + " and would be interrupted");
                }
            }
            try (Descriptor knob = kernel.openReadWrite(KNOB)) {
                return knob.isOpen() ? Optional.empty() : Optional.of(KNOB + " cannot be opened");
            }
        } catch (KernelException e) {
            return Optional.of(e.getMessage() == null ? KNOB + " cannot be used" : e.getMessage());
        }
    }

    Optional<String> obstacle() {
        return obstacle;
    }

    /**
     * One more freeze is about to begin.
     *
     * @return whether the knob was turned on by this call
     */
    boolean begin() {
        users++;
        if (users > 1 || obstacle.isPresent()) {
            return false;
        }
        Descriptor knob = null;
        try {
            knob = kernel.openReadWrite(KNOB);
            if (kernel.tryLock(knob) && kernel.readKnob(KNOB).strip().equals("0")) {
                Files.write(marker, new byte[0]);
                kernel.writeKnob(KNOB, "1");
                held = knob;
                return true;
            }
            // Somebody else expedites already: nothing to do, and nothing to put back.
            knob.close();
            return false;
        } catch (IOException e) {
            // A slower freeze, not a failed one.
            closeQuietly(knob);
            return false;
        }
    }

    private static void closeQuietly(@Nullable Descriptor knob) {
        try {
            if (knob != null) {
                knob.close();
            }
        } catch (KernelException e) {
            // close(2) frees the number whatever it answers.
            return;
        }
    }

    /**
     * A freeze is over.
     *
     * @return whether the knob was put back by this call
     */
    boolean end() {
        users--;
        Descriptor knob = held;
        if (users > 0 || knob == null) {
            return false;
        }
        held = null;
        try (knob) {
            kernel.writeKnob(KNOB, "0");
            Files.deleteIfExists(marker);
        } catch (IOException e) {
            // The marker stays and tells the next guard.
            return true;
        }
        return true;
    }

    /** Puts back what a guard that died left on. */
    void recover() throws IOException {
        if (Files.exists(marker)) {
            kernel.writeKnob(KNOB, "0");
            Files.delete(marker);
        }
    }
}
