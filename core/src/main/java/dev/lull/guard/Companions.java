package dev.lull.guard;

import dev.lull.linux.Kernel;
import dev.lull.linux.KernelException;
import dev.lull.linux.PollInterest;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedSet;
import org.jspecify.annotations.Nullable;

/**
 * The sentry and the canary as the guard keeps them: started, listened to, and replaced when they are lost. Belongs to
 * the guard's loop; only the starting itself has a thread.
 */
final class Companions implements AutoCloseable {
    static final String SENTRY = "sentry";
    static final String CANARY = "canary";

    private static final int STARTS_IN_A_ROW = 5;

    /** In this time: a companion that cannot live is not started for ever. */
    private static final Duration COUNTED = Duration.ofMinutes(1);

    /** Hears what a companion said. */
    interface Listener {
        void heard(String companion, Signal signal) throws KernelException;
    }

    /** Is told of what happened to the sentry. */
    interface Change {
        void happened() throws KernelException;
    }

    private final Kernel kernel;
    private final Mailbox mailbox;
    private final Path runDirectory;
    private final SequencedSet<String> troubles = new LinkedHashSet<>();
    private final List<Integer> dismissed = new ArrayList<>();
    private @Nullable Companion sentry;
    private @Nullable Companion canary;
    private long startsSince;
    private boolean sentryStarting;
    private boolean canaryStarting;
    private final Map<String, Integer> starts = new HashMap<>();

    Companions(Kernel kernel, Mailbox mailbox, Path runDirectory) {
        this.kernel = kernel;
        this.mailbox = mailbox;
        this.runDirectory = runDirectory;
    }

    void start() {
        startSentry();
        startCanary();
    }

    private void startSentry() {
        sentryStarting = true;
        start(SENTRY, Jvm.sentryCommand(runDirectory, kernel.processId()));
    }

    private void startCanary() {
        canaryStarting = true;
        start(CANARY, Jvm.canaryCommand(runDirectory));
    }

    private void start(String name, List<String> command) {
        if (starts.merge(name, 1, Integer::sum) > STARTS_IN_A_ROW) {
            mailbox.post(
                    new Note.CompanionStarted(
                            name, Optional.empty(), "the " + name + " died too often"));
            return;
        }
        Thread thread =
                new Thread(
                        null,
                        () -> {
                            Note.CompanionStarted note;
                            try {
                                note =
                                        new Note.CompanionStarted(
                                                name,
                                                Optional.of(Companion.start(kernel, name, command)),
                                                "");
                            } catch (KernelException e) {
                                note =
                                        new Note.CompanionStarted(
                                                name,
                                                Optional.empty(),
                                                "cannot start the " + name + ": " + e.getMessage());
                            }
                            mailbox.post(note);
                        },
                        "start-" + name,
                        256 * 1024);
        thread.setDaemon(true);
        thread.start();
    }

    /** @param sentryReplaced called when there is a sentry that must be told of everything */
    void started(Note.CompanionStarted note, Change sentryReplaced) throws KernelException {
        if (note.companion().isEmpty()) {
            troubles.add(note.trouble());
        }
        if (note.name().equals(SENTRY)) {
            sentryStarting = false;
            sentry = note.companion().orElse(null);
            sentryReplaced.happened();
        } else {
            canaryStarting = false;
            canary = note.companion().orElse(null);
        }
    }

    /** Whether there is a sentry, or will be. */
    boolean sentryHoped() {
        return sentry != null || sentryStarting;
    }

    /** Whether there is a canary, or will be. */
    boolean canaryHoped() {
        return canary != null || canaryStarting;
    }

    /** Whether one of them is known to be lost, so that a look is due at once. */
    boolean lookDue() {
        return both().stream().anyMatch(companion -> !companion.reachable());
    }

    boolean sentryReady() {
        Companion s = sentry;
        return s != null && s.ready();
    }

    boolean canaryReady() {
        Companion c = canary;
        return c != null && c.ready();
    }

    void tellSentry(Signal signal) {
        Companion told = sentry;
        if (told != null) {
            told.tell(signal);
        }
    }

    void tellCanary(Signal signal) {
        Companion told = canary;
        if (told != null) {
            told.tell(signal);
        }
    }

    Optional<Integer> sentryPid() {
        return Optional.ofNullable(sentry).map(Companion::pid);
    }

    Optional<Integer> canaryPid() {
        return Optional.ofNullable(canary).map(Companion::pid);
    }

    List<String> troubles() {
        return List.copyOf(troubles);
    }

    Optional<String> lastTrouble() {
        return troubles.isEmpty() ? Optional.empty() : Optional.of(troubles.getLast());
    }

    List<PollInterest> interests() {
        List<PollInterest> interests = new ArrayList<>(2);
        for (Companion companion : both()) {
            if (companion.reachable()) {
                interests.add(PollInterest.readable(companion.socket()));
            }
        }
        return interests;
    }

    private List<Companion> both() {
        List<Companion> both = new ArrayList<>(2);
        Companion s = sentry;
        if (s != null) {
            both.add(s);
        }
        Companion c = canary;
        if (c != null) {
            both.add(c);
        }
        return both;
    }

    void receive(Listener listener) throws KernelException {
        for (Companion companion : both()) {
            boolean more = true;
            while (more) {
                more =
                        switch (companion.receive()) {
                            case Signal.Received.One one -> {
                                if (one.signal().kind() == Signal.Kind.READY) {
                                    companion.becameReady();
                                }
                                listener.heard(companion.name(), one.signal());
                                yield true;
                            }
                            case Signal.Received.Nothing _, Signal.Received.Gone _ -> false;
                        };
            }
        }
    }

    /**
     * Replaces what can no longer be relied on.
     *
     * @param sentryLost called when the sentry is gone and another one is being started
     * @param canaryLost the same of the canary
     */
    void look(Change sentryLost, Change canaryLost) throws KernelException {
        reapDismissed();
        long now = kernel.bootNanos();
        if (now - startsSince >= COUNTED.toNanos()) {
            startsSince = now;
            starts.clear();
        }
        if (sentry == null && !sentryStarting) {
            startSentry();
        }
        if (canary == null && !canaryStarting) {
            startCanary();
        }
        Companion s = sentry;
        if (s != null && s.looksLost()) {
            sentry = null;
            dismiss(s);
            startSentry();
            sentryLost.happened();
        }
        Companion c = canary;
        if (c != null && c.looksLost()) {
            // Its threads may still sleep and prove; their leases know them by thread id.
            canary = null;
            dismiss(c);
            startCanary();
            canaryLost.happened();
        }
    }

    private void dismiss(Companion companion) throws KernelException {
        troubles.add("the " + companion.name() + " died or stopped, and was replaced");
        companion.dismiss();
        dismissed.add(companion.pid());
    }

    private void reapDismissed() throws KernelException {
        List<Integer> gone = new ArrayList<>();
        for (int pid : dismissed) {
            try {
                if (kernel.reap(pid).isPresent()) {
                    gone.add(pid);
                }
            } catch (KernelException e) {
                // ECHILD: whoever started the guard has SIGCHLD ignored, and the kernel reaps.
                gone.add(pid);
            }
        }
        dismissed.removeAll(gone);
    }

    @Override
    public void close() throws KernelException {
        for (Companion companion : both()) {
            companion.dismiss();
        }
    }
}
