package dev.lull.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lull.guard.LeaseView;
import dev.lull.guard.LeaseView.FilesystemView;
import dev.lull.guard.ParticipantState;
import dev.lull.guard.ParticipantView;
import dev.lull.guard.Reply;
import dev.lull.guard.Wire;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class LeaseReportTest {
    private static final ParticipantView SHOP =
            new ParticipantView(
                    3,
                    "shop",
                    4711,
                    1000,
                    5_000,
                    List.of("/srv/shop"),
                    List.of("7:3"),
                    ParticipantState.AT_REST,
                    "",
                    Map.of("lsn", "0/1"));

    private static LeaseView lease(String state, OptionalLong timeout, OptionalLong deadline) {
        return new LeaseView(
                "k3x9p2aa",
                state,
                "for a test",
                true,
                "hold",
                4711,
                0,
                10_000,
                timeout,
                deadline,
                0,
                OptionalLong.empty(),
                OptionalLong.of(1_534_000_000),
                List.of(
                        new FilesystemView(
                                "/srv\u001b[1m",
                                "7:3",
                                "ext4",
                                "/dev/loop3",
                                Optional.empty(),
                                "frozen",
                                0,
                                OptionalLong.empty(),
                                OptionalLong.empty(),
                                Optional.empty())));
    }

    private static Optional<Reply.GuardStatus> status(LeaseView... leases) {
        return status(1_000_000_000L, leases);
    }

    private static Optional<Reply.GuardStatus> status(long now, LeaseView... leases) {
        return Optional.of(
                new Reply.GuardStatus(
                        "0.1",
                        1,
                        7,
                        Optional.of(8),
                        Optional.empty(),
                        0,
                        now,
                        List.of(leases),
                        List.of(SHOP),
                        List.of("a warning")));
    }

    private static String print(Consumer<PrintStream> content) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (PrintStream out = new PrintStream(bytes, true, StandardCharsets.UTF_8)) {
            content.accept(out);
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Test
    void noGuardIsNoLeases() {
        assertThat(print(out -> LeaseReport.status(out, Optional.empty(), false)))
                .isEqualTo("no leases\n");
        assertThat(print(out -> LeaseReport.status(out, Optional.empty(), true)))
                .isEqualTo("{\"guard\":null,\"leases\":[],\"participants\":[],\"warnings\":[]}\n");
    }

    @Test
    void aLeaseHasALine() {
        LeaseView lease =
                lease("frozen", OptionalLong.of(30_000), OptionalLong.of(25_000_000_000L));
        assertThat(print(out -> LeaseReport.status(out, status(lease), false)))
                .isEqualTo(
                        """
                        LEASE     STATE   LEFT    HOLDER           FILESYSTEMS
                        k3x9p2aa  frozen  24.0 s  hold (pid 4711)  /srv\\x1b[1m (ext4)
                        PARTICIPANT  STATE    LIMIT   PROCESS  FILESYSTEMS
                        shop         at rest  5.00 s  4711     /srv/shop
                        warning: a warning
                        """);
    }

    /** What the kernel itself does not return is reported, with since when. */
    @Test
    void aCallThatDoesNotReturnHasALineOfItsOwn() {
        LeaseView lease = withPhase("thawing", "thawing");
        assertThat(print(out -> LeaseReport.status(out, status(62_000_000_000L, lease), false)))
                .containsPattern(
                        "\nstuck: lease k3x9p2aa: the kernel has not returned from FITHAW of /srv since "
                                + "\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d, for 62.0 s\n");
        assertThat(
                        print(out ->
                                LeaseReport.status(
                                        out,
                                        status(62_000_000_000L, withPhase("freezing", "freezing")),
                                        false)))
                .contains("not returned from FIFREEZE of /srv");
        // In time.
        assertThat(print(out -> LeaseReport.status(out, status(2_000_000_000L, lease), false)))
                .doesNotContain("stuck");
    }

    @Test
    void writingBackIsNoTroubleYet() {
        LeaseView lease = withPhase("armed", "syncing");
        assertThat(print(out -> LeaseReport.status(out, status(62_000_000_000L, lease), false)))
                .contains(
                        "\nnote: lease k3x9p2aa: what is dirty on /srv is being written back since")
                .contains("for 62.0 s; nothing is frozen\n")
                .doesNotContain("stuck");
    }

    private static LeaseView withPhase(String state, String phase) {
        LeaseView lease = lease(state, OptionalLong.of(30_000), OptionalLong.empty());
        FilesystemView one = lease.filesystems().getFirst();
        return new LeaseView(
                lease.id(),
                lease.state(),
                lease.reason(),
                lease.attached(),
                lease.program(),
                lease.pid(),
                lease.uid(),
                lease.withinMillis(),
                lease.timeoutMillis(),
                lease.deadline(),
                lease.beganAt(),
                lease.endedAt(),
                lease.windowNanos(),
                List.of(
                        new FilesystemView(
                                "/srv",
                                one.device(),
                                one.type(),
                                one.source(),
                                one.uuid(),
                                phase,
                                0,
                                one.freezeNanos(),
                                one.thawNanos(),
                                one.errno())));
    }

    @Test
    void aLeaseWithoutEndSaysSo() {
        LeaseView lease = lease("frozen", OptionalLong.empty(), OptionalLong.empty());
        assertThat(print(out -> LeaseReport.status(out, status(lease), false)))
                .contains("for ever");
    }

    @Test
    void theJsonHasWhatTheProtocolHas() throws Exception {
        LeaseView lease = lease("frozen", OptionalLong.of(30_000), OptionalLong.of(5));
        String json = print(out -> LeaseReport.ended(out, List.of(lease)));
        assertThat(json)
                .isEqualTo(
                        "{\"leases\":["
                                + new String(Wire.encode(lease), StandardCharsets.UTF_8)
                                + "]}\n");
    }

    @Test
    void anEndedLeaseHasALine() {
        LeaseView lease = lease("released", OptionalLong.empty(), OptionalLong.empty());
        assertThat(LeaseReport.line(lease))
                .isEqualTo("k3x9p2aa released after 1.53 s: /srv\u001b[1m");
    }

    @Test
    void onlyWhatWasHeldIsASuccess() {
        LeaseView held = lease("released", OptionalLong.empty(), OptionalLong.empty());
        LeaseView revoked = lease("revoked", OptionalLong.empty(), OptionalLong.empty());
        LeaseView expired = lease("expired", OptionalLong.empty(), OptionalLong.empty());
        assertThat(report(held, revoked)).isEqualTo(ExitCode.DONE);
        assertThat(report(held, expired)).isEqualTo(ExitCode.NOT_HELD);
    }

    private static ExitCode report(LeaseView... leases) {
        PrintStream nowhere = new PrintStream(PrintStream.nullOutputStream());
        return ThawCommand.report(List.of(leases), false, true, nowhere, nowhere);
    }
}
