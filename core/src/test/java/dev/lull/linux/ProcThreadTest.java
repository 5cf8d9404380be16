package dev.lull.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.charset.StandardCharsets;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class ProcThreadTest {
    private static final String REST =
            " 1 1 1 0 -1 4194560 9 0 0 0 0 0 0 0 20 0 1 0 168095 4096 1\n";
    private static final String STATUS =
            "Name:\tx\nState:\tS (sleeping)\nSigQ:\t0/1\nSigPnd:\t%s\nShdPnd:\t%s\nSigBlk:\t0\n";

    private static ThreadStatus parse(String stat, String own, String shared) {
        return ProcThread.parse(
                stat.getBytes(StandardCharsets.UTF_8),
                STATUS.formatted(own, shared).getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void readsStateAndStart() {
        assertThat(parse("17 (java) D" + REST, "0000000000000000", "0000000000000000"))
                .isEqualTo(new ThreadStatus('D', 168095, false, false));
    }

    @Test
    void isNotTakenInByTheCommandsName() {
        assertThat(parse("17 (a) Z 1 (b\n) S" + REST, "0", "0"))
                .isEqualTo(new ThreadStatus('S', 168095, false, false));
    }

    @Test
    void seesAPendingKillOfTheThreadAndOfTheProcess() {
        assertThat(parse("17 (a) D" + REST, "0000000000000100", "0").killPending()).isTrue();
        assertThat(parse("17 (a) D" + REST, "0", "0000000000000100").killPending()).isTrue();
        // SIGUSR1 and SIGSEGV, 10 and 11; all that there are but SIGKILL
        assertThat(parse("17 (a) D" + REST, "600", "600").killPending()).isFalse();
        assertThat(parse("17 (a) D" + REST, "fffffffffffffeff", "0").killPending()).isFalse();
    }

    @Test
    void seesACoreDumpFromWhichThereIsNoWayBack() {
        byte[] stat = ("17 (a) D" + REST).getBytes(StandardCharsets.UTF_8);
        for (int dumping = 0; dumping <= 1; dumping++) {
            String status =
                    STATUS.formatted("0", "0") + "CoreDumping:\t" + dumping + "\nCpus:\t3\n";
            ThreadStatus thread = ProcThread.parse(stat, status.getBytes(StandardCharsets.UTF_8));
            assertThat(thread.dumpingCore()).isEqualTo(dumping == 1);
            assertThat(thread.ending()).isEqualTo(dumping == 1);
        }
        // Kernels before 4.15 do not say.
        assertThat(parse("17 (a) D" + REST, "0", "0").dumpingCore()).isFalse();
    }

    @Test
    void refusesWhatIsCutShort() {
        assertThatIllegalArgumentException().isThrownBy(() -> parse("", "0", "0"));
        assertThatIllegalArgumentException().isThrownBy(() -> parse("17 (a)", "0", "0"));
        assertThatIllegalArgumentException().isThrownBy(() -> parse("17 (a) D 1 1", "0", "0"));
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        ProcThread.parse(
                                ("17 (a) D" + REST).getBytes(StandardCharsets.UTF_8), new byte[0]));
    }

    @Test
    void tellsADeepSleepByItsNumber() {
        String status =
                """
                Name:\tx\\nState:\tR
                Umask:\t0022
                State:\t%s
                Threads:\t1
                voluntary_ctxt_switches:\t1234567890123
                nonvoluntary_ctxt_switches:\t7
                """;
        assertThat(deepSleep(status.formatted("D (disk sleep)"))).hasValue(1234567890123L);
        assertThat(deepSleep(status.formatted("S (sleeping)"))).isEmpty();
        assertThat(deepSleep(status.formatted("Z (zombie)"))).isEmpty();
        assertThatIllegalArgumentException().isThrownBy(() -> deepSleep("Name:\tx\n"));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> deepSleep("Name:\tx\nState:\tD (disk sleep)\n"));
    }

    private static OptionalLong deepSleep(String status) {
        return ProcThread.deepSleep(status.getBytes(StandardCharsets.UTF_8));
    }
}
