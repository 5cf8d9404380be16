package dev.lull.cli;

import dev.lull.plan.Host;
import dev.lull.plan.Leftover;
import dev.lull.plan.RunJournal;
import dev.lull.plan.RunJournals;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/** What backups that were killed have left behind: the next command of their kind removes it, and says so. */
final class KilledRuns {
    private KilledRuns() {}

    /**
     * Removes it. What cannot be removed is told of and keeps nobody from working; it is tried again next time.
     *
     * @param quiet whether success is not worth a word
     */
    static void cleanUp(Host host, PrintStream err, boolean quiet) throws IOException {
        try (RunJournals.Abandoned abandoned = host.journals().abandoned()) {
            abandoned
                    .unreadable()
                    .forEach((file, why) ->
                            err.println(
                                    "lull: cannot read the journal of a killed run "
                                            + file
                                            + ": "
                                            + Plain.text(why)
                                            + "\nhint: look whether it left mounts (findmnt) or snapshots (lull snapshot"
                                            + " list), then remove it"));
            for (RunJournal journal : abandoned.journals()) {
                cleanUp(host, journal, err, quiet);
            }
        }
    }

    private static void cleanUp(Host host, RunJournal journal, PrintStream err, boolean quiet) {
        try {
            List<Leftover> left = journal.left(host);
            journal.removeLeftovers(host);
            journal.end(host);
            if (!quiet && !left.isEmpty()) {
                err.println(
                        Plain.text(
                                "lull: removed what a killed run left ("
                                        + journal.words()
                                        + "): "
                                        + words(left)));
            }
        } catch (IOException e) {
            err.println(
                    Plain.text(
                            "lull: cannot remove all that a killed run left ("
                                    + journal.words()
                                    + ")"));
            Complaint.of(e).tell(err);
        }
    }

    private static String words(List<Leftover> left) {
        return left.stream().map(Leftover::words).collect(Collectors.joining(", "));
    }

    /** For {@code doctor}: what is there and not yet removed, a line for each run. */
    static List<String> find(Host host) throws IOException {
        List<String> found = new ArrayList<>();
        try (RunJournals.Abandoned abandoned = host.journals().abandoned()) {
            for (RunJournal journal : abandoned.journals()) {
                List<Leftover> left = journal.left(host);
                if (!left.isEmpty()) {
                    found.add(
                            "a run that was killed (" + journal.words() + ") left " + words(left));
                }
            }
        }
        return found;
    }
}
