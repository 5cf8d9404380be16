package dev.lull.guard;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lull.guard.LeaseView.FilesystemView;
import dev.lull.guard.Reply.Failure.Kind;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.ValueSource;

class WireTest {
    private static final LeaseView BARE =
            new LeaseView(
                    "k3x9p2aa",
                    "armed",
                    "",
                    true,
                    "hold",
                    4711,
                    0,
                    10_000,
                    OptionalLong.empty(),
                    OptionalLong.empty(),
                    1_700_000_000_000L,
                    OptionalLong.empty(),
                    OptionalLong.empty(),
                    List.of());

    private static final LeaseView FULL =
            new LeaseView(
                    "k3x9p2ab",
                    "released",
                    "released by its holder",
                    false,
                    "a \"program\"\n\u0000\u001b[31m",
                    1,
                    -2,
                    1,
                    OptionalLong.of(30_000),
                    OptionalLong.of(Long.MAX_VALUE),
                    Long.MIN_VALUE,
                    OptionalLong.of(0),
                    OptionalLong.of(612_345),
                    List.of(
                            new FilesystemView(
                                    "/srv/ä ö\t",
                                    "7:3",
                                    "ext4",
                                    "/dev/loop3",
                                    Optional.of("0e1c"),
                                    "done",
                                    99,
                                    OptionalLong.of(1),
                                    OptionalLong.of(2),
                                    Optional.of("EINVAL")),
                            new FilesystemView(
                                    "/b",
                                    "0:45",
                                    "btrfs",
                                    "",
                                    Optional.empty(),
                                    "idle",
                                    -1,
                                    OptionalLong.empty(),
                                    OptionalLong.empty(),
                                    Optional.empty())));

    private static final ParticipantView SHOP =
            new ParticipantView(
                    3,
                    "shop",
                    4711,
                    1000,
                    5_000,
                    List.of("/srv/shop"),
                    List.of("7:3"),
                    ParticipantState.FAILED,
                    "the disk\n is full",
                    Map.of("lsn", "0/1"));

    static final List<Request> REQUESTS =
            List.of(
                    new Request.Arm(
                            Wire.PROTOCOL,
                            List.of("/srv/a", "/srv/\u20ac \"quoted\""),
                            true,
                            Duration.ofMillis(1),
                            Optional.of(Duration.ofSeconds(30)),
                            true,
                            false,
                            "backup"),
                    new Request.Arm(
                            7,
                            List.of("."),
                            false,
                            Duration.ofSeconds(10),
                            Optional.empty(),
                            false,
                            true,
                            "x"),
                    new Request.Freeze("k3x9p2aa"),
                    new Request.Extend("k3x9p2aa", Optional.empty()),
                    new Request.Extend("k3x9p2aa", Optional.of(Duration.ofMinutes(2))),
                    new Request.Release("k3x9p2aa"),
                    new Request.Thaw(Optional.of("k3x9p2aa"), Optional.empty(), false, false),
                    new Request.Thaw(Optional.empty(), Optional.of("/srv"), false, true),
                    new Request.Thaw(Optional.empty(), Optional.empty(), true, false),
                    new Request.Status(),
                    new Request.History(20),
                    new Request.Wait("k3x9p2aa"),
                    new Request.Abandon("k3x9p2aa"),
                    new Request.Register(
                            Wire.PROTOCOL,
                            "shop",
                            Duration.ofSeconds(5),
                            List.of("/srv/shop", "/var/lib/shop")),
                    new Request.Await(),
                    new Request.Answer(
                            Request.Answer.Outcome.FAILED, "the disk\n is full", Map.of()),
                    new Request.Answer(
                            Request.Answer.Outcome.DONE, "", Map.of("lsn", "0/1", "empty", "")),
                    new Request.Rest(List.of(1, 3), Duration.ofSeconds(40)),
                    new Request.Resume(),
                    new Request.Stop(true),
                    new Request.Stop(false));

    record Answered(Request request, Reply reply) {}

