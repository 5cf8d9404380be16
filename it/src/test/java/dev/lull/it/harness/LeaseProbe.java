package dev.lull.it.harness;

import static org.awaitility.Awaitility.await;

import dev.lull.freeze.FreezeException;
import dev.lull.freeze.GuardClient;
import dev.lull.guard.LeaseView;
import dev.lull.guard.Reply;
import dev.lull.guard.Request;
import dev.lull.linux.LinuxKernel;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** The leases of one scratch filesystem, as the guard tells of them; no two have the same mount point. */
public final class LeaseProbe {
    private static final int ALL = 1_000;
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    private LeaseProbe() {}

    /** Those that have not ended. */
    public static List<LeaseView> live(ScratchFilesystem filesystem) {
        return ask(new Request.Status(), filesystem);
    }

    /** Those that have, the newest first. */
    public static List<LeaseView> ended(ScratchFilesystem filesystem) {
        return ask(new Request.History(ALL), filesystem);
    }

    /** Waits until there is one that is frozen. */
    public static LeaseView awaitFrozen(ScratchFilesystem filesystem) {
        return await("a lease on " + filesystem)
                .atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(10))
                .until(
                        () ->
                                live(filesystem).stream()
                                        .filter(lease -> lease.state().equals("frozen"))
                                        .findFirst(),
                        Optional::isPresent)
                .orElseThrow();
    }

    /** Waits until none is left. @return the word for the end of the last one */
    public static String awaitEnd(ScratchFilesystem filesystem) {
        awaitNone(filesystem);
        return ended(filesystem).getFirst().state();
    }

    /** Waits until none is left, if there ever was one. */
    public static void awaitNone(ScratchFilesystem filesystem) {
        await("no lease on " + filesystem)
                .atMost(PATIENCE)
                .pollInterval(Duration.ofMillis(10))
                .until(() -> live(filesystem).isEmpty());
    }

    /** What is left until the deadline of one that is frozen with a timeout. */
    public static Duration left(LeaseView lease) {
        return Duration.ofNanos(lease.deadline().orElseThrow() - new LinuxKernel().bootNanos());
    }

    private static List<LeaseView> ask(Request request, ScratchFilesystem filesystem) {
        try {
            Optional<GuardClient> running = GuardClient.ifRunning(new LinuxKernel());
            if (running.isEmpty()) {
                return List.of();
            }
            try (GuardClient guard = running.get()) {
                List<LeaseView> all =
                        switch (guard.call(request)) {
                            case Reply.GuardStatus status -> status.leases();
                            case Reply.Ended ended -> ended.leases();
                            case Reply other -> throw new AssertionError("not asked for: " + other);
                        };
                String place = filesystem.mountPoint().toString();
                return all.stream()
                        .filter(lease ->
                                lease.filesystems().stream()
                                        .anyMatch(one -> one.path().startsWith(place)))
                        .toList();
            }
        } catch (FreezeException e) {
            throw new AssertionError(e);
        }
    }
}
