package dev.lull.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.lull.linux.Errno;
import dev.lull.linux.KernelException;
import dev.lull.linux.TrappedIoctl;
import dev.lull.linux.TrappedIoctl.Request;
import dev.lull.testkit.FakeClock;
import dev.lull.testkit.FakeKernel;
import dev.lull.testkit.FakeProcess;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

/** What is read of an argument. All else needs a guard: RunIT and its like. */
class FreezeIoctlTest {
    private static final long ADDRESS = 0x7FFF_1234_5678L;

    private final FakeKernel kernel = FakeKernel.boot(new FakeClock());
    private final FakeProcess caller = kernel.another("caller").process();

    @Test
    void isTheIntThatItPointsTo() throws KernelException {
        caller.poke(ADDRESS, (byte) 0x2C, (byte) 1, (byte) 0, (byte) 0);
        assertThat(argumentAt(ADDRESS)).hasValue(300);
        caller.poke(ADDRESS, (byte) -1, (byte) -1, (byte) -1, (byte) -1);
        assertThat(argumentAt(ADDRESS)).hasValue(-1);
    }

    /** xfs_freeze(8) has an int there, and behind it anything. */
    @Test
    void isNotALong() throws KernelException {
        byte rubbish = 0x7F;
        caller.poke(ADDRESS, new byte[] {10, 0, 0, 0, rubbish, rubbish, rubbish, rubbish});
        assertThat(argumentAt(ADDRESS)).hasValue(10);
    }

    @Test
    void isNoneWhereNothingCanBeRead() throws KernelException {
        assertThat(argumentAt(0)).isEmpty();
        assertThat(argumentAt(1)).isEmpty();
        caller.poke(ADDRESS, (byte) 1, (byte) 0, (byte) 0);
        assertThat(argumentAt(ADDRESS)).as("a part of it").isEmpty();
        assertThat(argumentAt(-1)).isEmpty();
    }

    /** A caller that is gone asks for nothing, not even for the usual. */
    @Test
    void isNotThatOfACallerWhoIsGone() {
        assertThatExceptionOfType(KernelException.class)
                .isThrownBy(() ->
                        FreezeIoctl.argument(
                                kernel, new TrappedIoctl(1, 1 << 22, 3, Request.FREEZE, ADDRESS)))
                .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.ESRCH));
    }

    private OptionalInt argumentAt(long address) throws KernelException {
        return FreezeIoctl.argument(
                kernel, new TrappedIoctl(1, caller.pid(), 3, Request.FREEZE, address));
    }
}
