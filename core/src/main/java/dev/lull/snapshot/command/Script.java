package dev.lull.snapshot.command;

import dev.lull.linux.Kernel;
import dev.lull.linux.TrustedPath;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotRecord;
import dev.lull.snapshot.process.BoundedProcess;
import dev.lull.snapshot.process.Programs;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/** The user's script and how its steps are run. */
record Script(Kernel kernel, Path path) {
    private static final int OUTPUT_LIMIT = 64 * 1024;
    private static final String STATE = "state.";
    private static final JsonFactory JSON = JsonFactory.builder().build();

    enum Step {
        PREPARE,
        TAKE,
        MOUNT,
        UNMOUNT,
        DELETE;

        String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** Why the script is not to be run as root, if so. */
    Optional<String> distrust() {
        if (!path.isAbsolute()) {
            return Optional.of(path + " is not an absolute path");
        }
        try {
            if (!Files.isRegularFile(path) || !Files.isExecutable(path)) {
                return Optional.of(path + " is not an executable file");
            }
            return TrustedPath.distrust(path, kernel.effectiveUser());
        } catch (IOException e) {
            return Optional.of("cannot look at " + path + ": " + e.getMessage());
        }
    }

    void checkTrusted() throws SnapshotException {
        Optional<String> distrust = distrust();
        if (distrust.isPresent()) {
            throw new SnapshotException(
                    "run",
                    path.toString(),
                    distrust.get(),
                    "lull runs it as root: it must be an executable that only root can change");
        }
    }

    /** Runs a step to its end and gives what it printed. */
    Map<String, String> run(
            Step step, SnapshotRecord snapshot, Map<String, String> more, Duration limit)
            throws SnapshotException {
        try (BoundedProcess process = start(step, snapshot, more, false)) {
            return parse(step, awaitSuccess(step, process, limit));
        } catch (IOException e) {
            throw failed(step, e);
        }
    }

    /** Starts a step; with input for {@code take} only. */
    BoundedProcess start(
            Step step, SnapshotRecord snapshot, Map<String, String> more, boolean input)
            throws SnapshotException {
        checkTrusted();
        Map<String, String> environment = environment(snapshot);
        environment.putAll(more);
        try {
            return BoundedProcess.start(
                    kernel,
                    List.of(path.toString(), step.word()),
                    environment,
                    input,
                    OUTPUT_LIMIT);
        } catch (IOException e) {
            throw failed(step, e);
        }
    }

    /** Waits for a step's end; what it printed and nobody took. */
    byte[] awaitSuccess(Step step, BoundedProcess process, Duration limit)
            throws SnapshotException {
        BoundedProcess.Ended ended;
        try {
            ended = process.awaitEnd(limit);
        } catch (IOException e) {
            throw failed(step, e);
        }
        if (ended.status() != 0) {
            throw failed(step, "exit status " + ended.status() + lastWords(ended.errors()));
        }
        return ended.output();
    }

    SnapshotException failed(Step step, String reason) {
        return new SnapshotException("run", path + " " + step.word(), reason);
    }

    SnapshotException failed(Step step, IOException cause) {
        return cause instanceof SnapshotException already
                ? already
                : new SnapshotException("run", path + " " + step.word(), cause);
    }

    Map<String, String> parse(Step step, byte[] output) throws SnapshotException {
        try {
            return StepOutput.parse(output);
        } catch (IllegalArgumentException e) {
            throw new SnapshotException(
                    "run",
                    path + " " + step.word(),
                    String.valueOf(e.getMessage()),
                    "stdout is for key=value lines or one JSON object, print everything else on stderr");
        }
    }

    /** The last line on stderr, for a message of one line. */
    static String lastWords(String errors) {
        List<String> lines = errors.lines().filter(line -> !line.isBlank()).toList();
        return lines.isEmpty() ? "" : ", it said " + StepOutput.quote(lines.getLast());
    }

    static Map<String, String> names(Path script, Map<String, String> state) {
        Map<String, String> names = new HashMap<>();
        names.put("script", script.toString());
        state.forEach((key, value) -> names.put(STATE + key, value));
        return names;
    }

    private static Map<String, String> state(SnapshotRecord snapshot) {
        Map<String, String> state = new HashMap<>();
        snapshot.names()
                .forEach((key, value) -> {
                    if (key.startsWith(STATE)) {
                        state.put(key.substring(STATE.length()), value);
                    }
                });
        return state;
    }

    private static Map<String, String> environment(SnapshotRecord snapshot) {
        Map<String, String> environment = new HashMap<>();
        environment.put("PATH", Programs.PATH);
        environment.put("LC_ALL", "C.UTF-8");
        environment.put("LULL_CONTRACT", "1");
        environment.put("LULL_SNAPSHOT_ID", snapshot.id().text());
        environment.put("LULL_MOUNT_POINT", snapshot.mountPoint().toString());
        environment.put("LULL_DEVICE", snapshot.device().toString());
        environment.put("LULL_FILESYSTEM", snapshot.type());
        environment.put("LULL_UUID", snapshot.uuid().orElse(""));
        Map<String, String> state = state(snapshot);
        StringWriter text = new StringWriter();
        try (JsonGenerator json = JSON.createGenerator(ObjectWriteContext.empty(), text)) {
            json.writeStartObject();
            state.forEach(json::writeStringProperty);
            json.writeEndObject();
        }
        environment.put("LULL_STATE", text.toString());
        state.forEach((key, value) ->
                environment.put("LULL_STATE_" + key.toUpperCase(Locale.ROOT), value));
        return environment;
    }
}
