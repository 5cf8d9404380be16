package dev.lull.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.lull.it.harness.FilesystemType;
import dev.lull.it.harness.FrozenProbe;
import dev.lull.it.harness.GuardProbe;
import dev.lull.it.harness.LullProcess;
import dev.lull.it.harness.Processes;
import dev.lull.it.harness.ScratchFilesystem;
import dev.lull.it.harness.Timing;
import dev.lull.it.harness.Writer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * An ext4 in a file of an XFS in a file of another filesystem, all three in one set: frozen from the top down, and thawed from
 * the bottom up. In any other order, one of them waits in the kernel for another.
 */
class DeepStackIT {
    private static final Duration AT_ONCE = Duration.ofSeconds(3);

    /** Top, middle, bottom, with a writer on each that waits for its data to be on the disk. */
    private static final class Stack implements AutoCloseable {
        private final ScratchFilesystem bottom;
        private final ScratchFilesystem middle;
        private final ScratchFilesystem top;
        private final List<Writer> writers = new ArrayList<>();

        Stack(FilesystemType lowest) {
            bottom = ScratchFilesystem.of(lowest).mebibytes(700).make();
            middle = ScratchFilesystem.of(FilesystemType.XFS).on(bottom).make();
            top = ScratchFilesystem.of(FilesystemType.EXT4).on(middle).make();
            for (ScratchFilesystem filesystem : all()) {
                writers.add(Writer.startDurable(filesystem));
            }
        }

        List<ScratchFilesystem> all() {
            return List.of(top, middle, bottom);
        }

        List<String> places() {
            return all().stream().map(one -> one.mountPoint().toString()).toList();
        }

        /** @param order which of top, middle and bottom is named first, and so on */
        String freeze(String timeout, List<Integer> order) {
            var words = new ArrayList<>(List.of("freeze", "--timeout", timeout));
            order.forEach(number -> words.add(places().get(number)));
            return LullProcess.run(words.toArray(String[]::new)).expect(0).onlyLine();
        }

        void awaitGoing(Duration patience) {
            writers.forEach(writer -> writer.awaitGoing(patience));
            for (ScratchFilesystem filesystem : all()) {
                assertThat(FrozenProbe.isFrozen(filesystem)).as("%s", filesystem).isFalse();
            }
        }

        @Override
        public void close() {
            // None of them can be thawed before the one below it.
            bottom.thawIfFrozen();
            middle.thawIfFrozen();
            top.thawIfFrozen();
            writers.forEach(Writer::close);
            top.close();
            middle.close();
            bottom.close();
        }
    }

    static Stream<Arguments> namedInEachOrder() {
        return Stream.of(
                        List.of(0, 1, 2),
                        List.of(0, 2, 1),
                        List.of(1, 0, 2),
                        List.of(1, 2, 0),
                        List.of(2, 0, 1),
                        List.of(2, 1, 0))
                .flatMap(order ->
                        Stream.of(FilesystemType.EXT4, FilesystemType.BTRFS)
                                .map(type -> Arguments.of(order, type)));
    }

    @ParameterizedTest
    @MethodSource("namedInEachOrder")
    void isFrozenFromTheTopDown(List<Integer> order, FilesystemType lowest) {
        try (var stack = new Stack(lowest)) {
            String lease = stack.freeze("60s", order);
            stack.writers.forEach(Writer::awaitBlocked);
            assertThat(paths(LullProcess.run("status", "--json").expect(0).outText()))
                    .as("in freezing order")
                    .isEqualTo(stack.places());
            LullProcess.run("thaw", lease).expect(0);
            stack.awaitGoing(AT_ONCE);
        }
    }

    private static List<String> paths(String json) {
        Matcher matcher = Pattern.compile("\"path\":\\s*\"([^\"]*)\"").matcher(json);
        return matcher.results().map(found -> found.group(1)).toList();
    }

    @ParameterizedTest
    @EnumSource(names = {"EXT4", "BTRFS"})
    void isThawedAtItsDeadline(FilesystemType lowest) {
        Duration timeout = Duration.ofSeconds(3);
        try (var stack = new Stack(lowest)) {
            stack.freeze("3s", List.of(1, 2, 0));
            long told = System.nanoTime();
            stack.writers.forEach(Writer::awaitBlocked);
            stack.awaitGoing(Timing.latest(timeout));
            assertThat(System.nanoTime() - told).isLessThan(Timing.latest(timeout).toNanos());
        }
    }

    /** By the sentry, or, where that is gone too, by whoever comes next. */
    @ParameterizedTest
    @EnumSource(names = {"EXT4", "BTRFS"})
    void isThawedWhoeverDies(FilesystemType lowest) {
        try (var stack = new Stack(lowest)) {
            stack.freeze("60s", List.of(2, 0, 1));
            stack.writers.forEach(Writer::awaitBlocked);
            GuardProbe.kill9(GuardProbe.pids().guard());
            stack.awaitGoing(AT_ONCE);

            stack.freeze("60s", List.of(1, 0, 2));
            stack.writers.forEach(Writer::awaitBlocked);
            GuardProbe.Pids pids = GuardProbe.pids();
            Processes.signal(pids.guard(), "STOP");
            GuardProbe.kill9(pids.sentry(), pids.guard(), pids.canary());
            await("both are gone")
                    .until(() -> Processes.isGone(pids.guard()) && Processes.isGone(pids.sentry()));
            LullProcess.run("status").expect(0);
            stack.awaitGoing(AT_ONCE);
        }
    }
}
