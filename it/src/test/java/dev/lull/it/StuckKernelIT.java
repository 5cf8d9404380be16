package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import dev.lull.freeze.ArmedLease;
import dev.lull.freeze.FreezeException;
import dev.lull.freeze.FreezeSet;
import dev.lull.freeze.Freezer;
import dev.lull.freeze.GuardUnreachableException;
import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.GuardProbe;
import dev.lull.it.harness.LateThaw;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Program;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.Timing;
import dev.lull.it.harness.Writer;
import dev.lull.lease.Timeouts;
import java.time.Duration;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Calls that the real kernel does not return from: the upper filesystem's image lies on a lower one, which the test has
 * frozen, so nothing of the upper one can be written. What is stuck is told, and since when; everybody else's lease is kept
 * to the second; and when the kernel returns, all is undone at once.
 */
class StuckKernelIT {
    private static final int GUARD = 8;
    private static final Duration AT_ONCE = Duration.ofSeconds(3);

    /** Longer than any test is silent, and shorter than a test may last. */
    private static final Duration SILENCE = Duration.ofSeconds(45);

    private ScratchFilesystem lower;
    private ScratchFilesystem upper;
    private ScratchFilesystem other;
    private Writer writer;
    private Writer neighbour;
    private LateThaw late;

    @BeforeEach
    void make() {
        GuardProbe.start();
        lower = ScratchFilesystem.make(FilesystemType.XFS);
        upper = ScratchFilesystem.of(FilesystemType.EXT4).on(lower).make();
        other = ScratchFilesystem.make(FilesystemType.EXT4);
        writer = Writer.start(upper);
        neighbour = Writer.start(other);
        late = LateThaw.of(lower, SILENCE);
    }

    @AfterEach
    void close() {
        lower.thawIfFrozen();
        late.close();
        writer.close();
        neighbour.close();
        other.close();
        upper.close();
        lower.close();
    }

    /** From now on what is written to the upper one stays in memory, and there is some. */
    private void freezeLower() {
        lower.freeze();
        Program.run("dd", "if=/dev/zero", "of=" + upper.resolve("dirty"), "bs=64k", "count=16");
        late.renew();
    }

    /** Its own freeze begins and ends meanwhile, on time. */
    private void requireNeighbourOnTime() {
        Duration timeout = Duration.ofSeconds(2);
        String lease =
                LullProcess.run("freeze", "--timeout", "2s", place(other)).expect(0).onlyLine();
        long told = System.nanoTime();
        neighbour.awaitBlocked();
        neighbour.awaitGoing(Timing.latest(timeout));
        assertThat(System.nanoTime() - told).isLessThan(Timing.latest(timeout).toNanos());
        assertThat(end(lease)).contains("expired");
        LullProcess.run("hold", place(other), "--", "true").expect(0);
    }

    @Test
    void aFreezeThatDoesNotReturnIsToldAndThawedWhenItDoes() {
        freezeLower();
        try (var freeze =
                LullProcess.start(
                        "freeze",
                        "--no-presync",
                        "--within",
                        "1s",
                        "--timeout",
                        "40s",
                        place(upper))) {
            GuardProbe.awaitStuck();
            // The first level of the freeze stands, though the call has not returned.
            writer.awaitBlocked();
            assertThat(freeze.finish().expect(GUARD).errText())
                    .contains(place(upper))
                    .containsPattern("has not returned from FIFREEZE of \\S+ for [3-9] s")
                    .contains("hint: it is thawed as soon as the kernel returns");
            assertThat(freeze.out()).isEmpty();
        }
        String lease = requireStatusTells("FIFREEZE");
        requireNeighbourOnTime();
        assertThat(LullProcess.run("freeze", place(upper)).expect(GUARD).errText())
                .contains("cannot freeze " + place(upper), "FIFREEZE");
        LullProcess.run("status").expect(0);
        late.renew();

        lower.thaw();
        writer.awaitGoing(AT_ONCE);
        FrozenProbe.awaitThawed(upper, AT_ONCE);
        assertThat(end(lease)).contains("failed");
        LullProcess.run("hold", place(upper), "--", "true").expect(0);
    }