    static final List<Answered> REPLIES =
            List.of(
                    new Answered(REQUESTS.getFirst(), new Reply.Armed(BARE)),
                    new Answered(REQUESTS.getFirst(), new Reply.Armed(FULL)),
                    new Answered(
                            new Request.Freeze("a1"), new Reply.Frozen("a1", OptionalLong.of(17))),
                    new Answered(
                            new Request.Freeze("a1"), new Reply.Frozen("a1", OptionalLong.empty())),
                    new Answered(
                            new Request.Extend("a1", Optional.empty()),
                            new Reply.Extended("a1", OptionalLong.of(18))),
                    new Answered(new Request.Release("a1"), new Reply.Ended(List.of(FULL))),
                    new Answered(
                            new Request.Thaw(Optional.empty(), Optional.empty(), true, false),
                            new Reply.Ended(List.of())),
                    new Answered(new Request.History(3), new Reply.Ended(List.of(FULL, BARE))),
                    new Answered(new Request.Wait("a1"), new Reply.Ended(List.of(BARE))),
                    new Answered(
                            new Request.Status(),
                            new Reply.GuardStatus(
                                    "0.1.0",
                                    1,
                                    77,
                                    Optional.of(78),
                                    Optional.empty(),
                                    1,
                                    2,
                                    List.of(BARE, FULL),
                                    List.of(SHOP),
                                    List.of("in the caller's cgroup"))),
                    new Answered(
                            new Request.Register(
                                    1, "shop", Duration.ofSeconds(5), List.of("/srv/shop")),
                            new Reply.Registered(3)),
                    new Answered(
                            new Request.Await(),
                            new Reply.Ordered(Reply.Ordered.Order.REST, Duration.ofSeconds(40))),
                    new Answered(
                            new Request.Answer(
                                    Request.Answer.Outcome.DONE, "", Map.of("lsn", "0/1")),
                            new Reply.Done()),
                    new Answered(
                            new Request.Rest(List.of(3), Duration.ofSeconds(40)),
                            new Reply.Heard(List.of(SHOP))),
                    new Answered(new Request.Resume(), new Reply.Heard(List.of())),
                    new Answered(new Request.Stop(false), new Reply.Done()),
                    new Answered(
                            new Request.Freeze("a1"),
                            new Reply.Failure(
                                    Kind.CANNOT_FREEZE,
                                    "cannot freeze /srv: EOPNOTSUPP",
                                    Optional.of("EOPNOTSUPP"),
                                    Optional.of("/srv"),
                                    Optional.of("tmpfs cannot be frozen"),
                                    Optional.of(FULL))),
                    new Answered(
                            new Request.Status(), Reply.Failure.of(Kind.INVALID, "garbage", "")));

    @ParameterizedTest
    @FieldSource("REQUESTS")
    void aRequestComesBackAsItWas(Request request) throws Exception {
        byte[] encoded = Wire.encode(request);
        assertThat(encoded).endsWith((byte) 0).hasSizeLessThan(Wire.MAX_MESSAGE);
        assertThat(Wire.request(withoutNul(encoded))).isEqualTo(request);
    }

    @ParameterizedTest
    @FieldSource("REPLIES")
    void aReplyComesBackAsItWas(Answered answered) throws Exception {
        byte[] message = withoutNul(Wire.encode(answered.reply()));
        assertThat(Wire.reply(message, answered.request())).isEqualTo(answered.reply());
    }

    @Test
    void aLeaseAloneComesBackAsItWas() throws Exception {
        assertThat(Wire.leaseView(Wire.encode(FULL))).isEqualTo(FULL);
    }

