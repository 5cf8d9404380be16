package dev.lull.participant.process;

import dev.lull.freeze.FreezeException;
import dev.lull.freeze.GuardClient;
import dev.lull.guard.ParticipantState;
import dev.lull.guard.ParticipantView;
import dev.lull.guard.Reply;
import dev.lull.guard.Request;
import dev.lull.linux.DeviceNumber;
import dev.lull.linux.Kernel;
import dev.lull.participant.Cut;
import dev.lull.participant.Participant;
import dev.lull.participant.ParticipantException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The processes that have registered with the guard for one of the filesystems (docs/protocol.md). The guard asks them,
 * and lets them go on also if this process is killed, or does not say so in time.
 */
public final class RegisteredProcesses implements Participant {
    private static final String KIND = "process";

    /** More than the guard's own limits: what it may need for a word. */
    private static final Duration WORD = Duration.ofSeconds(5);

    private final Kernel kernel;
    private final Set<String> without;
    private List<ParticipantView> members = List.of();
    private List<ParticipantView> rested = List.of();
    private @Nullable GuardClient guard;
    private Duration longest = Duration.ZERO;

    /** @param without the names of those that are left out */
    public RegisteredProcesses(Kernel kernel, Set<String> without) {
        this.kernel = kernel;
        this.without = Set.copyOf(without);
    }

    /**
     * Whether any process has registered with this host's guard, for whatever. Starts none.
     *
     * @throws FreezeException if the guard does not answer
     */
    public static boolean any(Kernel kernel) throws FreezeException {
        Optional<GuardClient> running = GuardClient.ifRunning(kernel);
        if (running.isEmpty()) {
            return false;
        }
        try (GuardClient guard = running.get()) {
            return !guard.status().participants().isEmpty();
        }
    }

    @Override
    public String kind() {
        return KIND;
    }

    @Override
    public String name() {
        return members.isEmpty() ? "no process" : names(members.stream());
    }

    private static String names(Stream<ParticipantView> participants) {
        return participants.map(RegisteredProcesses::title).collect(Collectors.joining(", "));
    }

    private static String title(ParticipantView one) {
        return one.name() + " (" + one.pid() + ")";
    }

    @Override
    public void prepare(Cut cut) throws ParticipantException {
        Set<String> devices =
                cut.filesystems().stream().map(DeviceNumber::toString).collect(Collectors.toSet());
        longest = cut.longest();
        try {
            Optional<GuardClient> running = GuardClient.ifRunning(kernel);
            if (running.isEmpty()) {
                return;
            }
            guard = running.get();
            members =
                    running.get().status().participants().stream()
                            .filter(one -> one.devices().stream().anyMatch(devices::contains))
                            .filter(one -> !without.contains(one.name()))
                            .toList();
        } catch (FreezeException e) {
            throw new ParticipantException(
                    "the registered processes", "look for", e, "see lull status");
        }
    }

    @Override
    public void rest() throws ParticipantException {
        if (members.isEmpty()) {
            return;
        }
        rested =
                call(
                        "bring to rest",
                        new Request.Rest(
                                members.stream().map(ParticipantView::id).toList(), longest));
        List<ParticipantView> failed =
                rested.stream().filter(one -> one.state() != ParticipantState.AT_REST).toList();
        if (!failed.isEmpty()) {
            throw new ParticipantException(
                    names(failed.stream()), "bring to rest", why(failed), hint(failed));
        }
    }

    @Override
    public void resume() throws ParticipantException {
        if (rested.isEmpty()) {
            return;
        }
        List<ParticipantView> ended = call("let go on", new Request.Resume());
        List<ParticipantView> broken =
                ended.stream()
                        .filter(one -> wasAtRest(one.id()))
                        .filter(one ->
                                one.state() == ParticipantState.NOT_AT_REST
                                        || one.state() == ParticipantState.GONE)
                        .toList();
        if (!broken.isEmpty()) {
            throw new ParticipantException.NotAtRest(
                    names(broken.stream()), why(broken), hint(broken));
        }
        List<ParticipantView> failed =
                ended.stream().filter(one -> one.state() != ParticipantState.IDLE).toList();
        if (!failed.isEmpty()) {
            throw new ParticipantException(
                    names(failed.stream()), "let go on", why(failed), hint(failed));
        }
    }

    private boolean wasAtRest(int id) {
        return rested.stream()
                .anyMatch(one -> one.id() == id && one.state() == ParticipantState.AT_REST);
    }

    private static String why(List<ParticipantView> participants) {
        return participants.stream()
                .map(one -> one.message().isEmpty() ? one.state().word() : one.message())
                .map(text -> text.replaceAll("\\p{Cntrl}+", " "))
                .distinct()
                .collect(Collectors.joining("; "));
    }

    private static String hint(List<ParticipantView> participants) {
        return "see the log of that application, or leave it out: --without "
                + participants.getFirst().name();
    }

    private List<ParticipantView> call(String operation, Request request)
            throws ParticipantException {
        GuardClient asked = guard;
        if (asked == null) {
            throw new IllegalStateException("not prepared");
        }
        Duration limit =
                members.stream()
                        .map(one -> Duration.ofMillis(one.limitMillis()))
                        .max(Duration::compareTo)
                        .orElse(Duration.ZERO)
                        .plus(WORD);
        try {
            return ((Reply.Heard) asked.call(request, List.of(), Optional.of(limit)))
                    .participants();
        } catch (FreezeException e) {
            if (request instanceof Request.Resume) {
                // The guard is gone, and with it everybody's connection: all have gone on, who
                // knows when.
                throw new ParticipantException.NotAtRest(
                        names(members.stream()), String.valueOf(e.getMessage()), "try again");
            }
            throw new ParticipantException(
                    names(members.stream()),
                    operation,
                    e,
                    e.hint().orElse("try again, or leave it out with --without NAME"));
        }
    }

    @Override
    public Map<String, String> evidence() {
        Map<String, String> evidence = new TreeMap<>();
        for (ParticipantView one : rested) {
            evidence.put(title(one), one.message());
            one.evidence().forEach((key, value) -> evidence.put(title(one) + " " + key, value));
        }
        return evidence;
    }

    @Override
    public void close() throws ParticipantException {
        GuardClient asked = guard;
        guard = null;
        if (asked != null) {
            try {
                asked.close();
            } catch (FreezeException e) {
                throw new ParticipantException(
                        "the registered processes", "leave", e, "see lull status");
            }
        }
    }
}
