package dev.lull.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lull.freeze.Freezer;
import dev.lull.linux.LinuxKernel;
import dev.lull.snapshot.SnapshotException;
import dev.lull.snapshot.SnapshotId;
import dev.lull.snapshot.SnapshotProviders;
import dev.lull.snapshot.SnapshotRecords;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On the real kernel: a lock that is not flock(2)'s own would prove nothing, and it needs no privileges. */
class RunJournalTest {
    private final LinuxKernel kernel = new LinuxKernel();

    @TempDir private Path place;

    private Path runs;
    private RunJournals journals;
    private Host host;

    @BeforeEach
    void make() {
        runs = place.resolve("runs");
        journals = new RunJournals(kernel, runs);
        host =
                new Host(
                        kernel,
                        Freezer.on(kernel, place),
                        new SnapshotProviders(List.of()),
                        new SnapshotRecords(place.resolve("snapshots")),
                        journals,
                        "test");
    }

    private List<String> files() throws IOException {
        try (Stream<Path> files = Files.list(runs)) {
            return files.map(file -> file.getFileName().toString()).toList();
        }
    }

    @Test
    void aRunThatRunsIsNotAbandoned() throws Exception {
        try (RunJournal running = journals.begin("backup");
                RunJournals.Abandoned found = journals.abandoned()) {
            assertThat(found.journals()).isEmpty();
            assertThat(found.unreadable()).isEmpty();
            assertThat(running.leftovers()).isEmpty();
        }
    }

    @Test
    void whatAKilledRunBeganIsFoundInOrderAndByOneFinderOnly() throws Exception {
        Path partial = place.resolve("a \"name\" with\nodd bytes");
        RunJournal killed = journals.begin("backup");
        SnapshotId id = SnapshotId.random();
        killed.add(new Leftover.Unfinished(id));
        killed.add(new Leftover.Mounts(place.resolve("mnt-x")));
        killed.add(new Leftover.Partial(partial, Optional.of(place.resolve("whole"))));
        killed.add(new Leftover.Scratch(place.resolve("lull-scratch-x")));
        killed.close();

        try (RunJournals.Abandoned found = journals.abandoned();
                RunJournals.Abandoned other = new RunJournals(kernel, runs).abandoned()) {
            assertThat(found.journals())
                    .singleElement()
                    .satisfies(journal -> {
                        assertThat(journal.words()).contains("lull backup, process ");
                        assertThat(journal.leftovers())
                                .containsExactly(
                                        new Leftover.Unfinished(id),
                                        new Leftover.Mounts(place.resolve("mnt-x")),
                                        new Leftover.Partial(
                                                partial, Optional.of(place.resolve("whole"))),
                                        new Leftover.Scratch(place.resolve("lull-scratch-x")));
                    });
            assertThat(other.journals()).isEmpty();
        }
    }

    @Test
    void theJournalGoesWithTheLastThing() throws Exception {
        Path file = Files.writeString(place.resolve("partial"), "half");
        RunJournal journal = journals.begin("backup");
        journal.add(new Leftover.Partial(file, Optional.empty()));
        journal.end(host);
        assertThat(files()).as("something is left").hasSize(1);

        try (RunJournals.Abandoned found = journals.abandoned()) {
            RunJournal again = found.journals().getFirst();
            again.removeLeftovers(host);
            assertThat(file).doesNotExist();
            again.end(host);
        }
        assertThat(files()).isEmpty();
    }

    @Test
    void aScratchDirectoryGoesWithAllThatIsInItAndNothingElse() throws Exception {
        Path elsewhere = Files.createDirectory(place.resolve("elsewhere"));
        Files.writeString(elsewhere.resolve("file"), "stays");
        RunJournal journal = journals.begin("verify");
        Path scratch = journal.makeScratchDirectory(place);
        Files.writeString(Files.createDirectory(scratch.resolve("d")).resolve("file"), "goes");
        Files.createSymbolicLink(scratch.resolve("link"), elsewhere);
        assertThat(journal.left(host)).containsExactly(new Leftover.Scratch(scratch));
        journal.removeLeftovers(host);
        assertThat(scratch).doesNotExist();
        assertThat(elsewhere.resolve("file")).exists();
        journal.end(host);
        assertThat(files()).isEmpty();
        assertThatThrownBy(() -> new Leftover.Scratch(elsewhere))
                .isInstanceOf(IllegalArgumentException.class);
    }