    @Test
    void membersComeInAnyOrderAndUnknownOnesAreIgnored() throws Exception {
        assertThat(
                        request(
                                """
                                {"parameters": {"new": [{"x": null}], "lease": "abc", "timeoutMillis": null},
                                 "method": "dev.lull.Guard.Extend", "id": 3}\
                                """))
                .isEqualTo(new Request.Extend("abc", Optional.empty()));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "null",
                "[]",
                "{",
                "{}",
                "{}{}",
                "{\"method\": \"dev.lull.Guard.Status\"} x",
                "{\"method\": 3}",
                "{\"method\": \"dev.lull.Guard.Nonsense\"}",
                "{\"method\": \"Status\"}",
                "{\"method\": \"dev.lull.Guard.Status\", \"method\": \"dev.lull.Guard.Stop\"}",
                "{\"method\": \"dev.lull.Guard.Status\", \"more\": true}",
                "{\"method\": \"dev.lull.Guard.Status\", \"parameters\": []}",
                "{\"method\": \"dev.lull.Guard.Freeze\"}",
                "{\"method\": \"dev.lull.Guard.Freeze\", \"parameters\": {\"lease\": 3}}",
                "{\"method\": \"dev.lull.Guard.Freeze\", \"parameters\": {\"lease\": \"\"}}",
                "{\"method\": \"dev.lull.Guard.Freeze\", \"parameters\": {\"lease\": \"../x\"}}",
                "{\"method\": \"dev.lull.Guard.Freeze\", \"parameters\": {\"lease\": \"a\", \"lease\": \"b\"}}",
                "{\"method\": \"dev.lull.Guard.Extend\", \"parameters\": {\"lease\": \"a\", \"timeoutMillis\": 0}}",
                "{\"method\": \"dev.lull.Guard.Extend\", \"parameters\": {\"lease\": \"a\", \"timeoutMillis\": -5}}",
                "{\"method\": \"dev.lull.Guard.Extend\", \"parameters\": {\"lease\": \"a\", \"timeoutMillis\": 1e3}}",
                "{\"method\": \"dev.lull.Guard.Extend\", \"parameters\": {\"lease\": \"a\", \"timeoutMillis\": 1.5}}",
                "{\"method\": \"dev.lull.Guard.Extend\", \"parameters\": {\"lease\": \"a\", \"timeoutMillis\": \"9\"}}",
                "{\"method\": \"dev.lull.Guard.Extend\", \"parameters\": {\"lease\": \"a\", \"timeoutMillis\": 9223372036854775807}}",
                "{\"method\": \"dev.lull.Guard.Extend\", \"parameters\": {\"lease\": \"a\", \"timeoutMillis\": 9223372036854775808}}",
                "{\"method\": \"dev.lull.Guard.Extend\", \"parameters\": {\"lease\": \"a\", \"timeoutMillis\": 1111111111111111111111111}}",
                "{\"method\": \"dev.lull.Guard.Thaw\", \"parameters\": {}}",
                "{\"method\": \"dev.lull.Guard.Thaw\", \"parameters\": {\"lease\": \"a\", \"all\": true}}",
                "{\"method\": \"dev.lull.Guard.History\", \"parameters\": {\"limit\": 0}}",
                "{\"method\": \"dev.lull.Guard.Arm\", \"parameters\": {\"paths\": []}}",
                "{\"method\": \"dev.lull.Guard.Register\", \"parameters\": {\"protocol\": 1, \"name\": \"\","
                        + " \"limitMillis\": 1, \"paths\": [\"/\"]}}",
                "{\"method\": \"dev.lull.Guard.Answer\", \"parameters\": {\"outcome\": \"perhaps\"}}",
                "{\"method\": \"dev.lull.Guard.Answer\", \"parameters\": {\"outcome\": \"done\","
                        + " \"evidence\": {\"a\": 1}}}",
                "{\"method\": \"dev.lull.Guard.Rest\", \"parameters\": {\"participants\": [], \"longestMillis\": 1}}",
                "{\"method\": \"dev.lull.Guard.Rest\", \"parameters\": {\"participants\": [1, 1],"
                        + " \"longestMillis\": 1}}",
                "{'method': 'dev.lull.Guard.Status'}",
                "{\"method\": \"dev.lull.Guard.Status\", \"parameters\": {\"x\": NaN}}",
                "{\"method\": \"dev.lull.Guard.Status\", /* no */ \"parameters\": {}}",
                "{\"method\": \"dev.lull.Guard.Status\",}",
                "{\"method\": \"dev.lull.Guard.\u0001\"}",
            })
    void whatIsNoRequestIsRefused(String message) {
        assertThatThrownBy(() -> request(message)).isInstanceOf(WireException.class);
    }

    @Test
    void aMessageThatIsTooDeepIsRefused() {
        String deep = "[".repeat(10_000);
        assertThatThrownBy(() -> request("{\"method\": \"dev.lull.Guard.Status\", \"x\": " + deep))
                .isInstanceOf(WireException.class);
    }

    @Test
    void aMessageThatIsNotUtf8IsRefused() {
        byte[] message =
                "{\"method\": \"dev.lull.Guard.Status\", \"x\": \"?\"}"
                        .getBytes(StandardCharsets.UTF_8);
        message[message.length - 3] = (byte) 0xff;
        assertThatThrownBy(() -> Wire.request(message)).isInstanceOf(WireException.class);
    }

    @Test
    void moreDirectoriesThanDescriptorsCanTravelAreRefused() {
        Request arm =
                new Request.Arm(
                        1,
                        Collections.nCopies(Wire.MAX_PATHS + 1, "/a"),
                        true,
                        Duration.ofSeconds(1),
                        Optional.empty(),
                        true,
                        true,
                        "x");
        assertThatThrownBy(() -> Wire.request(withoutNul(Wire.encode(arm))))
                .isInstanceOf(WireException.class)
                .hasMessageContaining("254");
    }

    @Test
    void aReplyThatWouldBeTooLongBecomesAFailure() throws Exception {
        byte[] message = Wire.encode(new Reply.Ended(Collections.nCopies(10_000, FULL)));
        assertThat(message).hasSizeLessThan(Wire.MAX_REPLY);
        assertThat(Wire.reply(withoutNul(message), new Request.History(1_000)))
                .isInstanceOfSatisfying(
                        Reply.Failure.class, f -> assertThat(f.kind()).isEqualTo(Kind.FAILED));
    }

    @Test
    void anErrorThatThisVersionDoesNotKnowIsAFailure() throws Exception {
        assertThat(
                        Wire.reply(
                                "{\"error\": \"org.varlink.service.MethodNotFound\"}"
                                        .getBytes(StandardCharsets.UTF_8),
                                new Request.Status()))
                .isEqualTo(Reply.Failure.of(Kind.FAILED, "org.varlink.service.MethodNotFound", ""));
    }

    private static Request request(String message) throws WireException {
        return Wire.request(message.getBytes(StandardCharsets.UTF_8));
    }

    static byte[] withoutNul(byte[] message) {
        return Arrays.copyOf(message, message.length - 1);
    }
}
