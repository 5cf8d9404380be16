package dev.lull.guard;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.linux.Descriptor;
import dev.lull.testkit.FakeFilesystem;
import dev.lull.testkit.FakeKernel;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Processes that register with the guard, are brought to rest, and go on whatever happens. */
class RegistrationsTest {
    private static final Duration LIMIT = Duration.ofSeconds(5);
    private static final Duration LONGEST = Duration.ofSeconds(40);
    private static final int ALICE = 1000;

    private @TempDir Path directory;
    private GuardHost host;
    private FakeFilesystem srv;
    private FakeFilesystem home;
    private GuardHost.Client shop;
    private GuardHost.Client mail;
    private GuardHost.Client holder;

    @BeforeEach
    void boot() throws IOException {
        host = new GuardHost(directory);
        srv = host.filesystem("ext4", "/srv");
        home = host.filesystem("ext4", "/home");
        shop = host.new Client();
        mail = host.new Client();
        holder = host.new Client();
    }

    @AfterEach
    void shutDown() throws IOException {
        shop.close();
        mail.close();
        holder.close();
        host.close();
    }

    private int register(GuardHost.Client client, String name, FakeFilesystem on)
            throws IOException {
        return ((Reply.Registered) asked(client, host.kernel, name, LIMIT, on)).participant();
    }

    private static Reply asked(
            GuardHost.Client client,
            FakeKernel kernel,
            String name,
            Duration limit,
            FakeFilesystem on)
            throws IOException {
        try (Descriptor opened = kernel.openDirectory(on.mountPoint())) {
            return client.call(
                    new Request.Register(
                            Wire.PROTOCOL, name, limit, List.of(on.mountPoint().toString())),
                    opened);
        }
    }

    private static void ordered(GuardHost.Client client, Reply.Ordered.Order order)
            throws IOException {
        assertThat(client.hear(new Request.Await()))
                .isInstanceOfSatisfying(
                        Reply.Ordered.class, o -> assertThat(o.order()).isEqualTo(order));
    }

    private static void answer(GuardHost.Client client, Request.Answer.Outcome outcome, String why)
            throws IOException {
        assertThat(client.call(new Request.Answer(outcome, why, Map.of("at", "7"))))
                .isEqualTo(new Reply.Done());
        client.say(new Request.Await());
    }

    private static void done(GuardHost.Client client) throws IOException {
        answer(client, Request.Answer.Outcome.DONE, "");
    }

    private static List<ParticipantState> states(Reply reply) {
        assertThat(reply).isInstanceOf(Reply.Heard.class);
        return ((Reply.Heard) reply).participants().stream().map(ParticipantView::state).toList();
    }

    private ParticipantState state(String name) {
        return host.status().participants().stream()
                .filter(one -> one.name().equals(name))
                .map(ParticipantView::state)
                .findFirst()
                .orElse(ParticipantState.GONE);
    }

    private Request.Rest restOfBoth() throws IOException {
        Request.Rest rest =
                new Request.Rest(
                        List.of(register(shop, "shop", srv), register(mail, "mail", home)),
                        LONGEST);
        shop.say(new Request.Await());
        mail.say(new Request.Await());
        return rest;
    }

    /** Both at rest for the holder. */
    private void bringToRest() throws IOException {
        Request.Rest rest = restOfBoth();
        holder.say(rest);
        ordered(shop, Reply.Ordered.Order.REST);
        ordered(mail, Reply.Ordered.Order.REST);
        done(shop);
        done(mail);
        assertThat(states(holder.hear(rest)))
                .containsExactly(ParticipantState.AT_REST, ParticipantState.AT_REST);
    }

    @Test
    void allAreBroughtToRestAndGoOn() throws IOException {
        bringToRest();
        assertThat(host.status().participants())
                .extracting(ParticipantView::name, ParticipantView::state, one -> one.devices())
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple(
                                "shop", ParticipantState.AT_REST, List.of(srv.device().toString())),
                        org.assertj.core.groups.Tuple.tuple(
                                "mail",
                                ParticipantState.AT_REST,
                                List.of(home.device().toString())));

        holder.say(new Request.Resume());
        ordered(shop, Reply.Ordered.Order.RESUME);
        ordered(mail, Reply.Ordered.Order.RESUME);
        done(shop);
        done(mail);

