package dev.lull.cli;

import dev.lull.it.harness.LullProcess;
import dev.lull.linux.Descriptor;
import dev.lull.plan.Host;
import dev.lull.plan.Leftover;
import dev.lull.plan.RunJournal;
import dev.lull.snapshot.Origin;
import dev.lull.snapshot.PreparedSnapshot;
import dev.lull.snapshot.SnapshotId;
import dev.lull.snapshot.SnapshotRequest;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The command line in the process of the test, for the lab: in an emulated machine a process of its own takes ten seconds to
 * start. For one thread.
 */
public final class InProcess {
    private InProcess() {}

    /** Runs a command to its end. */
    public static LullProcess.Result run(String... arguments) {
        var command = new ArrayList<>(List.of("lull"));
        command.addAll(List.of(arguments));
        PrintStream out = System.out;
        PrintStream err = System.err;
        var outBytes = new ByteArrayOutputStream();
        var errBytes = new ByteArrayOutputStream();
        try {
            System.setOut(new PrintStream(outBytes, true, StandardCharsets.UTF_8));
            System.setErr(new PrintStream(errBytes, true, StandardCharsets.UTF_8));
            int status = LullCommand.run(arguments);
            return new LullProcess.Result(command, status, lines(outBytes), lines(errBytes));
        } finally {
            System.setOut(out);
            System.setErr(err);
        }
    }

    /** Takes a snapshot, and leaves what a run leaves that is killed then. */
    public static String abandonSnapshotOf(Path mountPoint) throws Exception {
        Host host = ThisHost.open("backup", Optional.empty());
        SnapshotId id = SnapshotId.random();
        try (RunJournal journal = host.journals().begin("backup");
                Descriptor directory = host.kernel().openDirectory(mountPoint)) {
            journal.add(new Leftover.Unfinished(id));
            Origin origin = Origin.of(host.kernel(), directory);
            var request = new SnapshotRequest(id, origin, Duration.ofMinutes(1), false);
            try (PreparedSnapshot prepared =
                    host.providers().choose(origin).prepare(request, host.records()::write)) {
                prepared.take();
            }
        }
        return id.text();
    }

    private static List<String> lines(ByteArrayOutputStream bytes) {
        return bytes.toString(StandardCharsets.UTF_8).lines().toList();
    }
}