    /** A manifest gets its name before its archive does, and belongs to it from then on. */
    @Test
    void aPartThatHasBecomeWholeStays() throws Exception {
        Path manifest = Files.writeString(place.resolve("manifest"), "{}");
        Path archive = place.resolve("archive");
        RunJournal journal = journals.begin("backup");
        journal.add(new Leftover.Partial(manifest, Optional.of(archive)));
        assertThat(journal.left(host)).isNotEmpty();
        Files.writeString(archive, "whole");
        assertThat(journal.left(host)).isEmpty();
        journal.removeLeftovers(host);
        assertThat(manifest).exists();
        journal.end(host);
        assertThat(files()).isEmpty();
    }

    @Test
    void everythingIsTriedAndEveryFailureKept() throws Exception {
        Path first = Files.writeString(place.resolve("first"), "");
        Path stubborn = Files.createDirectory(place.resolve("mnt-stubborn"));
        RunJournal journal = journals.begin("backup");
        journal.add(new Leftover.Partial(first, Optional.empty()));
        journal.add(new Leftover.Unfinished(SnapshotId.random()));
        journal.add(new Leftover.Mounts(stubborn));
        // What is opened by no provider: there is none here.
        SnapshotId orphan = SnapshotId.random();
        Files.createDirectories(place.resolve("snapshots"));
        Files.setPosixFilePermissions(
                place.resolve("snapshots"), PosixFilePermissions.fromString("rwxrwxrwx"));
        journal.add(new Leftover.Unfinished(orphan));

        assertThatThrownBy(() -> journal.removeLeftovers(host))
                .isInstanceOf(SnapshotException.class)
                .hasMessageContaining("others may write to it")
                .satisfies(e -> assertThat(e.getSuppressed()).hasSize(1));
        assertThat(first).doesNotExist();
        assertThat(stubborn).doesNotExist();
        journal.close();
        assertThat(files()).hasSize(1);
    }

    /** The line is durable before the thing is begun: one that is not whole is of nothing. */
    @Test
    void aLineThatWasCutShortIsOfNothing() throws Exception {
        RunJournal killed = journals.begin("backup");
        killed.add(new Leftover.Mounts(place.resolve("mnt-x")));
        killed.close();
        Path file = runs.resolve(files().getFirst());
        Files.writeString(file, "{\"snapshot\":\"abc", StandardOpenOption.APPEND);
        try (RunJournals.Abandoned found = journals.abandoned()) {
            assertThat(found.journals().getFirst().leftovers())
                    .containsExactly(new Leftover.Mounts(place.resolve("mnt-x")));
        }
    }

    @Test
    void noJournalMakesUsTouchWhatNoRunWouldHaveMade() throws Exception {
        for (String line :
                List.of(
                        "{\"mounts\":\"/usr\"}",
                        "{\"mounts\":\"/run/lull/mnt-x/../../usr\"}",
                        "{\"mounts\":\"mnt-x\"}",
                        "{\"file\":\"etc/passwd\"}",
                        "{\"snapshot\":\"../../x\"}",
                        "{\"other\":\"x\"}",
                        "rubbish")) {
            RunJournal killed = journals.begin("backup");
            killed.close();
            Path file = runs.resolve(files().getFirst());
            Files.writeString(file, line + "\n", StandardOpenOption.APPEND);
            try (RunJournals.Abandoned found = journals.abandoned()) {
                assertThat(found.journals()).as(line).isEmpty();
                assertThat(found.unreadable()).as(line).containsOnlyKeys(file);
            }
            Files.delete(file);
        }
    }

    @Test
    void aDirectoryThatOthersCanWriteToIsNotTrusted() throws Exception {
        journals.begin("backup").close();
        Files.setPosixFilePermissions(runs, PosixFilePermissions.fromString("rwxrwxrwx"));
        assertThatThrownBy(journals::abandoned)
                .isInstanceOf(SnapshotException.class)
                .hasMessageContaining("others may write to it");
    }
}
