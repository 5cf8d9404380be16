package dev.lull.freeze;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lull.guard.Reply;
import dev.lull.guard.Wire;
import dev.lull.linux.Descriptor;
import dev.lull.linux.LinuxKernel;
import java.nio.ByteBuffer;
import java.util.List;
import org.junit.jupiter.api.Test;

/** A guard that hangs up before it is asked anything. */
class GuardClientTest {
    private final LinuxKernel kernel = new LinuxKernel();

    @Test
    void whyAGuardTurnsACallerAwayIsHeard() throws Exception {
        Reply why =
                Reply.Failure.of(
                        Reply.Failure.Kind.NOT_PERMITTED,
                        "user 1002 may not hold leases",
                        "be root");
        try (GuardClient client = turnedAway(Wire.encode(why))) {
            assertThatThrownBy(client::status)
                    .isInstanceOf(NotPermittedException.class)
                    .hasMessageContaining("user 1002 may not hold leases");
        }
    }

    @Test
    void aGuardThatSaysNothingIsGone() throws Exception {
        try (GuardClient client = turnedAway(new byte[0])) {
            assertThatThrownBy(client::status).isInstanceOf(GuardGoneException.class);
        }
    }

    private GuardClient turnedAway(byte[] words) throws Exception {
        List<Descriptor> ends = kernel.socketPair("guard");
        try (Descriptor guard = ends.getLast()) {
            ByteBuffer left = ByteBuffer.wrap(words);
            while (left.hasRemaining()) {
                kernel.send(guard, left, List.of());
            }
        }
        return new GuardClient(kernel, ends.getFirst());
    }
}
