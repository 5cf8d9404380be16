package dev.lull.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lull.participant.Cut;
import dev.lull.participant.Participant;
import dev.lull.participant.ParticipantException;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ParticipantsTest {
    private static final Cut CUT = new Cut(List.of(), Duration.ofSeconds(40));

    private final List<String> calls = new ArrayList<>();
    private long now;

    /** Fails at one of its calls, if told which. */
    private final class Scripted implements Participant {
        private final String name;
        private final String failing;

        Scripted(String name, String failing) {
            this.name = name;
            this.failing = failing;
        }

        private void call(String what) throws ParticipantException {
            calls.add(what + " " + name);
            now += 1_000_000;
            if (failing.equals("not at rest") && what.equals("resume")) {
                throw new ParticipantException.NotAtRest(name, "the session ended", "");
            }
            if (failing.equals(what)) {
                throw new ParticipantException(name, what, "told to fail", "");
            }
        }

        @Override
        public String kind() {
            return "scripted";
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public boolean essential() {
            return !name.startsWith("spare");
        }

        @Override
        public void prepare(Cut cut) throws ParticipantException {
            assertThat(cut).isEqualTo(CUT);
            call("prepare");
        }

        @Override
        public void rest() throws ParticipantException {
            call("rest");
        }

        @Override
        public void resume() throws ParticipantException {
            call("resume");
        }

        @Override
        public boolean needsOneInstant() {
            return !name.equals("b");
        }

        @Override
        public List<Path> collect(Path into) throws ParticipantException {
            call("collect");
            return List.of(into.resolve(name));
        }

        @Override
        public Map<String, String> evidence() {
            return Map.of("name", name);
        }

        @Override
        public void close() throws ParticipantException {
            call("close");
        }
    }

    private Participants of(String... failing) {
        List<Participant> all = new ArrayList<>();
        for (int i = 0; i < failing.length; i++) {
            all.add(new Scripted(String.valueOf((char) ('a' + i)), failing[i]));
        }
        return new Participants(all, () -> now);
    }

    private Participants withSpare(String failing) {
        return new Participants(
                List.of(new Scripted("spare", failing), new Scripted("b", "")), () -> now);
    }

    private void run(Participants participants) throws Exception {
        new Plan()
                .add(
                        Step.during(
                                "participants",
                                () -> participants.prepare(CUT),
                                participants::close))
                .add(Step.during("rest", participants::rest, participants::requireNoneAtRest))
                .add(Step.of("snapshot", () -> String.valueOf(calls.add("snapshot"))))
                .add(Step.of("resume", participants::resume))
                .add(Step.of("verdict", () -> String.valueOf(calls.add("verdict"))))
                .run();
    }

    @Test
    void oneThatNeedsTheSameInstantNeedsItForAll() {
        assertThat(of().needOneInstant()).isTrue();
        assertThat(of("").needOneInstant()).isTrue();
        assertThat(of("", "").needOneInstant()).isTrue();
        assertThat(of("", "").bringFiles()).isTrue();
        assertThat(of("").bringFiles()).isFalse();
    }

    @Test
    void filesAreCollectedOfThoseWhoWereAtRest() throws Exception {
        Participants all = withSpare("rest");
        run(all);
        assertThat(all.collect(Path.of("/into"))).containsExactly(Path.of("/into/b"));
        assertThat(of("", "").collect(Path.of("/into")))
                .containsExactly(Path.of("/into/a"), Path.of("/into/b"));
        assertThatThrownBy(() -> of("collect").collect(Path.of("/into")))
                .isInstanceOf(ParticipantException.class)
                .hasMessage("collect a: told to fail");
    }

    @Test
    void restsInOrderAndResumesInReverse() throws Exception {
        Participants participants = of("", "");

        run(participants);

        assertThat(calls)
                .containsExactly(
                        "prepare a",
                        "prepare b",
                        "rest a",
                        "rest b",
                        "snapshot",
                        "resume b",
                        "resume a",
                        "verdict",
                        "close b",
                        "close a");
        assertThat(participants.rested())
                .containsExactlyInAnyOrder(
                        new Manifest.Application(
                                "scripted", "b", Duration.ofMillis(2), Map.of("name", "b")),
                        new Manifest.Application(
                                "scripted", "a", Duration.ofMillis(4), Map.of("name", "a")));
    }

    @Test
    void whoeverWasBegunToBeBroughtToRestIsLetGoOn() {
        assertThatThrownBy(() -> run(of("", "rest", ""))).hasMessage("rest b: told to fail");

        assertThat(calls)
                .containsExactly(
                        "prepare a",
                        "prepare b",
                        "prepare c",
                        "rest a",
                        "rest b",
                        "resume b",
                        "resume a",
                        "close c",
                        "close b",
                        "close a");
    }

    @Test
    void nobodyIsBroughtToRestIfOneCannotBePrepared() {
        assertThatThrownBy(() -> run(of("", "prepare"))).hasMessage("prepare b: told to fail");

        assertThat(calls).containsExactly("prepare a", "prepare b", "close b", "close a");
    }

    @Test
    void oneThatMayStillBeAtRestLeavesTheSnapshotGoodAndIsToldOf() {
        assertThatThrownBy(() -> run(of("", "resume")))
                .isInstanceOf(PlanException.CleanUpIncomplete.class)
                .hasMessageContaining("resume b: told to fail");

        assertThat(calls).contains("resume a", "verdict");
    }

    @Test
    void oneThatWasNotAtRestMakesThePlanFailOnceAllGoOn() {
        assertThatThrownBy(() -> run(of("", "not at rest")))
                .isInstanceOf(ParticipantException.NotAtRest.class);

        assertThat(calls).contains("resume a").doesNotContain("verdict");
        assertThat(Stream.of("resume a", "resume b").map(calls::indexOf)).doesNotContain(-1);
    }

    @Test
    void noFailureIsLost() throws IOException {
        Participants participants = of("resume", "not at rest", "resume");
        participants.prepare(CUT);
        participants.rest();

        assertThatThrownBy(participants::requireNoneAtRest)
                .isInstanceOf(ParticipantException.NotAtRest.class)
                .satisfies(e ->
                        assertThat(e.getSuppressed()[0].getSuppressed()[0])
                                .hasMessage("resume a: told to fail"));
        participants.requireNoneAtRest();
    }

    @ParameterizedTest
    @ValueSource(strings = {"prepare", "rest"})
    void oneThatIsNotEssentialIsGoneOnWithoutAndToldOf(String failing) throws Exception {
        Participants participants = withSpare(failing);

        run(participants);

        assertThat(calls).contains("rest b", "resume b", "verdict", "close spare");
        assertThat(calls.contains("resume spare")).isEqualTo(failing.equals("rest"));
        assertThat(participants.rested()).extracting(Manifest.Application::name).containsOnly("b");
        assertThat(participants.notes())
                .containsOnly("spare was not at rest: " + failing + " spare: told to fail");
    }

    @Test
    void oneThatIsNotEssentialAndDidNotStayAtRestIsToldOf() throws Exception {
        Participants participants = withSpare("not at rest");

        run(participants);

        assertThat(participants.rested()).extracting(Manifest.Application::name).containsOnly("b");
        assertThat(participants.notes()).singleElement().asString().contains("the session ended");
    }
}
