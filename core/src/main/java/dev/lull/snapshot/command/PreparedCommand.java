package dev.lull.snapshot.command;

import dev.lull.snapshot.PreparedSnapshot;
import dev.lull.snapshot.Snapshot;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.Undo;
import dev.lull.snapshot.process.BoundedProcess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** A script that stands at the line: its {@code take} runs and waits for the word. */
final class PreparedCommand implements PreparedSnapshot {
    static final String READY = "ready";
    private static final String DONE = "done";
    private static final byte[] CUT = "cut\n".getBytes(StandardCharsets.UTF_8);

    private final Script script;
    private final BoundedProcess taking;
    private final StepLimits limits;
    private final Duration timeout;
    private final Terms terms;
    private final Undo undo;
    private boolean begun;
    private boolean closed;

    PreparedCommand(
            Script script,
            BoundedProcess taking,
            StepLimits limits,
            Duration timeout,
            Terms terms,
            Undo undo) {
        this.script = script;
        this.taking = taking;
        this.limits = limits;
        this.timeout = timeout;
        this.terms = terms;
        this.undo = undo;
    }

    @Override
    public Terms terms() {
        return terms;
    }

    @Override
    public void settle() {
        // What a script's storage has to write back is its own matter, in prepare.
    }

    @Override
    public Snapshot take() throws SnapshotException {
        if (begun || closed) {
            throw new IllegalStateException("snapshot " + intent().id() + " was taken or given up");
        }
        begun = true;
        Map<String, String> learnt = new HashMap<>();
        try {
            long deadline = System.nanoTime() + timeout.toNanos();
            taking.send(CUT);
            Optional<String> line = taking.awaitLine(timeout);
            while (line.isPresent() && !line.get().equals(DONE)) {
                learn(learnt, line.get());
                line = taking.awaitLine(Duration.ofNanos(deadline - System.nanoTime()));
            }
            if (line.isEmpty()) {
                // Ended without "done": its success says the same.
                script.awaitSuccess(Script.Step.TAKE, taking, timeout);
            }
        } catch (IOException e) {
            throw script.failed(Script.Step.TAKE, e);
        }
        undo.forget();
        Map<String, String> names = new HashMap<>(intent().names());
        Script.names(script.path(), learnt).forEach(names::put);
        return new CommandSnapshot(script, intent().withNames(names), Optional.of(taking), limits);
    }

    private void learn(Map<String, String> known, String line) throws SnapshotException {
        try {
            StepOutput.parseLine(line, known);
        } catch (IllegalArgumentException e) {
            throw script.failed(Script.Step.TAKE, String.valueOf(e.getMessage()));
        }
    }

    @Override
    public void close() throws SnapshotException {
        closed = true;
        try {
            undo.run();
        } catch (IOException e) {
            throw script.failed(Script.Step.TAKE, e);
        }
    }
}