    /** Between arming and the freeze: it is the short write-back before FIFREEZE that does not return. */
    @Test
    void aWriteBackBeforeTheFreezeThatDoesNotReturnIsToldAndNothingStaysFrozen() throws Exception {
        var timeouts = new Timeouts(Duration.ofSeconds(1), Optional.of(Duration.ofSeconds(40)));
        String lease;
        try (FreezeSet set = FreezeSet.of(upper.mountPoint());
                ArmedLease armed = Freezer.system().arm(set, timeouts)) {
            lease = armed.id();
            freezeLower();
            FreezeException stuck = catchThrowableOfType(FreezeException.class, armed::freeze);
            assertThat(stuck).isInstanceOf(GuardUnreachableException.class);
            assertThat(stuck.getMessage())
                    .contains(lease)
                    .containsPattern("has not returned from syncfs of \\S+ for [3-9] s");
        }
        assertThat(requireStatusTells("syncfs")).isEqualTo(lease);
        requireNeighbourOnTime();

        lower.thaw();
        await("it has ended")
                .atMost(AT_ONCE)
                .untilAsserted(() ->
                        assertThat(LullProcess.run("status").expect(0).out())
                                .startsWith("no leases"));
        assertThat(end(lease)).contains("failed");
        FrozenProbe.awaitThawed(upper, AT_ONCE);
        LullProcess.run("hold", place(upper), "--", "true").expect(0);
    }

    /** Whoever armed it waits; nothing is frozen, and nobody is hindered. */
    @Test
    void aWriteBackWhileArmingIsShownAndGoesOn() {
        freezeLower();
        try (var hold = LullProcess.start("hold", "--timeout", "40s", place(upper), "--", "true")) {
            GuardProbe.awaitStuck();
            await("status shows it")
                    .atMost(Duration.ofSeconds(15))
                    .untilAsserted(() ->
                            assertThat(LullProcess.run("status").expect(0).outText())
                                    .containsPattern(
                                            "note: lease \\w+: what is dirty on "
                                                    + place(upper)
                                                    + " is being written back since \\S+ \\S+, for"
                                                    + " [0-9.]+ ?s; nothing is frozen"));
            requireNeighbourOnTime();
            late.renew();
            lower.thaw();
            hold.finish().expect(0);
        }
    }

    @Test
    void aThawThatDoesNotReturnIsToldAndTheOthersAreThawed() {
        String lease =
                LullProcess.run("freeze", "--timeout", "60s", place(upper), place(other))
                        .expect(0)
                        .onlyLine();
        lower.freeze();
        late.renew();
        assertThat(LullProcess.run("thaw", lease).expect(GUARD).errText())
                .containsPattern(
                        "has not returned from FITHAW of " + place(upper) + " for [3-9] s");
        neighbour.awaitGoing(AT_ONCE);
        assertThat(requireStatusTells("FITHAW")).isEqualTo(lease);
        requireNeighbourOnTime();
        late.renew();

        lower.thaw();
        writer.awaitGoing(AT_ONCE);
        assertThat(end(lease)).contains("released");
    }

    /** By {@code status}, with since when. @return the lease that it is told of */
    private String requireStatusTells(String call) {
        String text = LullProcess.run("status").expect(0).outText();
        Matcher stuck =
                Pattern.compile(
                                "stuck: lease (\\w+): the kernel has not returned from "
                                        + call
                                        + " of "
                                        + place(upper)
                                        + " since \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d, for [0-9.]+ ?s")
                        .matcher(text);
        assertThat(stuck.find()).as(text).isTrue();
        return stuck.group(1);
    }

    /** The line of the history about this lease, as soon as there is one. */
    private static String end(String lease) {
        return await("lease " + lease + " has ended")
                .atMost(Duration.ofSeconds(10))
                .until(
                        () ->
                                LullProcess.run("history").expect(0).out().stream()
                                        .filter(line -> line.startsWith(lease))
                                        .findFirst(),
                        Optional::isPresent)
                .orElseThrow();
    }

    private static String place(ScratchFilesystem filesystem) {
        return filesystem.mountPoint().toString();
    }
}
