package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lull.it.harness.CProgram;
import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.Ioctls;
import dev.lull.it.harness.LeaseProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Processes;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.SupervisorProbe;
import dev.lull.it.harness.Timing;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Programs that hang, that are many, and that try to be somebody else while they are looked at. */
class RunTricksIT {
    private static final int HUNDRED = 100;
    private static final Pattern COUNTS =
            Pattern.compile(
                    "frozen (\\d+) busy (\\d+) unsupported (\\d+) refused (\\d+) other (\\d+)");

    // ---- those that hang

    /**
     * One thread of it sleeps in a store to a mapping of what is frozen: whoever reads its memory, its {@code cmdline} or
     * its {@code maps} sleeps with it. Its own ioctls that need none of these, and those of others, are answered.
     */
    @Test
    void aProgramWithAThreadInAnMmapStoreIsAnswered() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var program =
                        Ioctls.start(
                                filesystem,
                                "map:FILE",
                                "storing",
                                "sleep:100",
                                "freeze:30",
                                "sleep:500",
                                "say:stuck",
                                "thaw")) {
            program.awaitOut("freeze: 0"::equals);
            await("its thread hangs").until(() -> Processes.isStuck(program.pid()));
            assertThat(program.finish().expect(0).out())
                    .containsExactly("freeze: 0", "stuck", "thaw: 0");
            assertThat(LeaseProbe.awaitEnd(filesystem)).isEqualTo("released");
        }
    }

    /** Its reset has its memory read. That may hang until the deadline; nobody else's ioctl may. */
    @Test
    void theSupervisorDoesNotHangWithAProgramThatDoes() {
        String script =
                """
                "$0" open:"$1" map:"$1/file" storing sleep:100 freeze:6 sleep:300 say:hangs reset:6 say:back &
                until [ -e "$3" ]; do sleep 0.02; done
                "$0" open:"$2" freeze:30 reset:30 thaw say:other
                wait
                """;
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var other = ScratchFilesystem.make(FilesystemType.EXT4);
                var program =
                        Ioctls.start(
                                List.of(),
                                List.of(
                                        "sh",
                                        "-c",
                                        script,
                                        CProgram.compiled("ioctls"),
                                        place(filesystem),
                                        place(other),
                                        other.resolve("go").toString()))) {
            program.awaitOut("hangs"::equals);
            long hung = System.nanoTime();
            Program.run("touch", other.resolve("go").toString());
            program.awaitOut("other"::equals);
            assertThat(System.nanoTime() - hung)
                    .as("others are answered before the deadline of the one that hangs")
                    .isLessThan(Duration.ofSeconds(4).toNanos());
            assertThat(FrozenProbe.isFrozen(filesystem)).isTrue();
            assertThat(program.out()).containsSubsequence("freeze: 0", "reset: 0", "thaw: 0");

            program.awaitOut("back"::equals);
            assertThat(program.finish().expect(0).out()).contains("back");
            assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();
            assertThat(LeaseProbe.awaitEnd(filesystem)).isEqualTo("expired");
        }
    }

    // ---- those that are many

    /** Each wants the same few filesystems for itself. One supervisor answers them all. */
    @Test
    void aHundredProgramsUnderOneAreAnswered() {
        String script =
                """
                i=0
                while [ $i -lt 100 ]; do
                    shift_by=$((i % 3 + 1))
                    eval "place=\\${$shift_by}"
                    "$0" open:"$place" take-turn &
                    i=$((i + 1))
                done
                wait
                """;
        try (var one = ScratchFilesystem.make(FilesystemType.EXT4);
                var two = ScratchFilesystem.make(FilesystemType.XFS);
                var three = ScratchFilesystem.make(FilesystemType.EXT4)) {
            var result =
                    Ioctls.run(
                            List.of(),
                            List.of(
                                    "sh",
                                    "-c",
                                    script,
                                    CProgram.compiled("ioctls"),
                                    place(one),
                                    place(two),
                                    place(three)));
            assertThat(result.out())
                    .hasSize(2 * HUNDRED)
                    .allSatisfy(line -> assertThat(line).isIn("freeze: 0", "thaw: 0"));
            long released =
                    List.of(one, two, three).stream()
                            .flatMap(filesystem -> LeaseProbe.ended(filesystem).stream())
                            .filter(lease -> lease.state().equals("released"))
                            .count();
            assertThat(released).isEqualTo(HUNDRED);
        }
    }

    /** Each with a supervisor of its own. */
    @Test
    @Timeout(240)
    void aHundredRunsAtOnceAllFreezeAndThaw() {
        try (var one = ScratchFilesystem.make(FilesystemType.EXT4);
                var two = ScratchFilesystem.make(FilesystemType.EXT4)) {
            List<LullProcess> all = new ArrayList<>();
            try {
                for (int i = 0; i < HUNDRED; i++) {
                    all.add(Ioctls.start(i % 2 == 0 ? one : two, "take-turn"));
                }
                List<String> said = new ArrayList<>();
                for (LullProcess run : all) {
                    one.renew();
                    two.renew();
                    said.add(run.finish(Duration.ofMinutes(2)).expect(0).outText());
                }
                assertThat(said).hasSize(HUNDRED).containsOnly("freeze: 0\nthaw: 0");
            } finally {
                all.forEach(LullProcess::close);
            }
            SupervisorProbe.awaitNone();
            assertThat(FrozenProbe.isFrozen(one)).isFalse();
            assertThat(FrozenProbe.isFrozen(two)).isFalse();
        }
    }

    // ---- those that try to be somebody else

    /** Another thread stores 3 and 200 in turn to where the timeout is read. */
    @Test
    void anArgumentThatChangesMeanwhileIsReadOnce() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            Ioctls.run(filesystem, "changing", "freeze-changed");
            var lease = LeaseProbe.awaitFrozen(filesystem);
            long timeout = lease.timeoutMillis().orElseThrow();
            assertThat(timeout).isIn(3_000L, 200_000L);
            assertThat(LeaseProbe.left(lease)).isLessThanOrEqualTo(Duration.ofMillis(timeout));
            Ioctls.run(filesystem, "thaw");
        }
    }

    /**
     * The number is another file each time that somebody looks. What is frozen is what it was at some one moment, under a
     * lease.
     */
    @Test
    void aDescriptorThatIsAnotherFileMeanwhileIsTakenOnce() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var other = ScratchFilesystem.make(FilesystemType.XFS)) {
            int times = 60;
            Counts counts =
                    Counts.in(
                            Ioctls.run(
                                    filesystem, "reopening:" + place(other), "attempt:" + times));
            assertThat(counts.frozen + counts.busy).isEqualTo(times);
            assertThat(counts.frozen).isPositive();
            Ioctls.start(filesystem, "thaw").finish();
            Ioctls.start(other, "thaw").finish();
            assertThat(LeaseProbe.ended(filesystem).size() + LeaseProbe.ended(other).size())
                    .as("each freeze was under a lease")
                    .isEqualTo(counts.frozen);
            assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();
            assertThat(FrozenProbe.isFrozen(other)).isFalse();
        }
    }

    /** The other file is on what can never be frozen. */
    @Test
    void noMomentIsLeftInWhichTheWrongFileIsFrozen() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            Counts counts = Counts.in(Ioctls.run(filesystem, "reopening:/run/lull", "attempt:60"));
            assertThat(counts.other).isZero();
            assertThat(counts.refused).isZero();
            assertThat(counts.unsupported).isPositive();
            Ioctls.start(filesystem, "thaw").finish();
            assertThat(LeaseProbe.ended(filesystem)).hasSize(counts.frozen);
            assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();
        }
    }

    @Test
    void whoMayNotFreezeMayNotByAnyTrick() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4);
                var other = ScratchFilesystem.make(FilesystemType.XFS)) {
            Counts counts =
                    Counts.in(
                            Ioctls.run(
                                    filesystem,
                                    "reopening:" + place(other),
                                    "setuid:65534",
                                    "attempt:2000"));
            assertThat(counts.refused).isEqualTo(2000);
            assertThat(FrozenProbe.isFrozen(filesystem)).isFalse();
            assertThat(FrozenProbe.isFrozen(other)).isFalse();
            assertThat(LeaseProbe.ended(filesystem)).isEmpty();
        }
    }

    /** A freeze is for as long as its holder has asked for, however often it is asked. */
    @Test
    void whoFreezesAgainAndAgainIsThawedEachTime() {
        try (var filesystem = ScratchFilesystem.make(FilesystemType.EXT4)) {
            assertThat(Ioctls.run(filesystem, "freeze:2", "freeze:200", "freeze:200").out())
                    .containsExactly("freeze: 0", "freeze: EBUSY", "freeze: EBUSY");
            FrozenProbe.awaitThawed(filesystem, Timing.latest(Duration.ofSeconds(2)));
            assertThat(LeaseProbe.awaitEnd(filesystem)).isEqualTo("expired");
        }
    }

    /** What became of freezes, as ioctls.c counts them. */
    private record Counts(int frozen, int busy, int unsupported, int refused, int other) {
        static Counts in(LullProcess.Result result) {
            Matcher line = COUNTS.matcher(result.onlyLine());
            assertThat(line.matches()).as(result.toString()).isTrue();
            return new Counts(
                    Integer.parseInt(line.group(1)),
                    Integer.parseInt(line.group(2)),
                    Integer.parseInt(line.group(3)),
                    Integer.parseInt(line.group(4)),
                    Integer.parseInt(line.group(5)));
        }
    }

    private static String place(ScratchFilesystem filesystem) {
        return filesystem.mountPoint().toString();
    }
}
