package dev.lull.participant.hook;

import dev.lull.guard.Jvm;
import dev.lull.linux.Kernel;
import dev.lull.linux.TrustedPath;
import dev.lull.participant.Cut;
import dev.lull.participant.Participant;
import dev.lull.participant.ParticipantException;
import dev.lull.snapshot.process.BoundedProcess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Executables that bring an application to rest when called with {@code freeze}, in order, and let it go on when called
 * with {@code thaw}, in reverse: the convention of the QEMU guest agent (docs/interop/qemu-ga.rst, --fsfreeze-hook) and
 * its {@code fsfreeze-hook.d}. Each runs with an environment of PATH alone, in {@code /}, in a session of its own.
 *
 * <p>They are run by a {@link HookKeeper}, a process of its own that calls {@code thaw} also when this one is killed.
 */
public final class Hooks implements Participant {
    /** How long one call of a hook may take, if not said. */
    public static final Duration DEFAULT_LIMIT = Duration.ofSeconds(10);

    private static final String NAME = "hooks";
    private static final int OUTPUT_LIMIT = 64 * 1024;
    private static final Duration START = Duration.ofSeconds(30);

    /** More than its hooks' limits: what the keeper itself may need for a word. */
    private static final Duration WORD = Duration.ofSeconds(5);

    private final Kernel kernel;
    private final List<Path> hooks;
    private final Duration limit;
    private @Nullable BoundedProcess keeper;

    /**
     * @param hooks absolute paths, in the order in which they are called
     * @param limit how long one call may take before the hook and its process group are killed, 1 ms to
     *     {@link dev.lull.lease.Timeouts#MAX}
     */
    public Hooks(Kernel kernel, List<Path> hooks, Duration limit) {
        this.kernel = kernel;
        this.hooks = List.copyOf(hooks);
        this.limit = limit;
    }

    /**
     * The hooks in a directory, in the order of their names: every executable file but those that the guest agents leave
     * out, too (hidden ones, and the leftovers of editors and package managers).
     *
     * @throws ParticipantException if the directory cannot be read
     */
    public static List<Path> in(Path directory) throws ParticipantException {
        List<Path> found = new ArrayList<>();
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
            for (Path entry : entries) {
                String name = entry.getFileName().toString();
                if (!name.matches("\\..*|.*(~|\\.bak|\\.orig|\\.rej|\\.sample|\\.dpkg-.*|\\.rpm.*)")
                        && Files.isRegularFile(entry)
                        && Files.isExecutable(entry)) {
                    found.add(entry.toAbsolutePath().normalize());
                }
            }
        } catch (IOException e) {
            throw new ParticipantException(
                    NAME,
                    "read",
                    new IOException(e.getClass().getSimpleName() + ": " + e.getMessage(), e),
                    "it is to be a directory of executables");
        }
        Collections.sort(found);
        return found;
    }

    @Override
    public String kind() {
        return NAME;
    }

    @Override
    public String name() {
        return NAME;
    }

    @Override
    public void prepare(Cut cut) throws ParticipantException {
        for (Path hook : hooks) {
            requireTrusted(hook);
        }
        List<String> arguments = new ArrayList<>();
        arguments.add(Long.toString(limit.toMillis()));
        arguments.add(Long.toString(cut.longest().toMillis()));
        hooks.forEach(hook -> arguments.add(hook.toString()));
        try {
            BoundedProcess started =
                    BoundedProcess.start(
                            kernel,
                            Jvm.command(HookKeeper.class, arguments),
                            Map.of(),
                            true,
                            OUTPUT_LIMIT);
            keeper = started;
            String word = started.awaitLine(START).orElse("");
            if (!word.equals(HookKeeper.READY)) {
                throw failed("start the keeper of", word + " " + started.errors());
            }
        } catch (ParticipantException e) {
            throw e;
        } catch (IOException e) {
            throw new ParticipantException(NAME, "start the keeper of", e, "lull doctor");
        }
    }

    private void requireTrusted(Path hook) throws ParticipantException {
        Optional<String> distrust;
        try {
            distrust =
                    Files.isRegularFile(hook) && Files.isExecutable(hook)
                            ? TrustedPath.distrust(hook, kernel.effectiveUser())
                            : Optional.of("no executable file");
        } catch (IOException e) {
            distrust = Optional.of(e.getClass().getSimpleName());
        }
        if (distrust.isPresent()) {
            throw new ParticipantException(
                    "hook " + hook,
                    "use",
                    distrust.get(),
                    "lull runs it as root: it must be an executable that only root can change");
        }
    }

    @Override
    public void rest() throws ParticipantException {
        call(HookKeeper.REST, "bring to rest", "run it by hand with the argument freeze");
    }

    @Override
    public void resume() throws ParticipantException {
        call(
                HookKeeper.RESUME,
                "let go on",
                "its application may still be at rest: run it by hand with the argument thaw");
    }

    private void call(String order, String operation, String hint) throws ParticipantException {
        BoundedProcess asked = keeper;
        if (asked == null) {
            throw new IllegalStateException("the hooks are not prepared");
        }
        String word;
        try {
            asked.send((order + "\n").getBytes(StandardCharsets.UTF_8));
            word = asked.awaitLine(limit.multipliedBy(hooks.size()).plus(WORD)).orElse("");
        } catch (IOException e) {
            throw new ParticipantException(NAME, operation, e, hint);
        }
        if (word.startsWith(HookKeeper.LATE)) {
            throw new ParticipantException.NotAtRest(
                    NAME, word, "see lull history for the lease that was too long");
        }
        if (!word.equals(HookKeeper.DONE)) {
            throw new ParticipantException(
                    NAME, operation, word.isEmpty() ? "their keeper is gone" : word, hint);
        }
    }

    private static ParticipantException failed(String operation, String reason) {
        return new ParticipantException(NAME, operation, reason.strip(), "lull doctor");
    }

    @Override
    public Map<String, String> evidence() {
        return Map.of("hooks", hooks.stream().map(Path::toString).collect(Collectors.joining(" ")));
    }

    /** The keeper ends when nobody can ask it any more; if hooks are at rest, it lets them go on before. */
    @Override
    public void close() throws ParticipantException {
        BoundedProcess started = keeper;
        keeper = null;
        if (started == null) {
            return;
        }
        try (started) {
            started.closeInput();
            started.awaitEnd(limit.multipliedBy(hooks.size()).plus(WORD));
        } catch (IOException e) {
            throw new ParticipantException(NAME, "end the keeper of", e, "lull doctor");
        }
    }
}