        Reply ended = holder.hear(new Request.Resume());
        assertThat(states(ended)).containsOnly(ParticipantState.IDLE);
        assertThat(((Reply.Heard) ended).participants())
                .allSatisfy(one -> assertThat(one.evidence()).containsEntry("at", "7"));
        assertThat(state("shop")).isEqualTo(ParticipantState.IDLE);
    }

    @Test
    void oneThatCannotIsToldOfAndAllGoOn() throws IOException {
        Request.Rest rest = restOfBoth();
        holder.say(rest);
        ordered(shop, Reply.Ordered.Order.REST);
        ordered(mail, Reply.Ordered.Order.REST);
        answer(shop, Request.Answer.Outcome.FAILED, "the queue is full");
        done(mail);
        Reply heard = holder.hear(rest);
        assertThat(states(heard))
                .containsExactly(ParticipantState.FAILED, ParticipantState.AT_REST);
        assertThat(((Reply.Heard) heard).participants().getFirst().message())
                .isEqualTo("the queue is full");

        holder.say(new Request.Resume());
        ordered(shop, Reply.Ordered.Order.RESUME);
        ordered(mail, Reply.Ordered.Order.RESUME);
        done(shop);
        answer(mail, Request.Answer.Outcome.NOT_AT_REST, "an operator let it go on");
        assertThat(states(holder.hear(new Request.Resume())))
                .containsExactly(ParticipantState.IDLE, ParticipantState.NOT_AT_REST);
    }

    @Test
    void oneThatDoesNotAnswerIsLateAndIsStillToldToGoOn() throws IOException {
        Request.Rest rest = restOfBoth();
        holder.say(rest);
        ordered(shop, Reply.Ordered.Order.REST);
        ordered(mail, Reply.Ordered.Order.REST);
        done(mail);
        host.clock.advance(LIMIT.plusMillis(10));
        assertThat(states(holder.hear(rest)))
                .containsExactly(ParticipantState.LATE, ParticipantState.AT_REST);

        holder.say(new Request.Resume());
        ordered(mail, Reply.Ordered.Order.RESUME);
        done(mail);
        done(shop);
        ordered(shop, Reply.Ordered.Order.RESUME);
        done(shop);
        assertThat(states(holder.hear(new Request.Resume()))).containsOnly(ParticipantState.IDLE);
    }

    @Test
    void oneThatNeverAnswersIsNotAskedAgainAndKeepsNobodyWaiting() throws IOException {
        Request.Rest rest = restOfBoth();
        holder.say(rest);
        ordered(shop, Reply.Ordered.Order.REST);
        ordered(mail, Reply.Ordered.Order.REST);
        done(mail);
        host.clock.advance(LIMIT.plusMillis(10));
        holder.hear(rest);
        holder.say(new Request.Resume());
        ordered(mail, Reply.Ordered.Order.RESUME);
        done(mail);
        host.clock.advance(LIMIT.plusMillis(10));
        assertThat(states(holder.hear(new Request.Resume())))
                .containsExactly(ParticipantState.LATE, ParticipantState.IDLE);

        assertThat(holder.call(rest))
                .isInstanceOfSatisfying(
                        Reply.Failure.class,
                        failure ->
                                assertThat(failure.message())
                                        .contains("shop has still not answered"));
        done(shop);
        ordered(shop, Reply.Ordered.Order.RESUME);
        done(shop);
        host.until(() -> state("shop") == ParticipantState.IDLE);
    }

    @Test
    void oneThatDisconnectsIsForgottenAndTheBackupKnows() throws IOException {
        bringToRest();
        shop.close();
        host.until(() -> host.status().participants().size() == 1);

        holder.say(new Request.Resume());
        ordered(mail, Reply.Ordered.Order.RESUME);
        done(mail);
        assertThat(states(holder.hear(new Request.Resume())))
                .containsExactly(ParticipantState.GONE, ParticipantState.IDLE);
        assertThat(holder.call(new Request.Rest(List.of(1), LONGEST)))
                .isInstanceOf(Reply.Failure.class);
    }

    @Test
    void allGoOnWhenTheHolderIsGone() throws IOException {
        bringToRest();
        holder.close();

        ordered(shop, Reply.Ordered.Order.RESUME);
        ordered(mail, Reply.Ordered.Order.RESUME);
        done(shop);
        done(mail);
        host.until(() -> state("shop") == ParticipantState.IDLE);
    }

    @Test
    void allGoOnWhenTheHolderIsGoneBeforeTheyAreAtRest() throws IOException {
        Request.Rest rest = restOfBoth();
        holder.say(rest);
        ordered(shop, Reply.Ordered.Order.REST);
        ordered(mail, Reply.Ordered.Order.REST);
        holder.close();
        done(shop);
        done(mail);

        ordered(shop, Reply.Ordered.Order.RESUME);
        ordered(mail, Reply.Ordered.Order.RESUME);
    }

    @Test
    void allGoOnWhenTheTimeIsOverAndTheBackupKnows() throws IOException {
        bringToRest();
        host.clock.advance(LONGEST.plusMillis(10));

        ordered(shop, Reply.Ordered.Order.RESUME);
        ordered(mail, Reply.Ordered.Order.RESUME);
        done(shop);
        done(mail);
        host.until(() -> state("mail") == ParticipantState.IDLE);
        assertThat(states(holder.call(new Request.Resume())))
                .containsOnly(ParticipantState.NOT_AT_REST);
        assertThat(holder.call(new Request.Resume())).isInstanceOf(Reply.Failure.class);
    }

    @Test
    void oneIsAtRestForOneBackupOnly() throws IOException {
        bringToRest();
        try (GuardHost.Client second = host.new Client()) {
            assertThat(second.call(new Request.Rest(List.of(1), LONGEST)))
                    .isInstanceOfSatisfying(
                            Reply.Failure.class,
                            failure ->
                                    assertThat(failure.message())
                                            .isEqualTo("shop is at rest for another backup"));
        }
    }

    @Test
    void thePolicySaysWhoMayAndForHowLong() throws IOException {
        host.policy("participant alice /srv max 2s\n");
        FakeKernel alice = host.processOf(ALICE);
        host.until(() -> registers(alice));
        try (GuardHost.Client client = host.new Client(alice)) {
            assertThat(asked(client, alice, "shop", LIMIT, srv))
                    .isInstanceOfSatisfying(
                            Reply.Failure.class,
                            failure ->
                                    assertThat(failure.message())
                                            .contains("waiting for 2s at most, not 5s"));
            assertThat(asked(client, alice, "shop", Duration.ofSeconds(1), home))
                    .isInstanceOfSatisfying(
                            Reply.Failure.class,
                            failure ->
                                    assertThat(failure.message())
                                            .contains("may not register for /home"));
            assertThat(client.arm(true, srv))
                    .as("no leave to freeze")
                    .isInstanceOf(Reply.Failure.class);
            assertThat(client.call(new Request.Rest(List.of(1), LONGEST)))
                    .isInstanceOfSatisfying(
                            Reply.Failure.class,
                            failure ->
                                    assertThat(failure.kind())
                                            .isEqualTo(Reply.Failure.Kind.NOT_PERMITTED));
        }
    }

    private boolean registers(FakeKernel user) {
        try (GuardHost.Client client = host.new Client(user)) {
            return asked(client, user, "shop", Duration.ofSeconds(1), srv)
                    instanceof Reply.Registered;
        } catch (IOException e) {
            return false;
        }
    }

    @Test
    void whatMakesNoSenseIsRefused() throws IOException {
        assertThat(shop.call(new Request.Await())).isInstanceOf(Reply.Failure.class);
        register(shop, "shop", srv);
        assertThat(asked(shop, host.kernel, "again", LIMIT, srv)).isInstanceOf(Reply.Failure.class);
        assertThat(shop.call(new Request.Answer(Request.Answer.Outcome.DONE, "unasked", Map.of())))
                .isInstanceOf(Reply.Failure.class);
        assertThat(holder.call(new Request.Resume())).isInstanceOf(Reply.Failure.class);
        assertThat(holder.call(new Request.Rest(List.of(99), LONGEST)))
                .isInstanceOf(Reply.Failure.class);
    }
}
